//! Bots as agents: opens the stream that a trunk's configuration names, and keeps both sides in step.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use audio::Generation;
use backends::{
    bot::{Ahead, BotCommand, BotEvent as Said, BotLink, BotServer, BotThreads, Closure, Ends, Identity},
    callback::{CallbackUrl, Callbacks, Caller, Post},
};
use call::{
    BotEvent, CallId,
    api::{CaptureView, News, SessionUpdate},
    media::{AGENT_SINK, LegCommand},
    transfer::TransferView,
};
use edge::{Bot, LegSender, Mail, Mailbox, Sink};
use gate::MenuKey;
use secrecy::SecretString;
use uuid::Uuid;

use crate::api::{Bearers, callback_fields, invitation};

/// The bot server behind each trunk that has one.
pub(crate) struct Agents {
    pub(crate) servers: arc_swap::ArcSwap<BTreeMap<String, Server>>,
    pub(crate) threads: BotThreads,
    pub(crate) bearers: Arc<Bearers>,
    /// The address below which a bot finds `/v1`.
    pub(crate) interface: String,
    /// Who is told by HTTP.
    pub(crate) callbacks: Callbacks,
}

/// One configured bot server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) server: BotServer,
    pub(crate) parameters: BTreeMap<String, String>,
    /// What handshakes and callbacks are signed with.
    pub(crate) auth_token: Option<SecretString>,
    /// For callbacks.
    pub(crate) caller: Caller,
}

impl Agents {
    /// Tells a trunk's agent how the payment goes on that it takes field by field.
    pub(super) fn tell(&self, call: CallId, trunk: &str, update: &SessionUpdate) {
        let Some(server) = self.servers.load().get(trunk).cloned() else { return };
        // It was read when it was given.
        let Ok(url) = CallbackUrl::parse(update.callback.reveal()) else { return };
        let token = server.auth_token.unwrap_or_else(|| self.bearers.for_bot(call.uuid()));
        let is_last = matches!(update.news, News::Ended(_));
        let post = Post { url, form: callback_fields(call.uuid(), update), token, is_last };
        self.callbacks.tell(&server.caller, update.session, post);
    }

    /// Opens the stream of a call. Events reach the call by its mailbox, audio its leg.
    pub(super) fn connect(&self, call: CallId, trunk: &str, leg: LegSender, mailbox: Mailbox) -> Box<dyn Bot> {
        let Some(server) = self.servers.load().get(trunk).cloned() else {
            mailbox.post(Mail::Bot(BotEvent::Failed));
            return Box::new(Streamed { link: None });
        };
        let parameters = invitation(&self.bearers, &self.interface, call.uuid(), &server.parameters);
        let identity = Identity::new(call.uuid(), Uuid::new_v4());
        let (acknowledging, measured) = (leg.clone(), leg.clone());
        let ends = Ends {
            sink: AGENT_SINK,
            acknowledge: Box::new(move |ack| acknowledging.acknowledge(ack)),
            report: Box::new(move |event| relay(event, &leg, &mailbox)),
            measure: Box::new(move || ahead(&measured)),
        };
        Box::new(Streamed {
            link: Some(backends::bot::open(self.threads.next(), server.server, identity, parameters, ends)),
        })
    }
}

/// How far ahead of the leg's caller the bot is.
fn ahead(leg: &LegSender) -> Ahead {
    Ahead { audio: leg.agent_queued(), entries: leg.entries_queued(), is_crowded: leg.is_crowded() }
}

/// Takes what the bot says to the leg and to the call. It is asked for no more than the leg has room for, and what is refused
/// all the same is counted there.
fn relay(event: Said, leg: &LegSender, mailbox: &Mailbox) {
    match event {
        Said::Connected => {
            mailbox.post(Mail::Bot(BotEvent::Connected));
        }
        Said::Audio { generation, samples } => {
            let samples = leg.chunk(&samples);
            leg.send(LegCommand::AgentAudio { generation, samples, arrived: Instant::now() }).ok();
        }
        Said::Mark(name) => {
            leg.send(LegCommand::Mark(name)).ok();
        }
        Said::Clear(generation) => {
            leg.send(LegCommand::Clear { generation }).ok();
        }
        Said::Closed(closure) => {
            let event = match closure {
                Closure::ByBot | Closure::ByCall => BotEvent::Closed,
                Closure::Abnormal(_) | Closure::Unreachable(_) => BotEvent::Failed,
            };
            mailbox.post(Mail::Bot(event));
        }
    }
}

/// A call's bot.
struct Streamed {
    link: Option<BotLink>,
}

impl Streamed {
    fn command(&self, command: BotCommand) {
        if let Some(link) = &self.link {
            link.command(command);
        }
    }
}

impl Bot for Streamed {
    fn attach(&mut self, sink: Sink) {
        self.command(BotCommand::Hear(sink.items));
    }

    fn key(&mut self, key: MenuKey) {
        self.command(BotCommand::Key(key));
    }

    fn mark(&mut self, name: String) {
        self.command(BotCommand::MarkReached(name));
    }

    fn capture(&mut self, view: CaptureView) {
        self.command(BotCommand::Capture(Box::new(view)));
    }

    fn transfer(&mut self, view: TransferView) {
        self.command(BotCommand::Transfer(Box::new(view)));
    }

    fn hushed(&mut self, generation: Generation) {
        if let Some(link) = &self.link {
            link.hushed(generation);
        }
    }

    fn close(&mut self) {
        self.command(BotCommand::Stop);
        self.link = None;
    }
}
