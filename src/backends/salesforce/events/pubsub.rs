//! The Pub/Sub API: connections and calls. Who calls says so with each (Pub/Sub API, "RPC Method Headers").

use std::{sync::Arc, time::Duration};

use ::book::salesforce::{
    describe::Topic,
    subscription::{End, Start},
};
use futures_util::stream;
use tokio::{sync::mpsc, time::timeout};
use tonic::{
    Code, Request, Status, Streaming,
    metadata::AsciiMetadataValue,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

use self::wire::{
    FetchRequest, FetchResponse, ReplayPreset, SchemaRequest, TopicRequest, pub_sub_client::PubSubClient,
};
use super::EventsOptions;
use crate::salesforce::{SalesforceError, Session, connection::AUTHORITY, read};

/// The messages and the client of `proto/pubsub_api.proto`.
#[allow(unreachable_pub, missing_docs, clippy::all, clippy::semicolon_if_nothing_returned, reason = "generated")]
pub(super) mod wire {
    tonic::include_proto!("eventbus.v1");
}

/// How long a connection may take, TLS included; and a schema or a topic.
const WITHIN: Duration = Duration::from_secs(10);
/// How often a connection is shown to be alive, and how long an answer to that may take.
const ALIVE_EVERY: Duration = Duration::from_secs(30);
const ALIVE_WITHIN: Duration = Duration::from_secs(10);
/// Most bytes of one message: gRPC's own limit.
const MOST_MESSAGE: usize = 4 << 20;
/// Requests for more events that wait to be sent.
const REQUESTS: usize = 4;

/// How [`Status`] begins to tell of an answer that is none of gRPC's.
const FOREIGN: [&str; 2] = ["grpc-status header missing", "protocol error: "];

/// Where the API is.
pub(super) struct PubSub {
    endpoint: Endpoint,
    topic: String,
}

impl PubSub {
    pub(super) fn new(options: &EventsOptions) -> Result<Self, SalesforceError> {
        let tls = match &options.authority {
            Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(AUTHORITY, path)?)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        let endpoint = Endpoint::from_shared(options.endpoint.clone())
            .ok()
            .filter(|endpoint| endpoint.uri().scheme_str() == Some("https"))
            .ok_or(SalesforceError::Setting("book.events.endpoint: it must be an https address"))?;
        let endpoint = endpoint
            .tls_config(tls)
            .map_err(|_| SalesforceError::Setting(AUTHORITY))?
            .tcp_nodelay(true)
            .http2_keep_alive_interval(ALIVE_EVERY)
            .keep_alive_timeout(ALIVE_WITHIN)
            .keep_alive_while_idle(true);
        Ok(Self { endpoint, topic: options.topic.clone() })
    }

    /// A stream, in a session. With some servers it is not there before its first answer.
    pub(super) async fn open(&self, session: Arc<Session>, start: Start, count: u32) -> Result<Stream, End> {
        let mut client = self.client().await.ok_or(End::Unavailable)?;
        let (requests, mut waiting) = mpsc::channel(REQUESTS);
        requests.try_send(self.first_request(start, count)).map_err(|_| End::Unavailable)?;
        let waiting = stream::poll_fn(move |context| waiting.poll_recv(context));
        let answers = client.subscribe(signed(&session, waiting)?).await.map_err(|status| end(&status))?;
        Ok(Stream { schemas: SchemaSource { client, session }, requests, answers: answers.into_inner() })
    }

    /// What the API says of the topic, in a session.
    pub(super) async fn topic(&self, session: &Session) -> Topic {
        let Ok(request) = signed(session, TopicRequest { topic_name: self.topic.clone() }) else {
            return Topic::Session;
        };
        let Some(mut client) = self.client().await else { return Topic::Unreached };
        match timeout(WITHIN, client.get_topic(request)).await {
            Ok(Ok(answer)) if answer.get_ref().can_subscribe => Topic::Open,
            Ok(Ok(_)) => Topic::Closed,
            Ok(Err(status)) if FOREIGN.iter().any(|words| status.message().starts_with(words)) => Topic::Foreign,
            Ok(Err(status)) => Topic::of_status(status.code().into(), code(&status)),
            Err(_) => Topic::Unreached,
        }
    }

    async fn client(&self) -> Option<PubSubClient<Channel>> {
        let channel = timeout(WITHIN, self.endpoint.connect()).await.ok()?.ok()?;
        Some(PubSubClient::new(channel).max_decoding_message_size(MOST_MESSAGE))
    }

    fn first_request(&self, start: Start, count: u32) -> FetchRequest {
        let (preset, replay_id) = match start {
            Start::Earliest => (ReplayPreset::Earliest, Vec::new()),
            Start::Latest => (ReplayPreset::Latest, Vec::new()),
            Start::After(place) => (ReplayPreset::Custom, place.as_bytes().to_vec()),
        };
        FetchRequest {
            topic_name: self.topic.clone(),
            replay_preset: preset.into(),
            replay_id,
            num_requested: count.cast_signed(),
            auth_refresh: String::new(),
        }
    }
}

/// A stream of events.
pub(super) struct Stream {
    /// Where the schemas of its events are.
    pub(super) schemas: SchemaSource,
    requests: mpsc::Sender<FetchRequest>,
    answers: Streaming<FetchResponse>,
}

impl Stream {
    /// Asks for so many more events. The topic is that of the first request.
    pub(super) fn ask(&self, count: u32) -> Result<(), End> {
        let request = FetchRequest { num_requested: count.cast_signed(), ..FetchRequest::default() };
        self.requests.try_send(request).map_err(|_| End::Unavailable)
    }

    /// The next answer, or why there is none. It may be given up and asked for again.
    pub(super) async fn answer(&mut self) -> Result<FetchResponse, End> {
        match self.answers.message().await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(End::Unavailable),
            Err(status) => Err(end(&status)),
        }
    }
}

/// Asks for schemas, over the connection of a stream.
#[derive(Clone)]
pub(super) struct SchemaSource {
    client: PubSubClient<Channel>,
    session: Arc<Session>,
}

impl SchemaSource {
    /// The text of a schema; `None` where the org has none of this id.
    pub(super) async fn text(&mut self, id: &str) -> Result<Option<String>, End> {
        let request = signed(&self.session, SchemaRequest { schema_id: id.to_owned() })?;
        match timeout(WITHIN, self.client.get_schema(request)).await {
            Ok(Ok(answer)) => Ok(Some(answer.into_inner().schema_json)),
            Ok(Err(status)) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => Ok(None),
            Ok(Err(status)) => Err(end(&status)),
            Err(_) => Err(End::Unavailable),
        }
    }
}

/// A request with who makes it.
fn signed<T>(session: &Session, message: T) -> Result<Request<T>, End> {
    let mut request = Request::new(message);
    let instance = session.instance().as_str().trim_end_matches('/');
    for (name, text) in
        [("accesstoken", session.token()), ("instanceurl", instance), ("tenantid", session.organization())]
    {
        let mut value = AsciiMetadataValue::try_from(text).map_err(|_| End::Session)?;
        value.set_sensitive(true);
        request.metadata_mut().insert(name, value);
    }
    Ok(request)
}

fn end(status: &Status) -> End {
    End::of_status(status.code().into(), code(status), status.message())
}

/// Salesforce's own code.
fn code(status: &Status) -> Option<&str> {
    status.metadata().get("error-code").and_then(|code| code.to_str().ok())
}
