//! The admin interface, over plain HTTP on a port of its own: orders what goes wrong, and looks into the org.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    bus::StreamTroubles,
    fault::{FaultOrder, Latency},
    lock,
    store::RowTrouble,
    world::{Shared, World},
};

/// What `GET /` says.
const HELP: &str = "\
GET    /state                what is ordered, and how the org is set
DELETE /faults               ends every fault, trouble and latency, read-only mode, and what was ordered of jobs and streams
POST   /faults               {\"path\": \"query\", \"times\": 1, \"fault\": {\"kind\": \"refused\", \"status\": 503, \"code\": \"SERVER_UNAVAILABLE\"}}
                             kinds: refused (status, code; message, retry_after), html (status), empty (status), late (milliseconds),
                             truncated reset_before reset_after hangs_before hangs_after half_open
POST   /troubles             {\"object\": \"cxp__Dispute__c\", \"code\": \"UNABLE_TO_LOCK_ROW\", \"times\": 2}; steps: read create update delete
PUT    /latency              {\"p50_milliseconds\": 120, \"p99_milliseconds\": 900, \"stall_chance\": 0.001, \"stall_milliseconds\": 2500, \"seed\": 7}
PUT    /read-only            true or false
PUT    /hidden               {\"object\": \"cxp__Dispute__c\", \"field\": \"cxp__Status__c\", \"hidden\": true}
PUT    /events/EVENT/hidden  true or false
PUT    /usage                {\"others\": 99990, \"daily\": 100000}
PUT    /next-job             {\"fails_after\": 100}
POST   /sessions/expire      every token is stale
POST   /clock/advance        {\"seconds\": 7200}
PUT    /streams              {\"drop_every\": 3, \"duplicates\": 1, \"deliveries_left\": 0, \"refused\": {\"status\": 14, \"error_code\": \"...\", \"times\": 1}, \"closed\": true}
PUT    /replay-length        8 or 10
POST   /events/EVENT         publishes an event
POST   /events/EVENT/bytes   publishes bytes that need not be one: [255, 0]
POST   /events/EVENT/fields  gives it one more field of text, so another schema: \"cxp__Reason__c\"
DELETE /events/EVENT/fields/FIELD
GET    /counts               how often the org was asked, and for what
GET    /rows/OBJECT          every row with every field
POST   /rows/OBJECT          makes a row
PATCH  /rows/OBJECT/ID       changes a row
";

/// The interface, served until this is dropped.
pub(crate) struct Admin {
    address: SocketAddr,
    task: JoinHandle<()>,
}

type Handle = State<Arc<Shared>>;

impl Admin {
    pub(crate) async fn start(port: u16, world: Arc<Shared>) -> io::Result<Self> {
        let socket = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = socket.local_addr()?;
        let routes = Router::new()
            .route("/", get(|| async { HELP }))
            .route("/state", get(state))
            .route("/faults", delete(clear).post(fault))
            .route("/troubles", post(trouble))
            .route("/latency", put(latency))
            .route("/read-only", put(read_only))
            .route("/hidden", put(hidden))
            .route("/usage", put(usage))
            .route("/next-job", put(next_job))
            .route("/sessions/expire", post(expire))
            .route("/clock/advance", post(advance))
            .route("/streams", put(streams))
            .route("/replay-length", put(replay_length))
            .route("/events/{event}", post(publish))
            .route("/events/{event}/bytes", post(publish_bytes))
            .route("/events/{event}/hidden", put(hide_event))
            .route("/events/{event}/fields", post(evolve))
            .route("/events/{event}/fields/{field}", delete(forget))
            .route("/counts", get(counts))
            .route("/rows/{object}", get(rows).post(insert))
            .route("/rows/{object}/{id}", axum::routing::patch(update))
            .with_state(world);
        let task = tokio::spawn(async move {
            // It ends with the task.
            drop(axum::serve(socket, routes).await);
        });
        Ok(Self { address, task })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl World {
    pub(crate) fn clear_faults(&mut self) {
        self.faults.ordered.clear();
        self.faults.set_latency(None);
        self.store.troubles.clear();
        self.store.is_read_only = false;
        self.jobs.fails_after = None;
        self.bus.troubles = StreamTroubles::default();
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        let time = time.try_into().ok().and_then(|time| self.ahead.checked_add(time));
        self.ahead = time.unwrap_or(self.ahead);
        self.wake();
    }

    pub(crate) fn insert(&mut self, object: &str, fields: &Map<String, Value>) -> Result<String, String> {
        let (object, now) = (self.store.object(object).map_err(|failure| failure.text())?, self.now());
        let id = self.store.create(&object, fields, now).map_err(|failure| failure.text());
        self.store.commit();
        id
    }

    pub(crate) fn update(&mut self, object: &str, id: &str, fields: &Map<String, Value>) -> Result<(), String> {
        let (object, now) = (self.store.object(object).map_err(|failure| failure.text())?, self.now());
        let updated = self.store.update(&object, id, fields, now).map_err(|failure| failure.text());
        self.store.commit();
        updated
    }

    pub(crate) fn rows(&self, object: &str) -> Vec<Value> {
        let name = self.store.schema.object(object).map_or("", |object| object.name.as_str());
        let live = self.store.rows(name).filter(|(_, row)| !row.is_deleted());
        live.map(|(_, row)| json!(row.fields)).collect()
    }
}

async fn state(State(world): Handle) -> Json<Value> {
    let world = lock(&world);
    Json(json!({
        "faults": world.faults.ordered, "latency": world.faults.latency(), "troubles": world.store.troubles,
        "read_only": world.store.is_read_only, "next_job_fails_after": world.jobs.fails_after, "streams": world.bus.troubles,
        "seconds_ahead": world.ahead.as_secs(), "rows": world.store.size(), "daily_requests": world.counters.daily,
        "used_requests": world.counters.used(world.now()),
    }))
}

async fn clear(State(world): Handle) -> StatusCode {
    lock(&world).clear_faults();
    StatusCode::NO_CONTENT
}

async fn fault(State(world): Handle, Json(order): Json<FaultOrder>) -> Response {
    let mut world = lock(&world);
    if let Err(why) = order.check(&world.store.schema) {
        return refused(StatusCode::BAD_REQUEST, &why);
    }
    if world.faults.order(order) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        refused(StatusCode::INSUFFICIENT_STORAGE, "too many faults are ordered; DELETE /faults ends them")
    }
}

async fn trouble(State(world): Handle, Json(trouble): Json<RowTrouble>) -> Response {
    let mut world = lock(&world);
    if world.store.schema.object(&trouble.object).is_none() {
        return refused(StatusCode::NOT_FOUND, &world.store.schema.unknown(&trouble.object));
    }
    world.store.troubles.push(trouble);
    StatusCode::NO_CONTENT.into_response()
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"error": why}))).into_response()
}

async fn latency(State(world): Handle, Json(latency): Json<Option<Latency>>) -> StatusCode {
    lock(&world).faults.set_latency(latency);
    StatusCode::NO_CONTENT
}

async fn read_only(State(world): Handle, Json(is_read_only): Json<bool>) -> StatusCode {
    lock(&world).store.is_read_only = is_read_only;
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Hidden {
    object: String,
    field: String,
    hidden: bool,
}

async fn hidden(State(world): Handle, Json(order): Json<Hidden>) -> StatusCode {
    let is_there = lock(&world).store.schema.hide(&order.object, &order.field, order.hidden);
    if is_there { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

#[derive(Deserialize)]
struct Usage {
    others: u64,
    daily: u64,
}

async fn usage(State(world): Handle, Json(usage): Json<Usage>) -> StatusCode {
    let mut world = lock(&world);
    (world.counters.others, world.counters.daily) = (usage.others, usage.daily);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct NextJob {
    fails_after: Option<usize>,
}

async fn next_job(State(world): Handle, Json(job): Json<NextJob>) -> StatusCode {
    lock(&world).jobs.fails_after = job.fails_after;
    StatusCode::NO_CONTENT
}

async fn expire(State(world): Handle) -> StatusCode {
    lock(&world).sessions.expire();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Advance {
    seconds: u64,
}

async fn advance(State(world): Handle, Json(time): Json<Advance>) -> StatusCode {
    lock(&world).advance(Duration::from_secs(time.seconds));
    StatusCode::NO_CONTENT
}

async fn streams(State(world): Handle, Json(troubles): Json<StreamTroubles>) -> StatusCode {
    let mut world = lock(&world);
    world.bus.troubles = troubles;
    world.wake();
    StatusCode::NO_CONTENT
}

async fn replay_length(State(world): Handle, Json(bytes): Json<usize>) -> StatusCode {
    lock(&world).bus.replay_length = bytes.clamp(8, 64);
    StatusCode::NO_CONTENT
}

async fn publish(State(world): Handle, Path(event): Path<String>, Json(fields): Json<Map<String, Value>>) -> Response {
    match lock(&world).publish(&event, &fields) {
        Ok(replay_id) => (StatusCode::CREATED, Json(json!({"replay_id": STANDARD.encode(replay_id)}))).into_response(),
        Err(why) => refused(StatusCode::BAD_REQUEST, &why),
    }
}

async fn publish_bytes(State(world): Handle, Path(event): Path<String>, Json(bytes): Json<Vec<u8>>) -> StatusCode {
    let is_there = lock(&world).publish_bytes(&event, bytes, None).is_some();
    if is_there { StatusCode::CREATED } else { StatusCode::NOT_FOUND }
}

async fn evolve(State(world): Handle, Path(event): Path<String>, Json(field): Json<String>) -> StatusCode {
    let is_there = lock(&world).bus.evolve(&format!("/event/{event}"), &field);
    if is_there { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn hide_event(State(world): Handle, Path(event): Path<String>, Json(is_hidden): Json<bool>) -> StatusCode {
    let is_there = lock(&world).bus.hide(&format!("/event/{event}"), is_hidden);
    if is_there { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn forget(State(world): Handle, Path((event, field)): Path<(String, String)>) -> StatusCode {
    let is_there = lock(&world).bus.forget(&format!("/event/{event}"), &field);
    if is_there { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn counts(State(world): Handle) -> Json<Value> {
    Json(json!(lock(&world).counters.counts))
}

async fn rows(State(world): Handle, Path(object): Path<String>) -> Json<Value> {
    Json(Value::Array(lock(&world).rows(&object)))
}

async fn insert(State(world): Handle, Path(object): Path<String>, Json(fields): Json<Map<String, Value>>) -> Response {
    match lock(&world).insert(&object, &fields) {
        Ok(id) => (StatusCode::CREATED, Json(json!({"id": id}))).into_response(),
        Err(why) => refused(StatusCode::BAD_REQUEST, &why),
    }
}

async fn update(
    State(world): Handle,
    Path((object, id)): Path<(String, String)>,
    Json(fields): Json<Map<String, Value>>,
) -> Response {
    match lock(&world).update(&object, &id, &fields) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => refused(StatusCode::BAD_REQUEST, &why),
    }
}
