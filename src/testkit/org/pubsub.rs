//! The Pub/Sub API over gRPC: takes calls, asks the bus, and sends what it says. `bus` decides.

mod stream;

/// The messages and the service of `proto/pubsub_api.proto`.
#[allow(unreachable_pub, clippy::all, clippy::semicolon_if_nothing_returned, reason = "generated")]
pub(crate) mod wire {
    tonic::include_proto!("eventbus.v1");
}

use std::{io, net::SocketAddr, path::Path, pin::Pin, sync::Arc};

use futures_util::Stream;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Code, Request, Response, Status, Streaming,
    metadata::{MetadataMap, MetadataValue},
    transport::{Identity, Server, ServerTlsConfig, server::TcpIncoming},
};

use self::wire::{
    FetchRequest, FetchResponse, ManagedFetchRequest, ManagedFetchResponse, PublishRequest, PublishResponse,
    PublishResult, SchemaInfo, SchemaRequest, TopicInfo, TopicRequest,
    pub_sub_server::{PubSub, PubSubServer},
};
use crate::{
    bus::Refusal,
    lock,
    world::{ORG, Shared, World},
};

/// Most streams of one connection (Pub/Sub API, "Allocations").
const MOST_STREAMS: u32 = 1_000;
/// Most bytes of one message: gRPC's own limit.
const MOST_BYTES: usize = 4_194_304;
/// Most events of one request, and most bytes of one.
const MOST_EVENTS: usize = 200;
const MOST_EVENT: usize = 1_048_576;

/// The interface, served until this is dropped.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Endpoint {
    /// Serves with a certificate and its key, both in PEM.
    pub(crate) async fn start(files: (&Path, &Path), port: u16, world: Arc<Shared>) -> io::Result<Self> {
        let identity = Identity::from_pem(std::fs::read(files.0)?, std::fs::read(files.1)?);
        let socket = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = socket.local_addr()?;
        let service = PubSubServer::new(Service { world }).max_decoding_message_size(MOST_BYTES);
        let server = Server::builder()
            .tls_config(ServerTlsConfig::new().identity(identity))
            .map_err(io::Error::other)?
            .max_concurrent_streams(MOST_STREAMS)
            .add_service(service);
        let incoming = TcpIncoming::from(socket).with_nodelay(Some(true));
        let task = tokio::spawn(async move {
            // It ends with the task.
            drop(server.serve_with_incoming(incoming).await);
        });
        Ok(Self { address, task })
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Service {
    world: Arc<Shared>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl PubSub for Service {
    type SubscribeStream = Answers<FetchResponse>;
    type PublishStreamStream = Answers<PublishResponse>;
    type ManagedSubscribeStream = Answers<ManagedFetchResponse>;

    async fn subscribe(
        &self,
        request: Request<Streaming<FetchRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let rpc_id = self.admit("subscribe", request.metadata())?;
        Ok(Response::new(stream::subscribe(Arc::clone(&self.world), request.into_inner(), rpc_id)))
    }

    async fn get_schema(&self, request: Request<SchemaRequest>) -> Result<Response<SchemaInfo>, Status> {
        let rpc_id = self.admit("get_schema", request.metadata())?;
        let schema_id = request.into_inner().schema_id;
        let schema = lock(&self.world).bus.schema(&schema_id).map(str::to_owned);
        let schema_json = schema.ok_or_else(|| status(&Refusal::no_schema(), &rpc_id))?;
        Ok(Response::new(SchemaInfo { schema_json, schema_id, rpc_id }))
    }

    async fn get_topic(&self, request: Request<TopicRequest>) -> Result<Response<TopicInfo>, Status> {
        let rpc_id = self.admit("get_topic", request.metadata())?;
        let topic_name = request.into_inner().topic_name;
        let world = lock(&self.world);
        let (schema_id, can_subscribe) = (world.bus.seen_schema_id(&topic_name), !world.bus.troubles.closed);
        let schema_id = schema_id.ok_or_else(|| status(&Refusal::no_topic(&topic_name), &rpc_id))?.to_owned();
        let tenant_guid = format!("core/tonegate/{ORG}");
        let info = TopicInfo { topic_name, tenant_guid, can_publish: true, can_subscribe, schema_id, rpc_id };
        Ok(Response::new(info))
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        let rpc_id = self.admit("publish", request.metadata())?;
        let published = publish(&mut lock(&self.world), request.into_inner(), &rpc_id);
        published.map(Response::new).map_err(|refusal| status(&refusal, &rpc_id))
    }

    async fn publish_stream(
        &self,
        request: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        let rpc_id = self.admit("publish_stream", request.metadata())?;
        Ok(Response::new(stream::publish(Arc::clone(&self.world), request.into_inner(), rpc_id)))
    }

    async fn managed_subscribe(
        &self,
        request: Request<Streaming<ManagedFetchRequest>>,
    ) -> Result<Response<Self::ManagedSubscribeStream>, Status> {
        let rpc_id = self.admit("managed_subscribe", request.metadata())?;
        Err(status(&Refusal::managed(), &rpc_id))
    }
}

impl Service {
    /// A number for a call of somebody who is signed in. A session is looked at as a call begins, not after.
    fn admit(&self, kind: &str, metadata: &MetadataMap) -> Result<String, Status> {
        let mut world = lock(&self.world);
        let rpc_id = world.bus.rpc_id();
        world.counters.note_call(kind);
        let admitted = is_signed_in(&mut world, metadata).and_then(|()| world.bus.check_call());
        admitted.map(|()| rpc_id.clone()).map_err(|refusal| status(&refusal, &rpc_id))
    }
}

/// Three headers, with each call (Pub/Sub API, "RPC Method Headers").
fn is_signed_in(world: &mut World, metadata: &MetadataMap) -> Result<(), Refusal> {
    let text = |name: &str| metadata.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_org = matches!(text("tenantid"), tenant if tenant == ORG || tenant == &ORG[..15]);
    let is_instance = text("instanceurl").trim_end_matches('/') == world.instance_url;
    let now = world.now();
    if is_org && is_instance && world.sessions.is_live(text("accesstoken"), now) {
        Ok(())
    } else {
        Err(Refusal::session())
    }
}

/// Puts every event of a request on the bus; what is wrong with one is told beside it.
fn publish(world: &mut World, request: PublishRequest, rpc_id: &str) -> Result<PublishResponse, Refusal> {
    let topic = request.topic_name;
    let schema_id = world.bus.schema_id(&topic).ok_or_else(|| Refusal::no_topic(&topic))?.to_owned();
    if request.events.len() > MOST_EVENTS {
        return Err(Refusal::requested());
    }
    let now = world.now();
    let results = request.events.into_iter().map(|event| {
        let correlation_key = event.id;
        let published = if event.payload.len() > MOST_EVENT {
            Err("an event has at most 1 MB".to_owned())
        } else {
            let id = uuid::Uuid::new_v4().to_string();
            world.bus.publish_datum(&topic, id, &event.schema_id, event.payload, now)
        };
        let (replay_id, error) = match published {
            Ok(replay_id) => (replay_id, None),
            Err(msg) => (Vec::new(), Some(wire::Error { code: wire::ErrorCode::Publish.into(), msg })),
        };
        PublishResult { replay_id, error, correlation_key }
    });
    let results = results.collect();
    world.wake();
    Ok(PublishResponse { results, schema_id, rpc_id: rpc_id.to_owned() })
}

/// A refusal with its trailers.
fn status(refusal: &Refusal, rpc_id: &str) -> Status {
    let mut trailers = MetadataMap::new();
    for (name, text) in [("error-code", refusal.code.as_str()), ("rpc-id", rpc_id)] {
        if let Ok(value) = MetadataValue::try_from(text) {
            trailers.insert(name, value);
        }
    }
    Status::with_metadata(Code::from(refusal.status), refusal.message.clone(), trailers)
}
