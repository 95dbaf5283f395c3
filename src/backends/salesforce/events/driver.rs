//! One time that the lease is held: does what the subscription says, and tells it what comes of that.

use std::{
    future::pending,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use ::book::salesforce::{
    Subscription, event,
    subscription::{End, Output, Progress, ReplayId, Start},
};
use jiff::Timestamp;
use metrics::{counter, gauge};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{
    Events,
    pubsub::{
        SchemaSource, Stream,
        wire::{ConsumerEvent, FetchResponse, ProducerEvent},
    },
    schemas::Missing,
};
use crate::{
    queue::{Batch, Content, Outcome, QueueError, Received, Unreadable},
    salesforce::Session,
};

/// How long a session may take.
const SESSION: Duration = Duration::from_secs(10);
/// Longest id of an event that is kept, in bytes: a UUID has 36.
const MOST_UUID: usize = 64;
/// As many characters of a schema's id are kept of an event that cannot be read.
const MOST_SCHEMA_ID: usize = 64;

/// Something under way.
type Task<'a, T> = Option<Pin<Box<dyn Future<Output = T> + Send + 'a>>>;

/// What came of storing an answer.
enum Stored {
    /// It is, with the place behind it, which is the old one where it had none; `is_whole` where everything had room.
    At { place: Option<ReplayId>, is_whole: bool },
    /// It is not stored, and is received again.
    Not(End),
    /// Another gateway holds the lease.
    NotHeld,
}

/// What came of opening a stream, and the session that it was tried with.
struct Opened {
    session: Option<Arc<Session>>,
    stream: Result<Stream, End>,
}

/// What happened.
enum Happened {
    Opened(Box<Opened>),
    Answered(Result<FetchResponse, End>),
    Stored(Stored),
    Swept(bool),
    /// The time has come.
    Time,
    /// The lease is to be kept.
    Lease,
    Cancelled,
}

/// Drives a subscription.
pub(super) struct Driver<'a> {
    events: &'a Events,
    subscription: Subscription,
    /// The last one that was used.
    session: Option<Arc<Session>>,
    /// It is not taken any more.
    is_stale: bool,
    /// Since when events may be missing, where any may.
    gap_since: Timestamp,
    stream: Option<Stream>,
    opening: Task<'a, Opened>,
    storing: Task<'a, Stored>,
    sweeping: Task<'a, bool>,
}

impl<'a> Driver<'a> {
    pub(super) fn new(events: &'a Events, progress: Progress) -> Self {
        let (first, timing) = (events.options.first, events.options.timing);
        let subscription = Subscription::new(first, timing, progress, rand::random(), Instant::now());
        let (session, is_stale, gap_since) = (None, false, Timestamp::now());
        let (stream, opening, storing, sweeping) = (None, None, None, None);
        Self { events, subscription, session, is_stale, gap_since, stream, opening, storing, sweeping }
    }

    /// Until the lease is lost, or it is cancelled.
    pub(super) async fn run(mut self, cancelled: &CancellationToken) {
        let mut lease = interval(self.events.options.lease / 4);
        lease.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.act();
            self.show();
            match self.next(&mut lease, cancelled).await {
                Happened::Opened(opened) => self.opened(*opened),
                Happened::Answered(Ok(answer)) => self.take(answer),
                Happened::Answered(Err(end)) => self.end(end),
                Happened::Stored(Stored::At { place, is_whole }) => self.stored(place, is_whole),
                Happened::Stored(Stored::Not(end)) => self.end(end),
                Happened::Swept(is_done) => self.subscription.handle_swept(Instant::now(), is_done),
                Happened::Time => self.subscription.handle_timeout(Instant::now()),
                Happened::Lease if self.events.keep().await => {}
                Happened::Lease | Happened::Stored(Stored::NotHeld) => {
                    warn!("the lease of the subscription is lost");
                    return;
                }
                Happened::Cancelled => return,
            }
        }
    }

    /// What happens first. An answer is not looked for while another one is stored.
    async fn next(&mut self, lease: &mut Interval, cancelled: &CancellationToken) -> Happened {
        let is_storing = self.storing.is_some();
        tokio::select! {
            () = cancelled.cancelled() => Happened::Cancelled,
            opened = done(&mut self.opening) => Happened::Opened(Box::new(opened)),
            stored = done(&mut self.storing) => Happened::Stored(stored),
            swept = done(&mut self.sweeping) => Happened::Swept(swept),
            answered = answer(&mut self.stream), if !is_storing => Happened::Answered(answered),
            _ = lease.tick() => Happened::Lease,
            () = sleep_until(self.subscription.poll_timeout().into()) => Happened::Time,
        }
    }

    /// Does everything that is to be done.
    fn act(&mut self) {
        while let Some(output) = self.subscription.poll_output() {
            match output {
                Output::Open { start, count } => {
                    let stale = self.session.clone().filter(|_| self.is_stale);
                    self.opening = Some(Box::pin(self.events.open(stale, start, count)));
                }
                Output::Ask(count) => {
                    if let Some(Err(end)) = self.stream.as_ref().map(|stream| stream.ask(count)) {
                        self.end(end);
                    }
                }
                Output::Close => self.drop_stream(End::Silent),
                Output::RenewSession => self.is_stale = true,
                Output::Sweep(why) => self.sweeping = Some(Box::pin(self.events.sweep(why))),
            }
        }
    }

    fn opened(&mut self, Opened { session, stream }: Opened) {
        if session.is_some() {
            // Where the old one was not taken any more, this is another.
            (self.session, self.is_stale) = (session, false);
        }
        match stream {
            Ok(stream) => self.stream = Some(stream),
            Err(end) => self.end(end),
        }
    }

    fn take(&mut self, answer: FetchResponse) {
        let Some(stream) = &self.stream else { return };
        let events = u32::try_from(answer.events.len()).unwrap_or(u32::MAX);
        let pending = u32::try_from(answer.pending_num_requested).unwrap_or(0);
        self.subscription.handle_answer(Instant::now(), events, pending);
        let gap = self.subscription.has_gap().then_some(self.gap_since);
        self.storing = Some(Box::pin(self.events.store(answer, stream.schemas.clone(), gap)));
    }

    fn stored(&mut self, place: Option<ReplayId>, is_whole: bool) {
        if !is_whole {
            error!("assignments are left out until a sweep finds room for them: too many wait");
            self.gap_since = Timestamp::now();
            self.subscription.handle_gap(Instant::now());
        }
        self.subscription.handle_stored(Instant::now(), place);
    }

    fn end(&mut self, end: End) {
        self.drop_stream(end);
        if end == End::Corrupted {
            self.gap_since = Timestamp::now();
        }
        self.subscription.handle_end(Instant::now(), end);
    }

    fn drop_stream(&mut self, end: End) {
        (self.opening, self.stream, self.storing) = (None, None, None);
        counter!("tonegate_salesforce_event_streams_total", "outcome" => end.name()).increment(1);
        warn!(why = end.name(), "the stream of assignments ended");
        if end == End::Corrupted {
            error!("assignments may be missing: the org does not know the place in the topic any more");
        }
    }

    fn show(&self) {
        let value = |is: bool| if is { 1.0 } else { 0.0 };
        gauge!("tonegate_salesforce_event_subscriber_active").set(value(self.subscription.is_receiving()));
        gauge!("tonegate_salesforce_event_polling_active").set(value(self.subscription.is_polling(Instant::now())));
    }
}

/// Waits for a task, for ever where there is none. It may be given up and waited for again.
async fn done<T>(task: &mut Task<'_, T>) -> T {
    let Some(running) = task else { return pending().await };
    let result = running.await;
    *task = None;
    result
}

/// The next answer of a stream, for ever where there is none.
async fn answer(stream: &mut Option<Stream>) -> Result<FetchResponse, End> {
    match stream {
        Some(stream) => stream.answer().await,
        None => pending().await,
    }
}

impl Events {
    /// Opens a stream in a session that is not `stale`.
    async fn open(&self, stale: Option<Arc<Session>>, start: Start, count: u32) -> Opened {
        let authority = self.connections.authority();
        let signed_in = async {
            match &stale {
                Some(stale) => authority.renewed(Some(stale)).await,
                None => authority.session().await,
            }
        };
        match timeout(SESSION, signed_in).await {
            Ok(Ok(session)) => {
                let stream = self.pubsub.open(Arc::clone(&session), start, count).await;
                Opened { session: Some(session), stream }
            }
            Ok(Err(_)) | Err(_) => Opened { session: None, stream: Err(End::Session) },
        }
    }

    /// Acts on an answer and makes that durable, with the place behind it.
    async fn store(&self, answer: FetchResponse, source: SchemaSource, gap: Option<Timestamp>) -> Stored {
        let batch = match self.batch(answer, source).await {
            Ok(batch) => Batch { gap, ..batch },
            Err(end) => return Stored::Not(end),
        };
        let place = batch.place.clone();
        let now = Timestamp::now();
        match self.queue.store(self.holder.clone(), batch, now).await {
            Ok(outcomes) => {
                outcomes.iter().for_each(|outcome| count(*outcome));
                if !outcomes.is_empty() {
                    let seconds = now.as_millisecond() as f64 / 1_000.0;
                    gauge!("tonegate_salesforce_event_last_timestamp_seconds").set(seconds);
                }
                Stored::At { place, is_whole: !outcomes.contains(&Outcome::NoRoom) }
            }
            Err(QueueError::NotHeld) => Stored::NotHeld,
            Err(why) => {
                error!(%why, "assignments are not stored, and will be received again");
                counter!("tonegate_control_failures_total", "control" => "call_queue").increment(1);
                Stored::Not(End::Unstored)
            }
        }
    }

    async fn batch(&self, answer: FetchResponse, mut source: SchemaSource) -> Result<Batch, End> {
        let (mut events, mut missing) = (Vec::with_capacity(answer.events.len()), Missing::new());
        // Without events it is the place that the org is at.
        let mut place = ReplayId::new(answer.latest_replay_id).ok();
        for ConsumerEvent { event, replay_id } in answer.events {
            let replay_id = ReplayId::new(replay_id).map_err(|_| End::Refused)?;
            let event = event.unwrap_or_default();
            place = Some(replay_id.clone());
            let content = self.content(&event, replay_id, &mut source, &mut missing).await?;
            let uuid = Some(event.id).filter(|id| (1..=MOST_UUID).contains(&id.len()));
            events.push(Received { uuid, content });
        }
        Ok(Batch { events, place, gap: None, oldest: self.options.oldest })
    }

    /// What an event says. An error only where that cannot be known now.
    async fn content(
        &self,
        event: &ProducerEvent,
        replay_id: ReplayId,
        source: &mut SchemaSource,
        missing: &mut Missing,
    ) -> Result<Content, End> {
        let schema = self.schemas.get(&event.schema_id, source, missing).await?;
        let decoded = schema.and_then(|schema| schema.decode(&event.payload)).map_err(|why| why.to_string());
        let read = decoded.and_then(|record| event::read(&self.mapping, &record).map_err(|why| why.to_string()));
        let reason = match read {
            Ok(change) => return Ok(Content::Change(change)),
            Err(reason) => reason,
        };
        error!(reason, bytes = event.payload.len(), "an event cannot be read, and is set aside");
        let schema_id = event.schema_id.chars().take(MOST_SCHEMA_ID).collect();
        Ok(Content::Unreadable(Unreadable { replay_id, schema_id, reason, bytes: event.payload.len() }))
    }
}

fn count(outcome: Outcome) {
    counter!("tonegate_salesforce_events_total", "outcome" => outcome.name()).increment(1);
}
