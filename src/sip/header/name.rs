//! The header fields this side reads or writes.

macro_rules! names {
    ($($(#[$documentation:meta])* $variant:ident = $full:literal $(, $compact:literal)?;)*) => {
        /// A header field this side reads or writes; the others are dropped when a message is parsed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum HeaderName {
            $($(#[$documentation])* $variant,)*
        }

        impl HeaderName {
            /// The name in its long form.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $full,)* }
            }

            /// The header of this name, long or compact (RFC 3261 §7.3.3), in any case.
            #[must_use]
            pub fn find(text: &str) -> Option<Self> {
                $(if text.eq_ignore_ascii_case($full) $(|| text.eq_ignore_ascii_case($compact))? {
                    return Some(Self::$variant);
                })*
                None
            }
        }
    };
}

names! {
    /// RFC 3261 §20.42.
    Via = "Via", "v";
    /// RFC 3261 §20.20.
    From = "From", "f";
    /// RFC 3261 §20.39.
    To = "To", "t";
    /// RFC 3261 §20.8.
    CallId = "Call-ID", "i";
    /// RFC 3261 §20.16.
    CSeq = "CSeq";
    /// RFC 3261 §20.10.
    Contact = "Contact", "m";
    /// RFC 3261 §20.14.
    ContentLength = "Content-Length", "l";
    /// RFC 3261 §20.15.
    ContentType = "Content-Type", "c";
    /// RFC 3261 §20.22.
    MaxForwards = "Max-Forwards";
    /// RFC 3261 §20.30.
    RecordRoute = "Record-Route";
    /// RFC 3261 §20.34.
    Route = "Route";
    /// RFC 3325 §9.1.
    PAssertedIdentity = "P-Asserted-Identity";
    /// RFC 3323 §4.2.
    Privacy = "Privacy";
    /// Twilio's name for the call: <https://www.twilio.com/docs/voice/api/sip-twiml>.
    TwilioCallSid = "X-Twilio-CallSid";
    /// Telnyx's name for the call.
    TelnyxCallControlId = "X-Telnyx-Call-Control-ID";
    /// RFC 3261 §20.32.
    Require = "Require";
    /// RFC 3261 §20.12.
    ContentEncoding = "Content-Encoding", "e";
    /// RFC 3261 §20.19.
    Expires = "Expires";
    /// RFC 6086 §7.
    InfoPackage = "Info-Package";
    /// RFC 6665 §8.2.1.
    Event = "Event", "o";
    /// RFC 6665 §8.2.3.
    SubscriptionState = "Subscription-State";
    /// RFC 3515 §2.1.
    ReferTo = "Refer-To", "r";
    /// RFC 3892 §2.1.
    ReferredBy = "Referred-By", "b";
    /// RFC 3261 §20.1.
    Accept = "Accept";
    /// RFC 3261 §20.2.
    AcceptEncoding = "Accept-Encoding";
    /// RFC 3261 §20.5.
    Allow = "Allow";
    /// RFC 3326.
    Reason = "Reason";
    /// RFC 3261 §20.33.
    RetryAfter = "Retry-After";
    /// RFC 3261 §20.35.
    Server = "Server";
    /// RFC 3261 §20.40.
    Unsupported = "Unsupported";
    /// RFC 3261 §20.43.
    Warning = "Warning";
}

impl HeaderName {
    /// Whether one header of this name may hold several values with commas between them.
    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(
            self,
            Self::Via | Self::Contact | Self::RecordRoute | Self::Route | Self::PAssertedIdentity | Self::Require
        )
    }
}
