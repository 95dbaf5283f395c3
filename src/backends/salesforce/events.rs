//! Assignments to the call queue, as the org publishes them: by the Pub/Sub API over gRPC, and by asking for accounts where that
//! is not to be had. What follows from what is decided in [`book::salesforce::Subscription`]; what an event does, in
//! [`crate::queue`].
//!
//! | wait | deadline |
//! |---|---|
//! | connection, and sign-in before it | 10 s |
//! | answer on a stream | [`Timing::watchdog`] |
//! | schema of an event, topic | 10 s |
//! | events stored, with the place behind them | 10 s; then the stream is given up and opened again |
//! | sweep of the org's accounts | 60 s; then it is cut, and what was seen counts |
//! | lease | [`EventsOptions::lease`]; kept four times as often |
//!
//! Answers wait in the server while one is stored, so that at most one, of 4 MB, is held.

mod avro;
mod driver;
mod pubsub;
mod schemas;
mod sweep;

use std::{path::PathBuf, sync::Arc, time::Duration};

use ::book::salesforce::{
    ApiVersion, Mapping,
    describe::Topic,
    subscription::{First, Timing},
};
use jiff::{SignedDuration, Timestamp};
use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use self::{driver::Driver, pubsub::PubSub, schemas::Schemas};
use super::{Connections, SalesforceError};
use crate::queue::{self, Holder, Queue};

#[cfg(any(test, fuzzing))]
pub(crate) use avro::EventSchema;

/// How a subscription is made.
#[derive(Clone, Debug)]
pub struct EventsOptions {
    /// Where the Pub/Sub API is, such as `https://api.pubsub.salesforce.com:7443`.
    pub endpoint: String,
    /// A PEM file to trust in place of the system's authorities.
    pub authority: Option<PathBuf>,
    /// The topic.
    pub topic: String,
    /// The org's address: with the topic, what the lease and the place are kept under.
    pub org: String,
    /// Where the very first stream begins.
    pub first: First,
    /// How old an assignment may be when it comes.
    pub oldest: SignedDuration,
    /// How long things take.
    pub timing: Timing,
    /// How long a lease is held that is not kept.
    pub lease: Duration,
}

/// A subscriber: of all that share a queue one is at work.
pub struct Events {
    connections: Arc<Connections>,
    mapping: Mapping,
    version: ApiVersion,
    queue: Arc<Queue>,
    options: EventsOptions,
    pubsub: PubSub,
    schemas: Schemas,
    holder: Holder,
}

impl Events {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// [`SalesforceError::Setting`] names what cannot be used.
    pub fn new(
        connections: Arc<Connections>,
        mapping: Mapping,
        version: ApiVersion,
        queue: Arc<Queue>,
        options: EventsOptions,
    ) -> Result<Self, SalesforceError> {
        let pubsub = PubSub::new(&options)?;
        let subscription = format!("{}{}", options.org, options.topic);
        let holder = Holder { subscription, name: Uuid::new_v4().to_string() };
        Ok(Self { connections, mapping, version, queue, options, pubsub, schemas: Schemas::default(), holder })
    }

    /// Subscribes whenever the lease is free, until cancelled.
    pub async fn run(self, cancelled: CancellationToken) {
        show_idle();
        while !cancelled.is_cancelled() {
            if self.keep().await {
                info!("this gateway subscribes to assignments");
                self.subscribe(&cancelled).await;
                show_idle();
            }
            tokio::select! {
                () = cancelled.cancelled() => {}
                () = tokio::time::sleep(self.options.lease / 4) => {}
            }
        }
        if let Err(why) = self.queue.release(self.holder.clone()).await {
            warn!(%why, "the lease of the subscription is left to end by itself");
        }
    }

    /// Until the lease is lost.
    async fn subscribe(&self, cancelled: &CancellationToken) {
        match self.queue.progress(self.holder.clone()).await {
            Ok(progress) => Driver::new(self, progress).run(cancelled).await,
            Err(why) => error!(%why, "the place of the subscription cannot be read"),
        }
    }

    /// Takes or keeps the lease, and the queue tidy. Whether the lease is held.
    async fn keep(&self) -> bool {
        let now = Timestamp::now();
        let until = now + self.options.lease;
        let held = self.queue.claim(self.holder.clone(), now, until).await;
        match self.queue.tidy(now).await {
            Ok(expired) => {
                counter!("tonegate_salesforce_events_total", "outcome" => "expired_waiting").increment(expired);
            }
            Err(why) => warn!(%why, "the call queue cannot be tidied"),
        }
        if let Ok(depth) = self.queue.depth().await {
            queue::show(depth);
        }
        held.unwrap_or_else(|why| {
            counter!("tonegate_control_failures_total", "control" => "call_queue").increment(1);
            error!(%why, "the lease of the subscription cannot be looked at");
            false
        })
    }
}

/// What the Pub/Sub API says of a topic; nothing is subscribed to.
///
/// # Errors
/// [`SalesforceError`] where there is no session, or a setting cannot be used.
pub async fn topic(connections: &Connections, options: &EventsOptions) -> Result<Topic, SalesforceError> {
    let pubsub = PubSub::new(options)?;
    let session = connections.authority().session().await?;
    Ok(pubsub.topic(&session).await)
}

/// Nothing is received or polled by this gateway.
fn show_idle() {
    gauge!("tonegate_salesforce_event_subscriber_active").set(0.0);
    gauge!("tonegate_salesforce_event_polling_active").set(0.0);
}
