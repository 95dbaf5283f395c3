//! `composite`: up to 25 requests in one ("Composite").

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::reference::{self, Answers};
use crate::{
    call::{Body, Call, Reply},
    failure::Failure,
    world::World,
};

/// Most parts, and most of them that are queries or collections.
const MOST_PARTS: usize = 25;
const MOST_QUERIES: usize = 5;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Composite {
    #[serde(default)]
    all_or_none: bool,
    /// Parts are always processed in their order here, which both of its values allow.
    #[serde(default, rename = "collateSubrequests")]
    _collated: bool,
    composite_request: Vec<Part>,
}

/// One request of a composite or a graph.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) reference_id: String,
    #[serde(default)]
    pub(super) body: Value,
    /// No header changes anything in a part here.
    #[serde(default, rename = "httpHeaders")]
    _headers: Map<String, Value>,
}

/// What became of a part.
pub(super) struct Done {
    name: String,
    reply: Reply,
}

impl Done {
    pub(super) fn is_success(&self) -> bool {
        self.reply.is_success()
    }
}

pub(super) fn answer(world: &mut World, call: &Call<'_>) -> Result<Reply, Failure> {
    if call.method != "POST" {
        return Err(Failure::method(call.method));
    }
    let composite: Composite = serde_json::from_slice(&call.body)
        .map_err(|error| Failure::json(format!("Unrecognized field or value: {error}")))?;
    if let Some(refused) = too_much(&composite.composite_request) {
        return Ok(refused);
    }
    let savepoint = world.store.savepoint();
    let mut done = run(world, &composite.composite_request, super::part);
    if composite.all_or_none && !done.iter().all(Done::is_success) {
        world.store.roll_back(savepoint);
        halt(&mut done);
    }
    Ok(Reply::json(200, json!({"compositeResponse": told(&done)})))
}

/// Too many parts are told in a composite's own answer, which bears no name
/// (<https://github.com/guardian/support-service-lambdas/pull/766>).
fn too_much(parts: &[Part]) -> Option<Reply> {
    let is_query = |part: &&Part| part.url.contains("/query") || part.url.contains("/composite/sobjects");
    let message = if parts.len() > MOST_PARTS {
        format!("The request can\u{2019}t contain more than {MOST_PARTS} operations.")
    } else if parts.iter().filter(is_query).count() > MOST_QUERIES {
        format!("The request can\u{2019}t contain more than {MOST_QUERIES} query or collection operations.")
    } else {
        return None;
    };
    let body = json!([{"errorCode": "LIMIT_EXCEEDED", "message": message}]);
    let part = json!({"body": body, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": null});
    Some(Reply::json(200, json!({"compositeResponse": [part]})))
}

type Handler = fn(&mut World, &Call<'_>) -> Result<Reply, Failure>;

/// Does every part in its order; each may refer to those before it.
pub(super) fn run<'a>(world: &mut World, parts: impl IntoIterator<Item = &'a Part>, handler: Handler) -> Vec<Done> {
    let (mut answers, mut done) = (Answers::new(), Vec::new());
    for part in parts {
        let savepoint = world.store.savepoint();
        let reply = Reply::from(one(world, part, &answers, handler));
        if !reply.is_success() {
            world.store.roll_back(savepoint);
        }
        let body = match &reply.body {
            Body::Json(body) if reply.is_success() => Some(body.clone()),
            Body::Json(_) | Body::Empty | Body::Csv(_) => None,
        };
        answers.insert(part.reference_id.clone(), body);
        done.push(Done { name: part.reference_id.clone(), reply });
    }
    done
}

fn one(world: &mut World, part: &Part, answers: &Answers, handler: Handler) -> Result<Reply, Failure> {
    let url = reference::in_text(&part.url, answers)?;
    let body = reference::in_value(&part.body, answers)?;
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let call = Call::parse(&part.method, &url, None, Cow::Owned(body))?;
    handler(world, &call)
}

/// Says of every part that did not fail by itself that it was taken back.
pub(super) fn halt(done: &mut [Done]) {
    let message = "The transaction was rolled back since another operation in the same transaction failed.";
    for part in done.iter_mut().filter(|part| part.is_success()) {
        part.reply = Failure::bad("PROCESSING_HALTED", message).into();
    }
}

/// What is told of the parts.
pub(super) fn told(done: &[Done]) -> Value {
    let one = |part: &Done| {
        let body = match &part.reply.body {
            Body::Json(body) => body.clone(),
            Body::Empty | Body::Csv(_) => Value::Null,
        };
        let location = part.reply.headers.iter().find(|(name, _)| *name == "location");
        let headers = location.map_or_else(|| json!({}), |(_, location)| json!({"Location": location}));
        json!({"body": body, "httpHeaders": headers, "httpStatusCode": part.reply.status, "referenceId": part.name})
    };
    done.iter().map(one).collect()
}
