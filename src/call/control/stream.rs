//! A bot as the agent: its stream, its marks, and what happens when it leaves.

use std::time::{Duration, Instant};

use dialogue::{Phrase, Plan};

use super::{Agent, BotEvent, Call, Output, Phase, SinkKind};
use crate::EndReason;

/// Longest from the opening to the bot's stream. After it the caller hears an apology.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);

/// The stream to the bot.
#[derive(Default)]
pub(super) struct Stream {
    connecting_until: Option<Instant>,
    offers: Vec<Plan>,
}

impl Stream {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.connecting_until
    }

    /// Names a plan that was offered to the bot. Only the newest can still be agreed to.
    pub(super) fn offered(&mut self, plan: Plan) -> String {
        self.offers.push(plan);
        format!("offer-{}", self.offers.len())
    }

    /// The plan of a name.
    pub(super) fn offer(&self, name: &str) -> Option<Plan> {
        let number: usize = name.strip_prefix("offer-")?.parse().ok()?;
        self.offers.get(number.checked_sub(1)?).copied()
    }
}

impl Call {
    /// Opens the stream to the bot.
    pub(super) fn connect_bot(&mut self) {
        if let Agent::Stream(stream) = &mut self.agent {
            stream.connecting_until = Some(self.now + CONNECT_DEADLINE);
        }
        self.outputs.push_back(Output::ConnectBot);
    }

    pub(super) fn bot(&mut self, event: BotEvent) {
        let Agent::Stream(stream) = &mut self.agent else { return };
        stream.connecting_until = None;
        if self.phase != Phase::Talking {
            return;
        }
        match event {
            BotEvent::Connected => {
                self.note("bot.connected", "");
                self.outputs.push_back(Output::Attach(SinkKind::Agent));
            }
            BotEvent::Closed => {
                self.note("bot.closed", "cleanly");
                self.close_unless_transferred(EndReason::Completed, vec![Phrase::Goodbye]);
            }
            BotEvent::Failed => {
                self.note("bot.failed", "");
                self.close_unless_transferred(EndReason::AgentFailed, vec![Phrase::Apology]);
            }
        }
    }

    pub(super) fn stream_due(&mut self) {
        let Agent::Stream(stream) = &mut self.agent else { return };
        if stream.connecting_until.is_some_and(|due| due <= self.now) {
            self.bot(BotEvent::Failed);
        }
    }

    pub(super) fn marked(&mut self, name: String, cleared: bool) {
        self.note("bot.mark", if cleared { "cleared" } else { "played" });
        self.outputs.push_back(Output::BotMark(name));
    }
}
