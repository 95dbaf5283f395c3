//! The streams of the Pub/Sub API: each is driven by a task that waits for its peer, for the bus, and for its own time.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::stream;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tonic::{Status, Streaming};

use super::{
    Answers, status,
    wire::{ConsumerEvent, FetchRequest, FetchResponse, ProducerEvent, PublishRequest, PublishResponse, ReplayPreset},
};
use crate::{
    bus::{Asked, Refusal, Start, Step, Subscription},
    lock,
    world::Shared,
};

/// Answers that wait for a slow peer; then the stream waits.
const WAITING: usize = 16;
/// So long a stream of publications may be silent (Pub/Sub API, "PublishStream RPC Method").
const SILENCE: Duration = Duration::from_secs(70);

/// Answers a stream of requests for events.
pub(super) fn subscribe(
    world: Arc<Shared>,
    requests: Streaming<FetchRequest>,
    rpc_id: String,
) -> Answers<FetchResponse> {
    let (sender, answers) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let changed = lock(&world).changed.subscribe();
        let mut driver = Driver { world, requests, rpc_id, sender, changed };
        if let Err(refusal) = driver.run().await {
            let ended = status(&refusal, &driver.rpc_id);
            // Who went away need not be told.
            driver.sender.send(Err(ended)).await.ok();
        }
    });
    answers_of(answers)
}

/// Answers a stream of publications.
pub(super) fn publish(
    world: Arc<Shared>,
    mut requests: Streaming<PublishRequest>,
    rpc_id: String,
) -> Answers<PublishResponse> {
    let (sender, answers) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        loop {
            let published = match timeout(SILENCE, requests.message()).await {
                Ok(Ok(Some(request))) => super::publish(&mut lock(&world), request, &rpc_id),
                Ok(Ok(None) | Err(_)) => return,
                Err(_) => Err(Refusal::idle()),
            };
            let is_over = published.is_err();
            let sent = sender.send(published.map_err(|refusal| status(&refusal, &rpc_id))).await;
            if is_over || sent.is_err() {
                return;
            }
        }
    });
    answers_of(answers)
}

fn answers_of<T: Send + 'static>(answers: mpsc::Receiver<Result<T, Status>>) -> Answers<T> {
    let next = |mut answers: mpsc::Receiver<_>| async move { answers.recv().await.map(|answer| (answer, answers)) };
    Pin::from(Box::new(stream::unfold(answers, next)))
}

/// What drives one subscription.
struct Driver {
    world: Arc<Shared>,
    requests: Streaming<FetchRequest>,
    rpc_id: String,
    sender: mpsc::Sender<Result<FetchResponse, Status>>,
    changed: watch::Receiver<()>,
}

impl Driver {
    /// Until the peer goes away, or the stream ends for a reason.
    async fn run(&mut self) -> Result<(), Refusal> {
        let Some(first) = self.next().await else { return Ok(()) };
        let mut subscription = {
            let mut world = lock(&self.world);
            let now = world.now();
            Subscription::open(&mut world.bus, &first, now)?
        };
        loop {
            self.changed.mark_unchanged();
            let (steps, wait) = self.steps(&mut subscription);
            for step in steps {
                let response = self.response(step)?;
                if self.sender.send(Ok(response)).await.is_err() {
                    return Ok(());
                }
            }
            let asked = tokio::select! {
                asked = self.requests.message() => match asked {
                    Ok(Some(request)) => Some(asked_of(request)),
                    Ok(None) | Err(_) => return Ok(()),
                },
                _ = self.changed.changed() => None,
                () = tokio::time::sleep(wait) => None,
            };
            if let Some(asked) = asked {
                let now = lock(&self.world).now();
                subscription.handle_request(&asked, now)?;
            }
        }
    }

    async fn next(&mut self) -> Option<Asked> {
        self.requests.message().await.ok().flatten().map(asked_of)
    }

    /// Everything that happens now, and how long until something happens by itself.
    fn steps(&self, subscription: &mut Subscription) -> (Vec<Step>, Duration) {
        let mut world = lock(&self.world);
        let now = world.now();
        let mut steps = Vec::new();
        while let Some(step) = subscription.poll(&mut world.bus, now) {
            let is_end = matches!(step, Step::End(_));
            steps.push(step);
            if is_end {
                break;
            }
        }
        let wait = subscription.poll_timeout().duration_since(now);
        (steps, wait.try_into().unwrap_or(Duration::ZERO))
    }

    fn response(&self, step: Step) -> Result<FetchResponse, Refusal> {
        match step {
            Step::End(refusal) => Err(refusal),
            Step::Deliver { events, latest, pending } => {
                let events = events.into_iter().map(|(replay_id, told)| {
                    let headers = Vec::new();
                    let event =
                        ProducerEvent { id: told.id, schema_id: told.schema_id, payload: told.payload, headers };
                    ConsumerEvent { event: Some(event), replay_id }
                });
                Ok(FetchResponse {
                    events: events.collect(),
                    latest_replay_id: latest,
                    rpc_id: self.rpc_id.clone(),
                    pending_num_requested: i32::try_from(pending).unwrap_or(i32::MAX),
                })
            }
        }
    }
}

fn asked_of(request: FetchRequest) -> Asked {
    let start = match request.replay_preset() {
        ReplayPreset::Latest => Start::Latest,
        ReplayPreset::Earliest => Start::Earliest,
        ReplayPreset::Custom => Start::After(request.replay_id),
    };
    Asked { topic: request.topic_name, start, count: request.num_requested }
}
