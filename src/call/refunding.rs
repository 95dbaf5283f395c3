//! How a payment is given back, step by step.
//!
//! ```text
//! asked for ─▶ keep its key ─▶ ask ─▶ keep what came of it ─▶ settled
//!                    ▲           │
//!   it knows of none │           │ no answer, or an odd one
//!                    │           ▼
//! left open ───────▶ read it ◀───┘
//! ```
//!
//! A refund is asked for under one key that is durable before it is used, at most [`ATTEMPTS`] times. Once an attempt may
//! have been made, a refusal says nothing of it: the refund stays open, and whoever looks after open payments goes on
//! reading. A refusal that nothing is in doubt of gives the key up, because a processor that keeps the answer of a key
//! would repeat it for ever.

use std::time::{Duration, Instant};

use crate::settlement::{ATTEMPTS, LONGEST, PAUSE};

/// What the processor said to a question about a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The money goes back.
    Done,
    /// It has the refund and has not finished.
    Pending,
    /// It had the refund, and it failed: nothing goes back.
    Failed,
    /// It refused the request; of this one nothing was made, and it would be refused again.
    Refused,
    /// It did not take the request, or was not reached; it may be asked again.
    Busy,
    /// It knows no such refund. An answer to a reading.
    Absent,
    /// There was no answer, or one that is not understood: it may have been made.
    Uncertain,
}

/// What became of something that was to be made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It is durable.
    Durable,
    /// It was not written, and will not be.
    Absent,
    /// It may be durable, or be so in a moment.
    Unclear,
}

/// What is to be done next. Whoever does it reports back before asking for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make durable that the refund is asked for, and under which key; answered by [`Refunding::handle_kept`].
    Intend,
    /// Ask for it, under that key; answered by [`Refunding::handle_answer`].
    Ask,
    /// Read it at the processor; answered by [`Refunding::handle_answer`].
    Read,
    /// Make durable how it ended; answered by [`Refunding::handle_kept`].
    Keep(Verdict),
}

/// How a refund ended, or how it was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The money goes back.
    Refunded,
    /// Nothing goes back; it may be asked for again, under another key.
    Refused,
    /// The processor has it and has not finished. It is read again later.
    Pending,
    /// It may have been made. It is read again later, and asked for again under its key where the processor knows of none.
    Open,
    /// That it is asked for is not written: nobody will make it.
    NotBegun,
}

/// One refund on its way. It has no clock and touches nothing: drain [`Refunding::poll_output`], do what it says, report
/// back; at [`Refunding::poll_timeout`] call [`Refunding::handle_timeout`], and then whatever is under way no longer counts.
#[derive(Debug)]
pub struct Refunding {
    stage: Stage,
    /// Whether it is durable that it is asked for.
    is_begun: bool,
    /// Whether an attempt may have been made.
    in_doubt: bool,
    /// Whether no earlier attempt can be on its way any more.
    absence_is_final: bool,
    asked: u8,
    pause: Duration,
    deadline: Instant,
    effect: Option<Effect>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Intending,
    Asking,
    Reading,
    Pausing(Instant),
    Keeping(Verdict),
    Settled(Verdict),
}

impl Refunding {
    /// Somebody wants a payment given back of which no refund was asked for.
    #[must_use]
    pub fn asking(now: Instant) -> Self {
        Self::new(now, Stage::Intending, Effect::Intend)
    }

    /// A refund was asked for, and what came of it is not known: it is read first. `absence_is_final` says that no request
    /// for it can be on its way any more.
    #[must_use]
    pub fn resuming(now: Instant, absence_is_final: bool) -> Self {
        Self { is_begun: true, in_doubt: true, absence_is_final, ..Self::new(now, Stage::Reading, Effect::Read) }
    }

    fn new(now: Instant, stage: Stage, effect: Effect) -> Self {
        Self {
            stage,
            is_begun: false,
            in_doubt: false,
            absence_is_final: false,
            asked: 0,
            pause: PAUSE,
            deadline: now + LONGEST,
            effect: Some(effect),
        }
    }

    /// What to do next, once.
    pub fn poll_output(&mut self) -> Option<Effect> {
        self.effect.take()
    }

    /// When [`Refunding::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Pausing(until) => Some(until),
            Stage::Asking | Stage::Reading => Some(self.deadline),
            // A store has deadlines of its own.
            Stage::Intending | Stage::Keeping(_) | Stage::Settled(_) => None,
        }
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self.stage {
            Stage::Settled(verdict) => Some(verdict),
            Stage::Intending | Stage::Asking | Stage::Reading | Stage::Pausing(_) | Stage::Keeping(_) => None,
        }
    }

    /// What was to be kept is durable, or could not be made so.
    pub fn handle_kept(&mut self, kept: Durability) {
        match (self.stage, kept) {
            (Stage::Intending, Durability::Durable) => {
                self.is_begun = true;
                self.ask();
            }
            (Stage::Intending, Durability::Absent) if !self.is_begun => {
                self.stage = Stage::Settled(Verdict::NotBegun);
            }
            (Stage::Keeping(verdict), Durability::Durable) => self.stage = Stage::Settled(verdict),
            // What is not durable is not told: it is read again and comes to the same.
            (Stage::Intending | Stage::Keeping(_), Durability::Absent | Durability::Unclear) => {
                self.stage = Stage::Settled(Verdict::Open);
            }
            (Stage::Asking | Stage::Reading | Stage::Pausing(_) | Stage::Settled(_), _) => {}
        }
    }

    /// The processor answered what was asked last.
    pub fn handle_answer(&mut self, now: Instant, answer: Answer) {
        match (self.stage, answer) {
            (Stage::Asking | Stage::Reading, Answer::Done) => self.keep(Verdict::Refunded),
            (Stage::Asking | Stage::Reading, Answer::Failed) => self.keep(Verdict::Refused),
            (Stage::Asking | Stage::Reading, Answer::Pending) => self.stage = Stage::Settled(Verdict::Pending),
            (Stage::Asking, Answer::Refused) if !self.in_doubt => self.keep(Verdict::Refused),
            (Stage::Asking, Answer::Busy) => self.pause(now),
            (Stage::Asking, Answer::Absent | Answer::Uncertain) => {
                (self.in_doubt, self.absence_is_final) = (true, false);
                self.pause(now);
            }
            (Stage::Reading, Answer::Absent) => {
                self.in_doubt &= !self.absence_is_final;
                self.ask_again();
            }
            // It cannot be read there; the key keeps it from being made twice.
            (Stage::Reading, Answer::Refused) => self.ask_again(),
            (Stage::Asking, Answer::Refused) | (Stage::Reading, Answer::Busy | Answer::Uncertain) => {
                self.stage = Stage::Settled(Verdict::Open);
            }
            (Stage::Intending | Stage::Pausing(_) | Stage::Keeping(_) | Stage::Settled(_), _) => {}
        }
    }

    /// A pause is over, or the deadline passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.stage {
            Stage::Pausing(until) if now >= until => {
                self.stage = Stage::Reading;
                self.effect = Some(Effect::Read);
            }
            Stage::Asking | Stage::Reading if now >= self.deadline => self.stage = Stage::Settled(Verdict::Open),
            Stage::Pausing(_)
            | Stage::Asking
            | Stage::Reading
            | Stage::Intending
            | Stage::Keeping(_)
            | Stage::Settled(_) => {}
        }
    }

    /// The key, or the moment of asking, is made durable before the first attempt.
    fn ask_again(&mut self) {
        match self.asked {
            0 => {
                self.stage = Stage::Intending;
                self.effect = Some(Effect::Intend);
            }
            ATTEMPTS.. => self.stage = Stage::Settled(Verdict::Open),
            1.. => self.ask(),
        }
    }

    fn ask(&mut self) {
        self.asked += 1;
        self.stage = Stage::Asking;
        self.effect = Some(Effect::Ask);
    }

    fn pause(&mut self, now: Instant) {
        let until = now + self.pause;
        if until >= self.deadline {
            self.stage = Stage::Settled(Verdict::Open);
            return;
        }
        self.pause *= 2;
        self.stage = Stage::Pausing(until);
    }

    fn keep(&mut self, verdict: Verdict) {
        self.stage = Stage::Keeping(verdict);
        self.effect = Some(Effect::Keep(verdict));
    }
}

#[cfg(test)]
mod tests;
