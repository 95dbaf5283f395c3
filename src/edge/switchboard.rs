//! Where calls begin: takes what signalling announces, gives each call its driver, and brings it its events.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
    time::Instant,
};

use arc_swap::ArcSwap;
use call::{AgentKind, CallId, Settings, Signal};
use dtls::Identity;
use metrics::{counter, gauge, histogram};
use sip::{CallHandle, Event};
use tokio::{sync::mpsc, task::JoinSet};
use uuid::Uuid;

use crate::{
    driver::{Announced, Driver, Plant},
    registry::Registry,
    services::{Mail, Mailbox, Services},
    shard::ShardPool,
    signalling::SignallingHandle,
};

/// What a reload may change.
#[derive(Debug)]
pub struct Routing {
    /// What all calls share.
    pub settings: Arc<Settings>,
    /// What holds for the calls of a trunk, by its name.
    pub routes: BTreeMap<String, Route>,
}

/// What holds for the calls of one trunk.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Who talks with them.
    pub agent: AgentKind,
    /// Whether their media may come from elsewhere than their session descriptions say.
    pub learn_source: bool,
    /// Whether no packet of theirs can come from another machine.
    pub is_local: bool,
    /// Whether somebody attests that their line is private.
    pub is_attested: bool,
}

impl Default for Route {
    fn default() -> Self {
        Self { agent: AgentKind::Collector, learn_source: true, is_local: false, is_attested: false }
    }
}

/// Takes calls for as long as signalling lives.
pub struct Switchboard {
    plant: Arc<Plant>,
    routing: Arc<ArcSwap<Routing>>,
    mailboxes: HashMap<CallHandle, (Mailbox, Instant)>,
    drivers: JoinSet<()>,
}

impl Switchboard {
    /// A switchboard without calls.
    #[must_use]
    pub fn new(
        services: Arc<dyn Services>,
        signalling: SignallingHandle,
        shards: ShardPool,
        routing: Arc<ArcSwap<Routing>>,
        identity: Identity,
        media_address: IpAddr,
        retry_after: u32,
    ) -> (Self, Arc<Registry>) {
        let registry = Arc::new(Registry::default());
        let identity = Arc::new(identity);
        let held = Arc::clone(&registry);
        let plant = Plant { services, signalling, shards, registry: held, identity, media_address, retry_after };
        let switchboard = Self { plant: Arc::new(plant), routing, mailboxes: HashMap::new(), drivers: JoinSet::new() };
        (switchboard, registry)
    }

    /// Serves until `events` ends, then waits for the calls that are up.
    pub async fn run(mut self, mut events: mpsc::Receiver<Event>) {
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.handle(event),
                    None => break,
                },
                Some(_) = self.drivers.join_next(), if !self.drivers.is_empty() => {}
            }
        }
        while self.drivers.join_next().await.is_some() {}
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Incoming(incoming) => self.begin(incoming),
            Event::Acknowledged { call, negotiated } => {
                if let Some((_, invited)) = self.mailboxes.get(&call) {
                    histogram!("tonegate_call_setup_seconds").record(invited.elapsed().as_secs_f64());
                }
                if let Some(negotiated) = negotiated {
                    self.post(call, Mail::Retarget(Box::new(negotiated)));
                }
                self.post(call, Mail::Signal(Signal::Acknowledged));
            }
            Event::Changed { call, negotiated } => self.post(call, Mail::Retarget(Box::new(negotiated))),
            Event::Info { call, info } => self.post(call, Mail::Info(info)),
            Event::Referral { call, news } => self.post(call, Mail::Signal(Signal::Referral(news))),
            Event::Ended { call, reason } => self.post(call, Mail::Signal(signal(reason))),
            Event::Closed { call } => {
                self.mailboxes.remove(&call);
            }
        }
    }

    fn begin(&mut self, incoming: sip::Incoming) {
        let routing = self.routing.load_full();
        let route = routing.routes.get(&incoming.trunk).copied().unwrap_or_default();
        let caller = incoming.caller_number.as_deref().and_then(|number| book::Phone::parse(number).ok());
        let (handle, trunk) = (incoming.call, incoming.trunk.clone());
        let id = CallId::new(Uuid::now_v7());
        let announced = Announced { incoming, id, route, caller, settings: Arc::clone(&routing.settings) };
        let (mut driver, mailbox) = Driver::new(Arc::clone(&self.plant), announced);
        self.mailboxes.insert(handle, (mailbox, Instant::now()));
        self.drivers.spawn(async move {
            gauge!("tonegate_calls_active", "trunk" => trunk.clone()).increment(1.0);
            let reason = driver.run().await;
            gauge!("tonegate_calls_active", "trunk" => trunk.clone()).decrement(1.0);
            counter!("tonegate_calls_ended_total", "trunk" => trunk, "reason" => reason.label()).increment(1);
        });
    }

    fn post(&self, call: CallHandle, mail: Mail) {
        if let Some((mailbox, _)) = self.mailboxes.get(&call) {
            mailbox.post(mail);
        }
    }
}

fn signal(reason: sip::EndReason) -> Signal {
    match reason {
        sip::EndReason::Cancelled => Signal::Cancelled,
        sip::EndReason::AckTimeout | sip::EndReason::BadAnswer | sip::EndReason::NotAnswered => Signal::NotAcknowledged,
        sip::EndReason::RemoteBye
        | sip::EndReason::Rejected
        | sip::EndReason::HungUp
        | sip::EndReason::DialogGone
        | sip::EndReason::Restored => Signal::HungUp,
    }
}
