//! Why a call ends: a gRPC status, and Salesforce's own code in a trailer (Pub/Sub API, "Handle Errors").

/// The part that every code begins with.
const PREFIX: &str = "sfdc.platform.eventbus.grpc";

/// Why a call ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The number of a gRPC status.
    pub(crate) status: i32,
    pub(crate) code: String,
    pub(crate) message: String,
}

const INVALID_ARGUMENT: i32 = 3;
const NOT_FOUND: i32 = 5;
const PERMISSION_DENIED: i32 = 7;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNIMPLEMENTED: i32 = 12;
const UNAVAILABLE: i32 = 14;
const UNAUTHENTICATED: i32 = 16;

impl Refusal {
    fn new(status: i32, code: &str, message: &str) -> Self {
        Self { status, code: format!("{PREFIX}.{code}"), message: message.to_owned() }
    }

    pub(crate) fn ordered(status: i32, code: &str) -> Self {
        Self { status, code: code.to_owned(), message: "refused as ordered".to_owned() }
    }

    pub(crate) fn session() -> Self {
        Self::new(UNAUTHENTICATED, "service.auth.error", "An authentication exception occurred")
    }

    /// An id that is none, and one that is too old, cannot be told apart.
    pub(crate) fn corrupted() -> Self {
        let message = "The Replay ID validation failed. Ensure that the Replay ID is valid.";
        Self::new(INVALID_ARGUMENT, "subscription.fetch.replayid.corrupted", message)
    }

    pub(crate) fn no_replay_id() -> Self {
        let message = "A CUSTOM replay preset needs a replay id";
        Self::new(INVALID_ARGUMENT, "subscription.fetch.replayid.validation.failed", message)
    }

    pub(crate) fn requested() -> Self {
        let message = "The number of requested events must be greater than zero";
        Self::new(INVALID_ARGUMENT, "subscription.fetch.requested.events.invalid", message)
    }

    pub(crate) fn other_topic() -> Self {
        Self::new(INVALID_ARGUMENT, "subscription.fetch.topic.invalid", "The topic of a stream does not change")
    }

    /// The spelling of an org was not found.
    pub(crate) fn no_topic(topic: &str) -> Self {
        Self::new(NOT_FOUND, "topic.notfound", &format!("The topic {topic} was not found"))
    }

    /// The spelling of an org was not found.
    pub(crate) fn closed(topic: &str) -> Self {
        Self::new(PERMISSION_DENIED, "topic.access.denied", &format!("No access to the topic {topic}"))
    }

    /// The spelling of an org was not found.
    pub(crate) fn no_schema() -> Self {
        Self::new(NOT_FOUND, "schema.notfound", "The schema was not found")
    }

    pub(crate) fn allowance() -> Self {
        let message = "You have exceeded the event delivery allocation of your org";
        Self::new(RESOURCE_EXHAUSTED, "subscription.limit.exceeded", message)
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(UNAVAILABLE, "service.unavailable", "The service is unavailable")
    }

    /// Which status an org ends an idle stream with was not found.
    pub(crate) fn idle() -> Self {
        Self::new(UNAVAILABLE, "subscription.fetch.idle", "No events were asked for in time")
    }

    pub(crate) fn managed() -> Self {
        Self::new(UNIMPLEMENTED, "service.unimplemented", "Managed subscriptions are not played here")
    }
}
