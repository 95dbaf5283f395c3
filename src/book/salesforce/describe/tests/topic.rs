use super::*;
use crate::salesforce::describe::{Asked, Topic};
use crate::salesforce::subscription::Timing;

const ENDPOINT: &str = "https://api.pubsub.salesforce.com:7443";

fn asked(topic: Option<&str>, answer: &Topic) -> Option<Finding> {
    let (mapping, _) = event::collectxpert();
    let described = read(&org(&mapping));
    Asked { endpoint: ENDPOINT, topic, timing: Timing::default() }.finding(&mapping, &described, answer)
}

#[test]
fn a_status_is_read_by_its_number_and_by_whether_the_api_names_a_code() {
    const GRPC: &str = "sfdc.platform.eventbus.grpc";
    let refused = |code: &str| Topic::Refused(format!("{GRPC}.{code}"));
    for (status, code, topic) in [
        (5, Some("topic.notfound"), Topic::Unknown),
        (5, None, Topic::Unknown),
        (3, Some("topic.invalid"), Topic::Unknown),
        (3, Some("request.invalid"), refused("request.invalid")),
        (7, Some("topic.access.denied"), Topic::Closed),
        (16, Some("service.auth.error"), Topic::Session),
        (14, Some("service.unavailable"), refused("service.unavailable")),
        (14, None, Topic::Unreached),
        (2, None, Topic::Unreached),
        (13, None, Topic::Unreached),
        (12, None, Topic::Refused("gRPC status 12".to_owned())),
    ] {
        let code = code.map(|code| format!("{GRPC}.{code}"));
        assert_eq!(Topic::of_status(status, code.as_deref()), topic, "{status} {code:?}");
    }
}

#[test]
fn what_keeps_events_from_coming_stops_assignments_and_says_what_stands_in() {
    for (topic, answer, subject, told) in [
        (None, Topic::Unknown, "assignment_event", "deploy cxp__AI_Queue_Assignment__e, grant Read on it in"),
        (
            None,
            Topic::Closed,
            "assignment_event",
            "grant Read on cxp__AI_Queue_Assignment__e in the user's permission set",
        ),
        (Some("/event/Calls__chn"), Topic::Unknown, "book.events.topic", "no topic /event/Calls__chn for"),
        (Some("/event/Calls__chn"), Topic::Closed, "book.events.topic", "may not subscribe to /event/Calls__chn"),
        (None, Topic::Session, "book.events.endpoint", "does not take the org's session"),
        (None, Topic::Unreached, "book.events.endpoint", "is not reached over gRPC; correct book.events.endpoint"),
        (None, Topic::Foreign, "book.events.endpoint", "is not the Pub/Sub API"),
        (None, Topic::Refused("gRPC status 12".into()), "book.events.endpoint", "of the topic: gRPC status 12"),
    ] {
        let said = asked(topic, &answer).unwrap().to_string();
        let weight = if answer == Topic::Unreached { "look at" } else { "stops assignments" };
        assert!(said.starts_with(&format!("{weight}: {subject}: ")) && said.contains(told), "{said}");
        assert!(said.ends_with("instead: after 300 s without events, every 30 to 60 s"), "{said}");
    }
    assert_eq!(asked(None, &Topic::Open), None);
}

#[test]
fn an_event_that_is_not_described_is_told_once() {
    let (mapping, _) = event::collectxpert();
    let nothing = Described::default();
    let asked = |topic| Asked { endpoint: ENDPOINT, topic, timing: Timing::default() };
    for answer in [Topic::Unknown, Topic::Closed] {
        assert_eq!(asked(None).finding(&mapping, &nothing, &answer), None);
        assert!(asked(Some("/event/Calls__chn")).finding(&mapping, &nothing, &answer).is_some());
    }
    assert!(asked(None).finding(&mapping, &nothing, &Topic::Unreached).is_some(), "that is another fault");
    assert_eq!(asked(None).finding(&mapping.without_event(), &nothing, &Topic::Unreached), None);
}
