//! Status codes of responses (RFC 3261 §21).

/// A response status code between 100 and 699.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

macro_rules! statuses {
    ($($(#[$documentation:meta])* $name:ident = $code:literal $phrase:literal;)*) => {
        impl Status {
            $($(#[$documentation])* pub const $name: Self = Self($code);)*

            /// The reason phrase that RFC 3261 §21 gives the code, or its class's.
            #[must_use]
            pub fn phrase(self) -> &'static str {
                match self.0 {
                    $($code => $phrase,)*
                    0..200 => "Session Progress",
                    200..300 => "OK",
                    300..400 => "Redirection",
                    400..500 => "Request Failure",
                    500..600 => "Server Failure",
                    600.. => "Global Failure",
                }
            }
        }
    };
}

statuses! {
    /// The request has arrived; nothing is decided.
    TRYING = 100 "Trying";
    /// The called party is being alerted.
    RINGING = 180 "Ringing";
    /// Success.
    OK = 200 "OK";
    /// The request is understood, and what comes of it is told later (RFC 3515 §2.4.2).
    ACCEPTED = 202 "Accepted";
    /// The request is malformed.
    BAD_REQUEST = 400 "Bad Request";
    /// The request is understood and refused.
    FORBIDDEN = 403 "Forbidden";
    /// Nobody has this number.
    NOT_FOUND = 404 "Not Found";
    /// The method is known and not allowed here.
    METHOD_NOT_ALLOWED = 405 "Method Not Allowed";
    /// The body is larger than this side takes.
    REQUEST_ENTITY_TOO_LARGE = 413 "Request Entity Too Large";
    /// The body's type or encoding is not supported.
    UNSUPPORTED_MEDIA_TYPE = 415 "Unsupported Media Type";
    /// The Request-URI's scheme is not supported.
    UNSUPPORTED_URI_SCHEME = 416 "Unsupported URI Scheme";
    /// An option named in Require is not supported (§8.2.2.3).
    BAD_EXTENSION = 420 "Bad Extension";
    /// INFO of a package nobody asked for (RFC 6086 §4.2.2).
    BAD_INFO_PACKAGE = 469 "Bad Info Package";
    /// The called party cannot take the call now.
    TEMPORARILY_UNAVAILABLE = 480 "Temporarily Unavailable";
    /// No answer was made in time.
    REQUEST_TIMEOUT = 408 "Request Timeout";
    /// No such dialog or transaction.
    NO_SUCH_CALL = 481 "Call/Transaction Does Not Exist";
    /// A merged request: the same one by another path (§8.2.2.2).
    LOOP_DETECTED = 482 "Loop Detected";
    /// Max-Forwards has run out.
    TOO_MANY_HOPS = 483 "Too Many Hops";
    /// The called party is busy.
    BUSY_HERE = 486 "Busy Here";
    /// The request was ended by CANCEL or BYE.
    REQUEST_TERMINATED = 487 "Request Terminated";
    /// The session described cannot be taken.
    NOT_ACCEPTABLE_HERE = 488 "Not Acceptable Here";
    /// NOTIFY of an event package that this side does not follow (RFC 6665 §8.3.2).
    BAD_EVENT = 489 "Bad Event";
    /// Another request is pending in the dialog (§14.2).
    REQUEST_PENDING = 491 "Request Pending";
    /// The server failed.
    SERVER_INTERNAL_ERROR = 500 "Server Internal Error";
    /// The method is unknown.
    NOT_IMPLEMENTED = 501 "Not Implemented";
    /// Full, draining or unhealthy.
    SERVICE_UNAVAILABLE = 503 "Service Unavailable";
    /// The protocol version is not 2.0.
    VERSION_NOT_SUPPORTED = 505 "Version Not Supported";
    /// The called party declines.
    DECLINE = 603 "Decline";
}

impl Status {
    /// A status of this code, or `None` outside 100 to 699.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        if code >= 100 && code <= 699 { Some(Self(code)) } else { None }
    }

    /// The code as a number.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.0
    }

    /// Whether this is a 1xx.
    #[must_use]
    pub const fn is_provisional(self) -> bool {
        self.0 < 200
    }

    /// Whether this is a 2xx.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 >= 200 && self.0 < 300
    }

    /// Whether this is a 3xx to 6xx.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        self.0 >= 300
    }
}
