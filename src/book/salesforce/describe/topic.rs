//! Whether the events can be had: what the Pub/Sub API says of their topic.

use std::time::Duration;

use super::Described;
use super::finding::{Finding, Subject, Weight};
use crate::salesforce::mapping::{EventMapping, Mapping};
use crate::salesforce::subscription::Timing;

/// What came of asking for a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The user may subscribe to it.
    Open,
    /// The user may not.
    Closed,
    /// There is none of this name, as far as the user sees.
    Unknown,
    /// The session is not taken.
    Session,
    /// There is no connection, or none that gRPC gets through.
    Unreached,
    /// Something else than the API answers.
    Foreign,
    /// The API answers neither way; its code or status.
    Refused(String),
}

/// Numbers of gRPC statuses (gRPC, "Status codes and their use in gRPC").
const UNKNOWN: i32 = 2;
const INVALID_ARGUMENT: i32 = 3;
const NOT_FOUND: i32 = 5;
const PERMISSION_DENIED: i32 = 7;
const INTERNAL: i32 = 13;
const UNAVAILABLE: i32 = 14;
const UNAUTHENTICATED: i32 = 16;

impl Topic {
    /// What a gRPC status means, `code` by Salesforce's own word (Pub/Sub API, "Handle Errors").
    #[must_use]
    pub fn of_status(status: i32, code: Option<&str>) -> Self {
        let is_of_topic = code.is_some_and(|code| code.contains(".topic."));
        match status {
            NOT_FOUND => Self::Unknown,
            INVALID_ARGUMENT if is_of_topic => Self::Unknown,
            PERMISSION_DENIED => Self::Closed,
            UNAUTHENTICATED => Self::Session,
            // The API names a code; without one it is the connection.
            UNKNOWN | INTERNAL | UNAVAILABLE if code.is_none() => Self::Unreached,
            status => Self::Refused(code.map_or_else(|| format!("gRPC status {status}"), str::to_owned)),
        }
    }
}

/// What was asked, and where.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The address of the Pub/Sub API.
    pub endpoint: &'a str,
    /// The topic, where it is not the event's.
    pub topic: Option<&'a str>,
    /// How long things take where events are not to be had.
    pub timing: Timing,
}

impl Asked<'_> {
    /// What keeps events from coming; `None` where nothing does, or where the comparison with what is described says so.
    #[must_use]
    pub fn finding(&self, mapping: &Mapping, org: &Described, answer: &Topic) -> Option<Finding> {
        let event = mapping.event()?;
        let is_told = self.topic.is_none() && !org.has(event.api().as_str());
        let (subject, what, remedy) = match answer {
            Topic::Open => return None,
            Topic::Unknown | Topic::Closed if is_told => return None,
            Topic::Unknown | Topic::Closed => self.of_topic(event, answer),
            Topic::Session | Topic::Unreached | Topic::Foreign | Topic::Refused(_) => self.of_endpoint(answer),
        };
        let remedy = format!("{remedy}. {}", instead(&self.timing));
        // Where gRPC is blocked for good, what stands in is the way that is left.
        let weight = if *answer == Topic::Unreached { Weight::Warns } else { Weight::StopsAssignments };
        Some(Finding { weight, subject, field: None, what, remedy })
    }

    fn of_topic(&self, event: &EventMapping, answer: &Topic) -> (Subject, String, String) {
        let topic = self.topic.map_or_else(|| event.topic(), str::to_owned);
        let subject = self.topic.map_or(Subject::AssignmentEvent, |_| Subject::Setting("book.events.topic"));
        let api = event.api();
        if *answer == Topic::Closed {
            let what = format!("the gateway's user may not subscribe to {topic}");
            return (subject, what, format!("grant Read on {api} in the user's permission set"));
        }
        let what = format!("the Pub/Sub API has no topic {topic} for the gateway's user");
        let remedy = match self.topic {
            None => format!("deploy {api}, grant Read on it in the user's permission set, or correct the mapping"),
            Some(_) => format!(
                "deploy the channel with {api} as its member and grant Read on {api}, or correct book.events.topic; \
                 without it {} is subscribed to",
                event.topic()
            ),
        };
        (subject, what, remedy)
    }

    fn of_endpoint(&self, answer: &Topic) -> (Subject, String, String) {
        let endpoint = self.endpoint;
        let (what, remedy) = match answer {
            Topic::Session => (
                format!("the Pub/Sub API at {endpoint} does not take the org's session"),
                "name the one of the org's region, and give the app the scope api".to_owned(),
            ),
            Topic::Foreign => (
                format!("what answers at {endpoint} is not the Pub/Sub API"),
                "correct book.events.endpoint, or have the proxy between let gRPC (HTTP/2) through".to_owned(),
            ),
            Topic::Refused(code) => (
                format!("the Pub/Sub API at {endpoint} refuses to tell of the topic: {code}"),
                "look at the org's status at Salesforce and check again".to_owned(),
            ),
            Topic::Unreached | Topic::Open | Topic::Closed | Topic::Unknown => (
                format!("{endpoint} is not reached over gRPC"),
                "correct book.events.endpoint, open the firewall to it for TLS with HTTP/2, or correct book.ca where \
                 something between has a certificate of its own"
                    .to_owned(),
            ),
        };
        (Subject::Setting("book.events.endpoint"), what, remedy)
    }
}

/// What stands in for events.
fn instead(timing: &Timing) -> String {
    let Timing { patience, sweep_every, .. } = timing;
    let seconds = |time: Duration| time.as_secs();
    format!(
        "Until then `serve` asks the org for the accounts in its queue instead: after {} s without events, every {} to {} s",
        seconds(*patience),
        seconds(*sweep_every / 2),
        seconds(*sweep_every)
    )
}
