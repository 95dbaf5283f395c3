//! The caller is handed over to somebody else: once nothing of a card is left, after a word to them, by asking their side for
//! it. Where that fails the call goes on.

use std::time::{Duration, Instant};

use dialogue::{Phrase, What};
use sip::{ReferralEnd, ReferralNews};

use super::{Agent, Call, Output, Phase, hold::Cause};
use crate::{
    EndReason,
    api::{ApiReply, Missing},
    mouth::Purpose,
    port::AuditEvent,
    transfer::{CALL_ENDED, CAPTURE_RUNNING, Destination, NO_WORD, TransferState, TransferView},
};

/// Longest that a transfer waits for a capture to be wiped and released.
const RELEASE_DEADLINE: Duration = Duration::from_secs(60);
/// Longest that the word to the caller may take; then it goes on without.
const WORDS_DEADLINE: Duration = Duration::from_secs(15);
/// Longest until the caller's side has said yes or no. Signalling gives up before.
const ANSWER_DEADLINE: Duration = Duration::from_secs(40);
/// Longest until the destination has answered from then on. Signalling gives up before.
const TRYING_DEADLINE: Duration = Duration::from_secs(240);
/// Transfers that a call may try.
const MOST_TRANSFERS: u8 = 10;

/// A transfer.
struct Transfer {
    to: String,
    destination: Destination,
    /// Whether the call's agent asked for it.
    by_agent: bool,
    state: TransferState,
    began: Instant,
    due: Option<Instant>,
}

/// The transfers of a call.
#[derive(Default)]
pub(super) struct Transfers {
    newest: Option<Transfer>,
    tried: u8,
    /// What ends the call where the newest fails: its agent has left meanwhile, or its media.
    left: Option<(EndReason, Vec<Phrase>)>,
}

impl Transfers {
    /// What the interface may say of the newest.
    pub(super) fn view(&self) -> TransferView {
        TransferView { to: self.newest.as_ref().map(|transfer| transfer.to.clone()), state: self.state() }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.newest.as_ref()?.due
    }

    fn state(&self) -> TransferState {
        self.newest.as_ref().map_or(TransferState::None, |transfer| transfer.state)
    }

    fn is_announced(&self) -> bool {
        self.newest.as_ref().is_some_and(|transfer| transfer.destination.is_announced)
    }
}

impl Call {
    pub(super) fn api_transfer(&mut self, to: String, by_agent: bool) -> Result<ApiReply, Missing> {
        let Some(destination) = self.settings.destinations.get(&to).cloned() else {
            return Ok(ApiReply::NoDestination);
        };
        self.permitted(What::AgentSpeech)?;
        let is_free = !self.transfers.state().is_under_way() && self.transfers.tried < MOST_TRANSFERS;
        if self.phase != Phase::Talking || !is_free {
            return Err(Missing::Transfer);
        }
        self.note("transfer.requested", to.as_str());
        let (began, due) = (self.now, Some(self.now + RELEASE_DEADLINE));
        self.transfers.tried += 1;
        self.transfers.newest = Some(Transfer { to, destination, by_agent, state: TransferState::Waiting, began, due });
        if self.is_paying() {
            self.note("transfer.waiting", "a capture has to be wiped and released first");
            self.tell_transfer();
        }
        self.consider_transfer();
        Ok(ApiReply::Transfer(self.transfers.view()))
    }

    /// Whether the caller is on the way to somebody else: nothing may be begun with them any more.
    pub(super) fn is_handing_over(&self) -> bool {
        self.transfers.state().is_handing_over()
    }

    /// A transfer that waits goes on once nothing of a payment is under way; to be asked whenever that may be.
    pub(super) fn consider_transfer(&mut self) {
        let is_waiting = self.transfers.state() == TransferState::Waiting;
        if !is_waiting || self.is_paying() || self.phase != Phase::Talking {
            return;
        }
        self.hold.begin(self.now, Cause::Transfer);
        if !self.transfers.is_announced() {
            return self.refer();
        }
        self.enter(TransferState::Announcing, WORDS_DEADLINE);
        self.say(Purpose::Transfer, vec![Phrase::Connecting]);
    }

    /// The caller was told, or cannot be.
    pub(super) fn announced(&mut self) {
        if self.transfers.state() == TransferState::Announcing {
            self.refer();
        }
    }

    fn refer(&mut self) {
        let Some(transfer) = &self.transfers.newest else { return };
        let (to, target) = (transfer.to.clone(), transfer.destination.target.clone());
        self.note("transfer.asked", to);
        self.enter(TransferState::Asked, ANSWER_DEADLINE);
        self.outputs.push_back(Output::Refer(target));
    }

    /// What the signalling says of it.
    pub(super) fn referred(&mut self, news: ReferralNews) {
        if !matches!(self.transfers.state(), TransferState::Asked | TransferState::Trying { .. }) {
            return;
        }
        match news {
            ReferralNews::Accepted => self.trying(None),
            ReferralNews::Progress(status) => self.trying(Some(status.code())),
            ReferralNews::Ended(ReferralEnd::Transferred) => self.transferred(),
            ReferralNews::Ended(end) => self.fail_transfer(TransferState::of_failure(end)),
        }
    }

    fn trying(&mut self, status: Option<u16>) {
        let (before, state) = (self.transfers.state(), TransferState::Trying { status });
        if before == state {
            return;
        }
        self.note("transfer.trying", status.map_or_else(String::new, |status| status.to_string()));
        let left = self.transfers.poll_timeout().map_or(Duration::ZERO, |due| due.saturating_duration_since(self.now));
        let within = if before == TransferState::Asked { TRYING_DEADLINE } else { left };
        self.enter(state, within);
    }

    /// The destination has answered: this side has done its part.
    fn transferred(&mut self) {
        self.end_transfer(TransferState::Transferred);
        self.ending = Some(EndReason::Transferred);
        self.dismiss_agent();
        self.hang_up();
    }

    /// The call goes on as before, unless nobody is left to go on with.
    fn fail_transfer(&mut self, failed: TransferState) {
        let was_announced = self.is_handing_over() && self.transfers.is_announced();
        self.end_transfer(failed);
        if let Some((reason, farewell)) = self.transfers.left.take() {
            return self.close(reason, farewell);
        }
        if was_announced {
            self.say(Purpose::Aside, vec![Phrase::NotConnected]);
        }
    }

    /// The call ends before.
    pub(super) fn abandon_transfer(&mut self) {
        if self.transfers.state().is_under_way() {
            self.end_transfer(TransferState::Failed { reason: CALL_ENDED, status: None });
        }
    }

    /// Ends the call, or, while the caller is on the way to somebody else, only if that fails.
    pub(super) fn close_unless_transferred(&mut self, reason: EndReason, farewell: Vec<Phrase>) {
        if !self.is_handing_over() {
            return self.close(reason, farewell);
        }
        self.note("transfer.left_alone", reason.label());
        self.transfers.left.get_or_insert((reason, farewell));
    }

    pub(super) fn transfer_due(&mut self) {
        if self.transfers.poll_timeout().is_none_or(|due| due > self.now) {
            return;
        }
        match self.transfers.state() {
            TransferState::Waiting => {
                self.fail_transfer(TransferState::Failed { reason: CAPTURE_RUNNING, status: None });
            }
            TransferState::Announcing => self.refer(),
            TransferState::Asked | TransferState::Trying { .. } => {
                self.fail_transfer(TransferState::Failed { reason: NO_WORD, status: None });
            }
            TransferState::None | TransferState::Transferred | TransferState::Failed { .. } => {}
        }
    }

    fn enter(&mut self, state: TransferState, within: Duration) {
        let Some(transfer) = &mut self.transfers.newest else { return };
        (transfer.state, transfer.due) = (state, Some(self.now + within));
        self.tell_transfer();
    }

    fn end_transfer(&mut self, state: TransferState) {
        let Some(transfer) = &mut self.transfers.newest else { return };
        (transfer.state, transfer.due) = (state, None);
        let (to, took) = (transfer.to.clone(), self.now.saturating_duration_since(transfer.began));
        self.hold.end(self.now, Cause::Transfer);
        let mut detail = state.outcome().to_owned();
        if let TransferState::Failed { status: Some(status), .. } = state {
            detail.push_str(&format!(" {status}"));
        }
        self.note_taking("transfer.ended", detail, Some(took));
        self.audit(AuditEvent::TransferEnded { to, outcome: state.outcome() });
        self.tell_transfer();
    }

    /// A bot that asked for it is told how far it is.
    fn tell_transfer(&mut self) {
        let is_bots = self.transfers.newest.as_ref().is_some_and(|transfer| transfer.by_agent);
        if is_bots && matches!(self.agent, Agent::Stream(_)) {
            let view = self.transfers.view();
            self.outputs.push_back(Output::BotTransfer(Box::new(view)));
        }
    }
}
