//! How a card or account that the processor holds is charged, step by step.
//!
//! ```text
//! token ─▶ keep "tokenised" ─▶ keep "charging" ─▶ charge ─▶ keep what came of it ─▶ settled
//!                                                  │   ▲
//!                             no answer, or an odd ▼   │ it knows of none: the same charge again, under the same key
//!                                                 read it
//! ```
//!
//! Each step is durable before the next. A charge is asked for under one idempotency key that was kept before, at most
//! [`ATTEMPTS`] times and only while the call waits; after a crash nothing is charged any more, but read. Where the
//! outcome cannot be had by [`LONGEST`] it is unknown, and whoever looks after open payments goes on reading.

use std::time::{Duration, Instant};

use gate::wire::DeclineReason;

use crate::port::PaymentState;

/// Longest a caller is kept waiting for the outcome of a charge.
pub const LONGEST: Duration = Duration::from_secs(30);
/// How often a charge is asked for, under one key.
pub const ATTEMPTS: u8 = 3;
/// What is waited before the processor is asked again; doubled each time.
pub(crate) const PAUSE: Duration = Duration::from_millis(250);
/// The longest wait between two questions.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// What the processor said to a charge or a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It charged.
    Approved,
    /// It declined; nothing was charged.
    Declined(DeclineReason),
    /// It refused the request; of this one nothing was charged, and it would be refused again.
    Refused,
    /// It did not take the request, or was not reached; it may be asked again.
    Busy,
    /// It has the payment and has not decided.
    Pending,
    /// It knows no such payment. An answer to a reading.
    Absent,
    /// There was no answer, or one that is not understood: it may have charged.
    Uncertain,
}

/// What is to be done next. Whoever does it reports back before asking for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make this state durable; answered by [`Settlement::handle_kept`].
    Keep(PaymentState),
    /// Charge, under the payment's one key; answered by [`Settlement::handle_answer`].
    Charge,
    /// Read the payment at the processor; answered by [`Settlement::handle_answer`].
    Read,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The payment is made.
    Approved,
    /// It was declined; nothing was charged.
    Declined(DeclineReason),
    /// Nothing was charged, and nothing will be.
    Failed,
    /// The token is kept for whoever charges it; nothing was charged here.
    HandedOn,
    /// It may have been charged. It is read again later, and never charged again.
    Unknown,
}

impl Verdict {
    /// The state that is kept of it.
    #[must_use]
    pub const fn state(self) -> PaymentState {
        match self {
            Self::Approved => PaymentState::Approved,
            Self::Declined(_) => PaymentState::Declined,
            Self::Failed => PaymentState::Abandoned,
            Self::HandedOn => PaymentState::HandedOn,
            Self::Unknown => PaymentState::Unknown,
        }
    }
}

/// One charge on its way. It has no clock and touches nothing: drain [`Settlement::poll_output`], do what it says, report
/// back; at [`Settlement::poll_timeout`] call [`Settlement::handle_timeout`], and then whatever is under way no longer
/// counts.
#[derive(Debug)]
pub struct Settlement {
    stage: Stage,
    /// Whether a charge may be asked for: not after a crash.
    may_charge: bool,
    /// What it means that the processor knows of no payment, where nothing may be charged any more.
    absence_is_final: bool,
    /// Whether an attempt may have been processed.
    in_doubt: bool,
    charges: u8,
    pause: Duration,
    deadline: Instant,
    effect: Option<Effect>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Keeping(Next),
    Charging,
    Reading,
    Pausing(Instant, Ask),
    Settled(Verdict),
}

/// What follows once a state is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Intend,
    Charge,
    Settle(Verdict),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Charge,
    Read,
}

impl Settlement {
    /// A token has come and is to be charged.
    #[must_use]
    pub fn charging(now: Instant) -> Self {
        Self::new(now, Stage::Keeping(Next::Intend), Effect::Keep(PaymentState::Tokenised))
    }

    /// A token has come for somebody else to charge.
    #[must_use]
    pub fn handing_on(now: Instant) -> Self {
        let verdict = Verdict::HandedOn;
        Self::new(now, Stage::Keeping(Next::Settle(verdict)), Effect::Keep(verdict.state()))
    }

    /// A token was left whose charge had not begun. Its caller is gone, so it is not charged.
    #[must_use]
    pub fn abandoning(now: Instant) -> Self {
        let verdict = Verdict::Failed;
        Self::new(now, Stage::Keeping(Next::Settle(verdict)), Effect::Keep(verdict.state()))
    }

    /// A charge was left that may have been made: it is read. `absence_is_final` says that no request for it can be on
    /// its way any more.
    #[must_use]
    pub fn reading(now: Instant, absence_is_final: bool) -> Self {
        let new = Self::new(now, Stage::Reading, Effect::Read);
        Self { may_charge: false, absence_is_final, in_doubt: true, ..new }
    }

    fn new(now: Instant, stage: Stage, effect: Effect) -> Self {
        Self {
            stage,
            may_charge: true,
            absence_is_final: false,
            in_doubt: false,
            charges: 0,
            pause: PAUSE,
            deadline: now + LONGEST,
            effect: Some(effect),
        }
    }

    /// What to do next, once.
    pub fn poll_output(&mut self) -> Option<Effect> {
        self.effect.take()
    }

    /// When [`Settlement::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Pausing(until, _) => Some(until),
            Stage::Charging | Stage::Reading => Some(self.deadline),
            // A store has deadlines of its own.
            Stage::Keeping(_) | Stage::Settled(_) => None,
        }
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self.stage {
            Stage::Settled(verdict) => Some(verdict),
            Stage::Keeping(_) | Stage::Charging | Stage::Reading | Stage::Pausing(..) => None,
        }
    }

    /// What was to be kept is durable, or could not be made so.
    pub fn handle_kept(&mut self, is_durable: bool) {
        let Stage::Keeping(next) = self.stage else { return };
        match (next, is_durable) {
            (Next::Intend, true) => self.keep(PaymentState::Charging, Next::Charge),
            (Next::Charge, true) => self.ask(Ask::Charge),
            // Nothing was asked for, so nothing was charged.
            (Next::Intend | Next::Charge, false) => self.stage = Stage::Settled(Verdict::Failed),
            // It is so, kept or not: a row that still says "charging" is read again and comes to the same.
            (Next::Settle(verdict), _) => self.stage = Stage::Settled(verdict),
        }
    }

    /// The processor answered what was asked last.
    pub fn handle_answer(&mut self, now: Instant, answer: Answer) {
        match (self.stage, answer) {
            (Stage::Charging | Stage::Reading, Answer::Approved) => self.conclude(Verdict::Approved),
            (Stage::Charging | Stage::Reading, Answer::Declined(reason)) => self.conclude(Verdict::Declined(reason)),
            (Stage::Charging, Answer::Refused) if !self.in_doubt => self.conclude(Verdict::Failed),
            (Stage::Charging, Answer::Busy) => self.charge_again(now),
            (Stage::Charging, Answer::Refused | Answer::Pending | Answer::Absent | Answer::Uncertain) => {
                self.in_doubt = true;
                self.pause(now, Ask::Read);
            }
            (Stage::Reading, Answer::Absent) if self.may_charge => self.charge_again(now),
            (Stage::Reading, Answer::Absent) if self.absence_is_final => self.conclude(Verdict::Failed),
            (Stage::Reading, Answer::Refused | Answer::Busy | Answer::Pending | Answer::Uncertain)
                if self.may_charge =>
            {
                self.pause(now, Ask::Read);
            }
            // Nobody waits: it is read again another time.
            (Stage::Reading, Answer::Absent | Answer::Refused | Answer::Busy | Answer::Pending | Answer::Uncertain) => {
                self.conclude(Verdict::Unknown);
            }
            (Stage::Keeping(_) | Stage::Pausing(..) | Stage::Settled(_), _) => {}
        }
    }

    /// A pause is over, or the deadline passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.stage {
            Stage::Pausing(until, ask) if now >= until => self.ask(ask),
            Stage::Charging | Stage::Reading if now >= self.deadline => self.conclude(Verdict::Unknown),
            Stage::Pausing(..) | Stage::Charging | Stage::Reading | Stage::Keeping(_) | Stage::Settled(_) => {}
        }
    }

    fn charge_again(&mut self, now: Instant) {
        if self.charges < ATTEMPTS { self.pause(now, Ask::Charge) } else { self.give_up() }
    }

    fn pause(&mut self, now: Instant, ask: Ask) {
        let until = now + self.pause;
        if until >= self.deadline {
            return self.give_up();
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.stage = Stage::Pausing(until, ask);
    }

    fn give_up(&mut self) {
        self.conclude(if self.in_doubt { Verdict::Unknown } else { Verdict::Failed });
    }

    fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Charge => {
                self.charges += 1;
                self.stage = Stage::Charging;
                self.effect = Some(Effect::Charge);
            }
            Ask::Read => {
                self.stage = Stage::Reading;
                self.effect = Some(Effect::Read);
            }
        }
    }

    fn conclude(&mut self, verdict: Verdict) {
        self.keep(verdict.state(), Next::Settle(verdict));
    }

    fn keep(&mut self, state: PaymentState, next: Next) {
        self.stage = Stage::Keeping(next);
        self.effect = Some(Effect::Keep(state));
    }
}

#[cfg(test)]
mod tests;
