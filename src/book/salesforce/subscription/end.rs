//! Why a stream ended, from what the server says: a gRPC status and Salesforce's own code beside it (Pub/Sub API, "Handle
//! Errors").

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// There was no connection, or it was lost, or the server ended the stream.
    Unavailable,
    /// No answer came for too long.
    Silent,
    /// There is no session, or it is not taken any more.
    Session,
    /// The place where it should have begun is not known, or not any more.
    Corrupted,
    /// No more events are delivered this day.
    Limited,
    /// The org does not give this stream to this user.
    Refused,
    /// What was received could not be stored.
    Unstored,
}

/// Numbers of gRPC statuses (gRPC, "Status codes and their use in gRPC").
const INVALID_ARGUMENT: i32 = 3;
const NOT_FOUND: i32 = 5;
const PERMISSION_DENIED: i32 = 7;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNIMPLEMENTED: i32 = 12;
const UNAUTHENTICATED: i32 = 16;

impl End {
    /// What a status means, `code` by Salesforce's own word, which proxies may drop; then the `message` says the same.
    #[must_use]
    pub fn of_status(status: i32, code: Option<&str>, message: &str) -> Self {
        let says = |word: &str| code.is_some_and(|code| code.contains(word));
        let is_corrupted = says(".fetch.replayid.") || (code.is_none() && message.contains("Replay ID"));
        if is_corrupted {
            return Self::Corrupted;
        }
        if says(".auth.") || status == UNAUTHENTICATED {
            return Self::Session;
        }
        if says("limit.exceeded") || status == RESOURCE_EXHAUSTED {
            return Self::Limited;
        }
        match status {
            INVALID_ARGUMENT | NOT_FOUND | PERMISSION_DENIED | UNIMPLEMENTED => Self::Refused,
            _ => Self::Unavailable,
        }
    }

    /// The name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Silent => "silent",
            Self::Session => "session",
            Self::Corrupted => "corrupted",
            Self::Limited => "limited",
            Self::Refused => "refused",
            Self::Unstored => "unstored",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_by_its_code_and_without_one_by_what_is_left() {
        const GRPC: &str = "sfdc.platform.eventbus.grpc";
        for (status, code, message, end) in [
            (3, Some("subscription.fetch.replayid.corrupted"), "", End::Corrupted),
            (3, Some("subscription.fetch.replayid.validation.failed"), "", End::Corrupted),
            (3, None, "The Replay ID validation failed. Ensure that the Replay ID is valid.", End::Corrupted),
            (3, Some("subscription.fetch.requested.events.invalid"), "", End::Refused),
            (16, Some("service.auth.error"), "", End::Session),
            (16, None, "", End::Session),
            (3, Some("service.auth.refresh.invalid"), "", End::Session),
            (8, Some("subscription.limit.exceeded"), "", End::Limited),
            (8, None, "", End::Limited),
            (5, Some("topic.notfound"), "", End::Refused),
            (7, None, "", End::Refused),
            (12, None, "", End::Refused),
            (14, Some("service.unavailable"), "", End::Unavailable),
            (2, None, "h2 protocol error", End::Unavailable),
            (-1, None, "", End::Unavailable),
        ] {
            let code = code.map(|code| format!("{GRPC}.{code}"));
            assert_eq!(End::of_status(status, code.as_deref(), message), end, "{status} {code:?} {message}");
        }
    }
}
