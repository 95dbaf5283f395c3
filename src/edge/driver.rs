//! The driver of one call: carries out what [`call::Call`] decides, and decides nothing.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use call::{
    AgentKind, Call, CallId, EndReason, Invitation, Output, Settings, SinkKind,
    conditions::{Carriage, Line},
    media::{AGENT_SINK, LegCommand, LegOutput, RECORDER_SINK},
    port::{AuditEvent, Failure, Reply, Request, Ticket},
};
use dtls::Identity;
use jiff::Timestamp;
use rand::Rng;
use sip::{CallHandle, HangUp, Status, media};
use tokio::sync::{mpsc, oneshot};

use crate::{
    agreement::{leg_config, local_fingerprint, target},
    last_words::{LastWords, last_words},
    registry::{QUESTIONS, Question, Registry, Summary},
    services::{Bot, MAILBOX, Mail, Mailbox, Recognition, Services, Sink},
    shard::{LegHandle, OpenedLeg, ShardPool, Tap},
    signalling::SignallingHandle,
    switchboard::Route,
};

/// Frames that a tap may hold of each side that it takes: two seconds.
const TAP_FRAMES: usize = 100;

/// What every driver needs.
pub(crate) struct Plant {
    pub(crate) services: Arc<dyn Services>,
    pub(crate) signalling: SignallingHandle,
    pub(crate) shards: ShardPool,
    pub(crate) registry: Arc<Registry>,
    /// This process's certificate, for DTLS.
    pub(crate) identity: Arc<Identity>,
    /// The address that session descriptions name.
    pub(crate) media_address: IpAddr,
    /// Retry-After of a refusal, in seconds.
    pub(crate) retry_after: u32,
}

/// A leg and what it tells.
pub struct Prepared {
    leg: LegHandle,
    outputs: mpsc::Receiver<Box<LegOutput>>,
    local: media::LocalMedia,
}

/// A call that signalling has announced.
pub(crate) struct Announced {
    pub(crate) incoming: sip::Incoming,
    pub(crate) id: CallId,
    pub(crate) route: Route,
    pub(crate) caller: Option<book::Phone>,
    pub(crate) settings: Arc<Settings>,
}

/// Drives a call to its end.
pub(crate) struct Driver {
    plant: Arc<Plant>,
    call: Call,
    handle: CallHandle,
    offer: Option<media::Offer>,
    route: Route,
    mailbox: Mailbox,
    mail: mpsc::Receiver<Box<Mail>>,
    questions: mpsc::Receiver<Box<Question>>,
    answers: std::collections::BTreeMap<u64, oneshot::Sender<call::api::ApiReply>>,
    asked: u64,
    leg: Option<LegHandle>,
    leg_outputs: Option<mpsc::Receiver<Box<LegOutput>>>,
    local: Option<media::LocalMedia>,
    recognition: Option<Box<dyn Recognition>>,
    bot: Option<Box<dyn Bot>>,
    began: Instant,
    began_at: Timestamp,
}

impl Driver {
    /// A driver for a call whose INVITE has just arrived, and the way to it. On the heap, so that its future holds no copy.
    pub(crate) fn new(plant: Arc<Plant>, announced: Announced) -> (Box<Self>, Mailbox) {
        let Announced { incoming, id, route, caller, settings } = announced;
        let agent = route.agent;
        let (began, began_at) = (Instant::now(), Timestamp::now());
        let (sender, mail) = mpsc::channel(MAILBOX);
        let mailbox = Mailbox(sender);
        let (ask, questions) = mpsc::channel(QUESTIONS);
        let summary = Summary { id, trunk: incoming.trunk.clone(), agent, started: began_at, ended: None };
        plant.registry.enter(summary, mailbox.clone(), ask);
        let line = line(&incoming, route);
        let carrier_call = incoming.carrier_call;
        let seed = rand::rng().random();
        let invitation = Invitation { id, trunk: incoming.trunk, caller, agent, line, carrier_call, seed };
        let driver = Box::new(Self {
            plant,
            call: Call::new(settings, invitation, began, began_at),
            handle: incoming.call,
            offer: incoming.offer,
            route,
            mailbox: mailbox.clone(),
            mail,
            questions,
            answers: std::collections::BTreeMap::new(),
            asked: 0,
            leg: None,
            leg_outputs: None,
            local: None,
            recognition: None,
            bot: None,
            began,
            began_at,
        });
        (driver, mailbox)
    }

    /// Runs until the call is done.
    pub(crate) async fn run(&mut self) -> EndReason {
        loop {
            while let Some(output) = self.call.poll_output() {
                if let Some(reason) = self.carry_out(output).await {
                    return self.leave(reason).await;
                }
            }
            let due = self.call.poll_timeout().unwrap_or_else(|| Instant::now() + Duration::from_secs(60));
            tokio::select! {
                Some(mail) = self.mail.recv() => self.take(*mail),
                Some(output) = receive(self.leg_outputs.as_mut()) => self.leg_says(*output),
                Some(question) = self.questions.recv() => {
                    let (request, answer) = *question;
                    self.asked += 1;
                    self.answers.insert(self.asked, answer);
                    self.call.handle_api(Instant::now(), Ticket(self.asked), request);
                }
                () = tokio::time::sleep_until(due.into()) => self.call.handle_timeout(Instant::now()),
            }
        }
    }

    fn take(&mut self, mail: Mail) {
        let now = Instant::now();
        match mail {
            Mail::Signal(signal) => self.call.handle_signal(now, signal),
            Mail::Info(info) => {
                #[cfg(feature = "sabotage")]
                crate::sabotage::info(&info);
                self.command(LegCommand::Info(info));
            }
            Mail::Retarget(negotiated) => self.retarget(&negotiated),
            Mail::Prepared(ticket, Ok(prepared)) => {
                let Prepared { leg, outputs, local } = *prepared;
                self.leg = Some(leg);
                self.leg_outputs = Some(outputs);
                self.local = Some(local);
                self.call.handle_reply(now, ticket, Reply::Prepared);
            }
            Mail::Prepared(ticket, Err(failure)) => self.call.handle_reply(now, ticket, Reply::Failed(failure)),
            Mail::Reply(ticket, reply) => self.call.handle_reply(now, ticket, reply),
            Mail::Heard { text, finding, took } => self.call.handle_heard(now, text, finding, took),
            Mail::Silenced { is_whole } => self.call.handle_silenced(now, is_whole),
            Mail::Bot(event) => self.call.handle_bot(now, event),
            Mail::Carrier(capture, event) => self.call.handle_carrier(now, capture, event),
            Mail::End(reason) => self.call.end(now, reason),
        }
    }

    fn leg_says(&mut self, output: LegOutput) {
        if let (LegOutput::Hushed { generation }, Some(bot)) = (&output, &mut self.bot) {
            bot.hushed(*generation);
        }
        if let LegOutput::Secured { .. } = &output {
            handshake("completed");
        }
        if let LegOutput::HandshakeFailed(failure) = &output {
            handshake(failure.name());
        }
        if let LegOutput::Closed(quality) = &output {
            self.media_closed(quality);
        }
        self.call.handle_leg(Instant::now(), output);
    }

    async fn carry_out(&mut self, output: Output) -> Option<EndReason> {
        let id = self.call.id();
        match output {
            Output::Request(ticket, Request::Prepare { attempt, compliance }) => {
                self.prepare(ticket, *attempt, *compliance);
            }
            Output::Request(ticket, request) => self.request(ticket, request),
            Output::Ring | Output::Answer | Output::Refuse | Output::HangUp(_) | Output::Refer(_) => {
                // On the heap for as long as it takes: a call's task lives much longer.
                Box::pin(self.signal(output)).await;
            }
            Output::Leg(command) => self.command(command),
            Output::Attach(sink) => self.attach(sink).await,
            Output::Detach(sink) => self.detach(sink),
            Output::Listen(grammar) => {
                if let Some(recognition) = &mut self.recognition {
                    recognition.listen(grammar);
                }
            }
            Output::StopListening => {
                if let Some(recognition) = &mut self.recognition {
                    recognition.stop();
                }
            }
            Output::ConnectBot => self.connect_bot(),
            Output::CloseBot => {
                if let Some(bot) = &mut self.bot {
                    bot.close();
                }
            }
            Output::BotKey(key) => {
                if let Some(bot) = &mut self.bot {
                    bot.key(key);
                }
            }
            Output::BotMark(name) => {
                if let Some(bot) = &mut self.bot {
                    bot.mark(name);
                }
            }
            Output::BotCapture(view) => {
                if let Some(bot) = &mut self.bot {
                    bot.capture(*view);
                }
            }
            Output::BotTransfer(view) => {
                if let Some(bot) = &mut self.bot {
                    bot.transfer(*view);
                }
            }
            Output::Session(update) => self.plant.services.tell_session(id, self.call.trunk(), *update),
            Output::Audit(event) => {
                if let AuditEvent::CaptureEnded { outcome, .. } = &event {
                    metrics::counter!("tonegate_captures_total", "outcome" => *outcome).increment(1);
                }
                if let AuditEvent::TransferEnded { outcome, .. } = &event {
                    metrics::counter!("tonegate_transfers_total", "outcome" => *outcome).increment(1);
                }
                self.plant.services.audit(id, event, self.wall());
            }
            Output::Progress(attempt, compliance) => self.plant.services.progress(*attempt, *compliance),
            Output::Timeline(entry) => self.plant.services.show(id, &entry),
            Output::Api(Ticket(ticket), reply) => {
                if let Some(answer) = self.answers.remove(&ticket) {
                    answer.send(reply).ok();
                }
            }
            Output::Done(reason) => return Some(reason),
        }
        None
    }

    /// Tells signalling. A call that it does not take, or that has ended meanwhile, ends by its own events.
    async fn signal(&mut self, output: Output) {
        let (signalling, handle) = (self.plant.signalling.clone(), self.handle);
        let told = match output {
            Output::Ring => signalling.ring(handle).await,
            Output::Answer => match self.local.take() {
                Some(local) => signalling.answer(handle, local).await,
                None => Ok(()),
            },
            Output::Refuse => {
                let retry_after = Some(self.plant.retry_after);
                signalling.reject(handle, Status::SERVICE_UNAVAILABLE, retry_after).await
            }
            Output::HangUp(reason) => signalling.hang_up(handle, cause(reason)).await,
            Output::Refer(target) => signalling.refer(handle, target).await,
            Output::Request(..)
            | Output::Leg(_)
            | Output::Attach(_)
            | Output::Detach(_)
            | Output::Listen(_)
            | Output::StopListening
            | Output::ConnectBot
            | Output::CloseBot
            | Output::BotKey(_)
            | Output::BotMark(_)
            | Output::BotCapture(_)
            | Output::BotTransfer(_)
            | Output::Session(_)
            | Output::Audit(_)
            | Output::Progress(..)
            | Output::Timeline(_)
            | Output::Api(..)
            | Output::Done(_) => Ok(()),
        };
        if let Err(error) = told {
            tracing::warn!(call = %self.call.id(), %error, "signalling did not take a command");
        }
    }

    fn request(&self, ticket: Ticket, request: Request) {
        let pending = self.plant.services.request(self.call.id(), request);
        let mailbox = self.mailbox.clone();
        tokio::spawn(async move {
            let reply = pending.await;
            mailbox.post(Mail::Reply(ticket, reply));
        });
    }

    fn command(&mut self, command: LegCommand) {
        if let Some(leg) = &self.leg
            && leg.send(command).is_err()
        {
            tracing::warn!(call = %self.call.id(), "the media thread did not take a command");
        }
    }

    /// Opens the leg, agrees on the session and makes the call durable, beside the loop.
    fn prepare(&mut self, ticket: Ticket, attempt: book::ContactAttempt, compliance: book::ComplianceRecord) {
        let (plant, mailbox, handle) = (Arc::clone(&self.plant), self.mailbox.clone(), self.handle);
        let (offer, route) = (self.offer.take(), self.route);
        tokio::spawn(async move {
            let prepared = prepare(&plant, handle, offer.as_ref(), route, attempt, compliance).await;
            mailbox.post(Mail::Prepared(ticket, prepared.map(Box::new)));
        });
    }

    async fn attach(&mut self, sink: SinkKind) {
        let Some(leg) = self.leg.as_ref().map(LegHandle::sender) else { return };
        let number = number_of(sink);
        let (queue, items) = mpsc::channel(TAP_FRAMES * sides_of(sink));
        if leg.attach(Tap { sink: number, kind: sink, queue }).is_err() {
            return;
        }
        let tap = Sink { items, number, leg };
        match (sink, self.route.agent) {
            (SinkKind::Recorder, _) => {
                // The call's records say whether it is recorded, so nothing else may happen to it before that is known.
                let file = self.plant.services.record(self.call.id(), tap, self.mailbox.clone()).await;
                self.call.handle_recorder(Instant::now(), file);
            }
            (SinkKind::Agent, AgentKind::Collector) => {
                self.recognition = Some(self.plant.services.recognise(self.call.id(), tap, self.mailbox.clone()));
            }
            (SinkKind::Agent, AgentKind::Stream) => {
                if let Some(bot) = &mut self.bot {
                    bot.attach(tap);
                }
            }
            (SinkKind::Agent, AgentKind::Echo) => {}
        }
    }

    fn detach(&mut self, sink: SinkKind) {
        let leg = self.leg.as_ref().map(LegHandle::sender);
        if leg.is_some_and(|leg| leg.detach(number_of(sink)).is_err()) {
            tracing::warn!(call = %self.call.id(), "the media thread did not take a sink away");
        }
    }

    fn connect_bot(&mut self) {
        let Some(leg) = self.leg.as_ref().map(LegHandle::sender) else { return };
        let trunk = self.call.trunk();
        self.bot = Some(self.plant.services.connect_bot(self.call.id(), trunk, leg, self.mailbox.clone()));
    }

    fn retarget(&mut self, negotiated: &media::Negotiated) {
        self.command(LegCommand::Retarget(target(negotiated)));
    }

    /// Waits for the leg's last words.
    async fn leave(&mut self, reason: EndReason) -> EndReason {
        self.command(LegCommand::Close);
        if let Some(outputs) = self.leg_outputs.take() {
            let LastWords { audit, quality } = last_words(outputs).await;
            for event in audit {
                self.plant.services.audit(self.call.id(), event, self.wall());
            }
            if let Some(quality) = quality {
                self.media_closed(&quality);
            }
        }
        self.plant.registry.leave(self.call.id(), reason, self.call.timeline().entries());
        reason
    }

    /// Says how the call sounded. Of a call that is over the timeline ends with its end.
    fn media_closed(&self, quality: &rtp::Quality) {
        tracing::info!(call = %self.call.id(), %quality, "media closed");
    }

    fn wall(&self) -> Timestamp {
        let elapsed = jiff::SignedDuration::try_from(self.began.elapsed()).unwrap_or_default();
        self.began_at.checked_add(elapsed).unwrap_or(self.began_at)
    }
}

/// How a call reaches the gateway. What its INVITE agrees of protection holds until its end.
fn line(incoming: &sip::Incoming, route: Route) -> Line {
    let is_signalling_encrypted = match incoming.transport {
        sip::Transport::Udp | sip::Transport::Tcp => false,
    };
    let is_media_encrypted = incoming.offer.as_ref().is_some_and(|offer| !offer.negotiated().protection.is_clear());
    let carriage = Carriage::Sip { is_signalling_encrypted, is_media_encrypted };
    Line { is_local: route.is_local, carriage, is_attested: route.is_attested }
}

/// Counts a handshake that is over.
fn handshake(result: &'static str) {
    metrics::counter!("tonegate_dtls_handshakes_total", "result" => result).increment(1);
}

fn number_of(sink: SinkKind) -> gate::SinkId {
    match sink {
        SinkKind::Agent => AGENT_SINK,
        SinkKind::Recorder => RECORDER_SINK,
    }
}

/// How many sides of a call a sink takes: the caller, and what is sent to them.
fn sides_of(sink: SinkKind) -> usize {
    match sink {
        SinkKind::Agent => 1,
        SinkKind::Recorder => 2,
    }
}

/// The next output of a leg; never, where there is none.
async fn receive(outputs: Option<&mut mpsc::Receiver<Box<LegOutput>>>) -> Option<Box<LegOutput>> {
    match outputs {
        Some(outputs) => outputs.recv().await,
        None => std::future::pending().await,
    }
}

async fn prepare(
    plant: &Plant,
    handle: CallHandle,
    offer: Option<&media::Offer>,
    route: Route,
    attempt: book::ContactAttempt,
    compliance: book::ComplianceRecord,
) -> Result<Prepared, Failure> {
    let material = media::KeyMaterial::new(rand::rng().random());
    let config = leg_config(offer, &material, &plant.identity, route);
    let OpenedLeg { handle: leg, outputs } = plant.shards.open_leg(config).map_err(|error| {
        tracing::warn!(%error, "a call finds no media");
        Failure::Full
    })?;
    if let Some(offer) = offer {
        // A call may be held from the start.
        leg.send(LegCommand::Retarget(target(offer.negotiated()))).map_err(|_| Failure::Full)?;
    }
    let local = media::LocalMedia {
        address: plant.media_address,
        port: leg.local().port(),
        session: rand::rng().random_range(1..=u64::from(u32::MAX)),
        key: offer.and_then(|offer| offer.local_key(&material)),
        fingerprint: offer.and_then(|offer| local_fingerprint(offer, &plant.identity)),
    };
    let dialog = plant.signalling.prepare_answer(handle).await.map_err(|_| Failure::Unavailable)?;
    if !plant.services.journal(attempt, compliance, dialog).await {
        return Err(Failure::NotDurable);
    }
    Ok(Prepared { leg, outputs, local })
}

fn cause(reason: EndReason) -> HangUp {
    match reason {
        EndReason::Drained => HangUp::Shutdown,
        EndReason::MediaTimeout => HangUp::MediaLost,
        EndReason::SetUpFailed
        | EndReason::NotDurable
        | EndReason::HandshakeFailed
        | EndReason::AgentFailed
        | EndReason::CaptureLapsed
        | EndReason::Interrupted => HangUp::Failure,
        EndReason::Completed
        | EndReason::CallerHungUp
        | EndReason::Cancelled
        | EndReason::AckTimeout
        | EndReason::LongestCall
        | EndReason::Transferred
        | EndReason::Requested => HangUp::Normal,
    }
}
