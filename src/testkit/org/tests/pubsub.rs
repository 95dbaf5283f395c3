use std::time::Duration;

use apache_avro::{Schema, from_avro_datum, types::Value as Avro};
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::mpsc;
use tonic::{
    Code, Request, Status, Streaming,
    transport::{Certificate, Channel, ClientTlsConfig},
};

use super::client::Peer;
use crate::{
    ORG, RefusedCalls, StreamTroubles,
    pubsub::wire::{
        ErrorCode, FetchRequest, FetchResponse, ManagedFetchRequest, ProducerEvent, PublishRequest, ReplayPreset,
        SchemaRequest, TopicRequest, pub_sub_client::PubSubClient,
    },
};

const TOPIC: &str = "/event/cxp__AI_Queue_Assignment__e";
const EVENT: &str = "cxp__AI_Queue_Assignment__e";

async fn client(peer: &Peer) -> PubSubClient<Channel> {
    let authority = Certificate::from_pem(std::fs::read(peer.org.authority()).unwrap());
    let tls = ClientTlsConfig::new().ca_certificate(authority);
    let endpoint = Channel::from_shared(peer.org.pubsub_url()).unwrap().tls_config(tls).unwrap();
    PubSubClient::new(endpoint.connect().await.unwrap())
}

/// A request with the headers of somebody who is signed in.
fn signed<T>(peer: &Peer, message: T) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in
        [("accesstoken", peer.token.as_str()), ("instanceurl", peer.org.instance_url()), ("tenantid", ORG)]
    {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    request
}

fn fetch(preset: ReplayPreset, replay_id: &[u8], count: i32) -> FetchRequest {
    FetchRequest {
        topic_name: TOPIC.to_owned(),
        replay_preset: preset.into(),
        replay_id: replay_id.to_vec(),
        num_requested: count,
        auth_refresh: String::new(),
    }
}

/// A stream, and where more is asked for.
async fn subscribe(
    peer: &Peer,
    first: FetchRequest,
) -> (mpsc::Sender<FetchRequest>, Result<Streaming<FetchResponse>, Status>) {
    let (sender, mut requests) = mpsc::channel(8);
    sender.send(first).await.unwrap();
    let requests = futures_util::stream::poll_fn(move |context| requests.poll_recv(context));
    let response = client(peer).await.subscribe(signed(peer, requests)).await;
    (sender, response.map(tonic::Response::into_inner))
}

async fn next(stream: &mut Streaming<FetchResponse>) -> Result<FetchResponse, Status> {
    tokio::time::timeout(Duration::from_secs(5), stream.next()).await.expect("an answer in time").expect("no end")
}

fn code(status: &Status) -> (Code, &str) {
    let code = status.metadata().get("error-code").and_then(|code| code.to_str().ok());
    (status.code(), code.unwrap_or_default().trim_start_matches("sfdc.platform.eventbus.grpc."))
}

fn publish(peer: &Peer, id: &str) -> Vec<u8> {
    peer.org
        .publish(EVENT, &json!({"cxp__Assignment_Id__c": id, "cxp__Not_Before__c": "2026-11-30T09:00:00Z"}))
        .unwrap()
}

#[tokio::test]
async fn an_event_is_read_by_the_schema_that_it_names() {
    let peer = Peer::start().await;
    let (_more, stream) = subscribe(&peer, fetch(ReplayPreset::Latest, &[], 2)).await;
    let mut stream = stream.unwrap();
    tokio::task::yield_now().await;
    let (_first, early) = subscribe(&peer, fetch(ReplayPreset::Earliest, &[], 2)).await;
    let replay_id = publish(&peer, "AS-1");
    let answer = next(&mut early.unwrap()).await.unwrap();
    assert_eq!((answer.events.len(), answer.pending_num_requested, &answer.latest_replay_id), (1, 1, &replay_id));
    let event = answer.events[0].event.clone().unwrap();
    assert_eq!(event.id.len(), 36, "the event's own UUID");
    let schema = client(&peer).await.get_schema(signed(&peer, SchemaRequest { schema_id: event.schema_id })).await;
    let schema = Schema::parse_str(&schema.unwrap().into_inner().schema_json).unwrap();
    let Avro::Record(fields) = from_avro_datum(&schema, &mut event.payload.as_slice(), None).unwrap() else {
        panic!("no record")
    };
    let field = |name: &str| fields.iter().find(|(own, _)| own == name).unwrap().1.clone();
    assert_eq!(field("cxp__Assignment_Id__c"), Avro::Union(1, Box::new(Avro::String("AS-1".to_owned()))));
    assert_eq!(field("cxp__Not_Before__c"), Avro::Union(1, Box::new(Avro::Long(1_796_029_200_000))));
    assert_eq!(field("cxp__Priority__c"), Avro::Union(0, Box::new(Avro::Null)));
    assert!(matches!(field("CreatedDate"), Avro::Long(_)));
    publish(&peer, "AS-2");
    assert!(!next(&mut stream).await.unwrap().events.is_empty());
}

#[tokio::test]
async fn a_stream_goes_on_where_it_was_and_delivers_what_is_asked_for() {
    let peer = Peer::start().await;
    let ids: Vec<Vec<u8>> = (0..5).map(|number| publish(&peer, &number.to_string())).collect();
    let (more, stream) = subscribe(&peer, fetch(ReplayPreset::Custom, &ids[1], 2)).await;
    let mut stream = stream.unwrap();
    let answer = next(&mut stream).await.unwrap();
    let replayed: Vec<&[u8]> = answer.events.iter().map(|event| event.replay_id.as_slice()).collect();
    assert_eq!((replayed, answer.pending_num_requested), (vec![&ids[2][..], &ids[3][..]], 0));
    more.send(fetch(ReplayPreset::Latest, &[], 5)).await.unwrap();
    assert_eq!(next(&mut stream).await.unwrap().events[0].replay_id, ids[4]);
    peer.org.advance(Duration::from_secs(271));
    let alive = next(&mut stream).await.unwrap();
    assert!(alive.events.is_empty() && alive.latest_replay_id != ids[4] && alive.pending_num_requested == 4);
}

#[tokio::test]
async fn an_idle_stream_is_ended() {
    let peer = Peer::start().await;
    publish(&peer, "a");
    let (_more, stream) = subscribe(&peer, fetch(ReplayPreset::Earliest, &[], 1)).await;
    let mut stream = stream.unwrap();
    assert_eq!(next(&mut stream).await.unwrap().pending_num_requested, 0);
    peer.org.advance(Duration::from_secs(61));
    assert_eq!(next(&mut stream).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn an_event_that_may_not_be_read_has_no_topic() {
    let peer = Peer::start().await;
    assert!(peer.org.hide_event(EVENT, true));
    let asked = TopicRequest { topic_name: TOPIC.to_owned() };
    let hidden = client(&peer).await.get_topic(signed(&peer, asked.clone())).await;
    assert_eq!(hidden.unwrap_err().code(), Code::NotFound);
    let (_more, stream) = subscribe(&peer, fetch(ReplayPreset::Latest, &[], 1)).await;
    assert_eq!(next(&mut stream.unwrap()).await.unwrap_err().code(), Code::NotFound);
    assert!(peer.org.hide_event(EVENT, false));
    assert!(client(&peer).await.get_topic(signed(&peer, asked)).await.is_ok());
}

#[tokio::test]
async fn a_topic_that_is_closed_is_told_of_and_not_subscribed_to() {
    let peer = Peer::start().await;
    peer.org.set_stream_troubles(StreamTroubles { closed: true, ..StreamTroubles::default() });
    let asked = TopicRequest { topic_name: TOPIC.to_owned() };
    let told = client(&peer).await.get_topic(signed(&peer, asked)).await.unwrap();
    assert!(!told.get_ref().can_subscribe);
    let (_more, stream) = subscribe(&peer, fetch(ReplayPreset::Latest, &[], 1)).await;
    assert_eq!(next(&mut stream.unwrap()).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn errors_bear_a_status_and_a_code_in_the_trailers() {
    let mut peer = Peer::start().await;
    publish(&peer, "a");
    for (request, expected) in [
        (fetch(ReplayPreset::Custom, &[0; 8], 1), (Code::InvalidArgument, "subscription.fetch.replayid.corrupted")),
        (fetch(ReplayPreset::Custom, &[], 1), (Code::InvalidArgument, "subscription.fetch.replayid.validation.failed")),
        (fetch(ReplayPreset::Latest, &[], 0), (Code::InvalidArgument, "subscription.fetch.requested.events.invalid")),
    ] {
        let (_more, stream) = subscribe(&peer, request).await;
        let status = next(&mut stream.unwrap()).await.unwrap_err();
        assert_eq!(code(&status), expected);
        assert!(status.metadata().contains_key("rpc-id"));
    }
    let mut pubsub = client(&peer).await;
    let unknown = pubsub.get_topic(signed(&peer, TopicRequest { topic_name: "/event/Nothing__e".to_owned() })).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    let managed = futures_util::stream::iter([ManagedFetchRequest::default()]);
    assert_eq!(pubsub.managed_subscribe(signed(&peer, managed)).await.unwrap_err().code(), Code::Unimplemented);
    peer.org.expire_sessions();
    let stale = pubsub.get_topic(signed(&peer, TopicRequest { topic_name: TOPIC.to_owned() })).await.unwrap_err();
    assert_eq!(code(&stale), (Code::Unauthenticated, "service.auth.error"));
    peer.token = peer.org.session();
    assert!(
        pubsub
            .get_topic(signed(&peer, TopicRequest { topic_name: TOPIC.to_owned() }))
            .await
            .unwrap()
            .into_inner()
            .can_publish
    );
    assert_eq!(peer.org.counts().by_kind["pubsub_subscribe"], 3);
}

#[tokio::test]
async fn each_event_of_a_publication_is_answered() {
    let peer = Peer::start().await;
    publish(&peer, "a");
    let (_more, stream) = subscribe(&peer, fetch(ReplayPreset::Earliest, &[], 10)).await;
    let mut stream = stream.unwrap();
    let good = next(&mut stream).await.unwrap().events[0].event.clone().unwrap();
    let bad = ProducerEvent { payload: vec![0xFF; 5], id: "bad".to_owned(), ..good.clone() };
    let request = PublishRequest {
        topic_name: TOPIC.to_owned(),
        events: vec![ProducerEvent { id: "good".to_owned(), ..good }, bad],
        auth_refresh: String::new(),
    };
    let mut pubsub = client(&peer).await;
    let answer = pubsub.publish(signed(&peer, request.clone())).await.unwrap().into_inner();
    let (one, other) = (&answer.results[0], &answer.results[1]);
    assert_eq!((one.correlation_key.as_str(), one.replay_id.len(), one.error.is_none()), ("good", 8, true));
    assert_eq!((other.replay_id.len(), other.error.as_ref().unwrap().code()), (0, ErrorCode::Publish));
    assert_eq!(next(&mut stream).await.unwrap().events.len(), 1);
    let mut answers = pubsub
        .publish_stream(signed(&peer, futures_util::stream::iter([request.clone(), request])))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answers.next().await.unwrap().unwrap().results.len(), 2);
    assert_eq!(answers.next().await.unwrap().unwrap().results.len(), 2);
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn streams_fail_as_ordered_and_bytes_go_out_as_they_are() {
    let peer = Peer::start().await;
    peer.org.set_stream_troubles(StreamTroubles { drop_every: Some(1), duplicates: 1, ..StreamTroubles::default() });
    publish(&peer, "a");
    let (_more, stream) = subscribe(&peer, fetch(ReplayPreset::Earliest, &[], 10)).await;
    let mut stream = stream.unwrap();
    let first = next(&mut stream).await.unwrap().events.remove(0);
    assert_eq!(code(&next(&mut stream).await.unwrap_err()), (Code::Unavailable, "service.unavailable"));
    let (_more, stream) = subscribe(&peer, fetch(ReplayPreset::Custom, &first.replay_id, 10)).await;
    let twice = next(&mut stream.unwrap()).await.unwrap().events.remove(0);
    assert!(twice.event == first.event && twice.replay_id != first.replay_id);

    let refused = RefusedCalls {
        status: 8,
        error_code: "sfdc.platform.eventbus.grpc.subscription.limit.exceeded".to_owned(),
        times: 1,
    };
    peer.org.set_stream_troubles(StreamTroubles { refused: Some(refused), ..StreamTroubles::default() });
    let (_more, stream) = subscribe(&peer, fetch(ReplayPreset::Earliest, &[], 10)).await;
    assert_eq!(code(&stream.unwrap_err()), (Code::ResourceExhausted, "subscription.limit.exceeded"));

    peer.org.set_replay_length(10);
    let odd = peer.org.publish_bytes(EVENT, vec![0xFF; 9], Some("no-such-schema")).unwrap();
    assert_eq!(odd.len(), 10);
    let (_more, stream) = subscribe(&peer, fetch(ReplayPreset::Earliest, &[], 10)).await;
    let answer = next(&mut stream.unwrap()).await.unwrap();
    let event = answer.events.last().unwrap().event.clone().unwrap();
    assert_eq!((event.payload, event.schema_id.as_str()), (vec![0xFF; 9], "no-such-schema"));
    let unknown = client(&peer).await.get_schema(signed(&peer, SchemaRequest { schema_id: event.schema_id })).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
}
