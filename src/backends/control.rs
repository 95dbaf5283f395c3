//! Dual control: a protective control is weakened, or what it is held against is changed, by two operators together, for a
//! time, on one gateway, and the audit chain says so. Told the time; files, clocks and effects belong to who drives it.
//!
//! Operators sign an [`Approval`] (a signed note, see `deploy/audit/README.md`). [`Controls::look`] is given what is presented
//! and says what follows: a weakening begins, ends by its time or because its approval was taken away, or a presented text is
//! refused, once, with its reason.

mod approval;
mod history;

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::audit::{CONTROLS, Details, Entry, Hash, Kind, Verifier, sha256};

pub use approval::{Accepted, Action, Approval, LONGEST, Refusal};
pub use history::History;

/// Most refused texts that are remembered; beyond it the rest is refused without a record.
const MOST_REFUSED: usize = 1_024;

/// A control that can be weakened, or whose measure can be changed. What is not here cannot be weakened at all: no setting and no
/// request turns off the clamp, a mute, a wipe or the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Control {
    /// The least level of the log.
    LogLevel,
    /// To whom cards go, and by which program.
    Processor,
    /// Whose signatures count.
    Operators,
    /// Who signs the audit chain, and where its checkpoints go.
    Audit,
    /// Which lines are attested to be private, so that cards are taken on them without encryption.
    Lines,
}

impl Control {
    /// Every control.
    pub const ALL: [Self; 5] = [Self::LogLevel, Self::Processor, Self::Operators, Self::Audit, Self::Lines];

    /// Its name in approvals, records and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogLevel => "log.level",
            Self::Processor => "processor",
            Self::Operators => "operators",
            Self::Audit => "audit",
            Self::Lines => "lines",
        }
    }

    /// The control of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|control| control.name() == name)
    }

    /// Whether an action makes sense: a level returns to what it was, and whose signatures count, or what somebody attests, is not lent.
    #[must_use]
    pub const fn allows(self, action: Action) -> bool {
        match (self, action) {
            (Self::LogLevel | Self::Processor, Action::Weaken)
            | (Self::Processor | Self::Operators | Self::Audit | Self::Lines, Action::Adopt) => true,
            (Self::LogLevel, Action::Adopt) | (Self::Operators | Self::Audit | Self::Lines, Action::Weaken) => false,
        }
    }
}

/// Who may approve, and for which gateway.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The gateway's name.
    pub node: String,
    /// The enrolled operators.
    pub operators: Vec<Verifier>,
}

/// Something that follows from a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A control is weakened from now on.
    Begun(Accepted),
    /// It was weakened before the gateway was started again, and still is.
    Resumed(Accepted),
    /// A control is in force again.
    Ended {
        /// The approval.
        id: Uuid,
        /// The control.
        control: Control,
        /// `expired`, or `withdrawn`.
        cause: &'static str,
    },
    /// A presented text is no approval.
    Refused {
        /// The text, by its hash.
        text: Hash,
        /// Why.
        refusal: Refusal,
    },
}

impl Event {
    /// The record of it; none of what an earlier run has written.
    #[must_use]
    pub fn entry(&self, at: Timestamp) -> Option<Entry> {
        let (kind, details) = match self {
            Self::Begun(accepted) => (Kind::ControlWeakened, accepted.details()),
            Self::Resumed(_) => return None,
            Self::Ended { id, control, cause } => {
                let details = Details::new().id("id", *id).text("control", control.name()).text("cause", cause);
                (Kind::ControlRestored, details)
            }
            Self::Refused { text, refusal } => {
                let details = Details::new().hash("approval", text).text("reason", refusal.name());
                (Kind::ApprovalRefused, details)
            }
        };
        Some(Entry { call: CONTROLS, at, kind, details })
    }
}

/// The record that a measure is accepted: at the first start, or by an approval.
#[must_use]
pub fn adopted(control: Control, value: &str, by: Option<&Accepted>, at: Timestamp) -> Entry {
    let details = by.map_or_else(
        || Details::new().text("control", control.name()).setting("value", value).text("cause", "first_start"),
        |accepted| accepted.details().text("cause", "approved"),
    );
    Entry { call: CONTROLS, at, kind: Kind::ControlAdopted, details }
}

/// What is weakened now.
#[derive(Debug)]
pub struct Controls {
    terms: Terms,
    active: Vec<Accepted>,
    /// Approvals that were used and are over.
    over: HashSet<Uuid>,
    /// What an earlier run has begun and not ended, with the text by which.
    unfinished: HashMap<Uuid, (Control, Hash, Timestamp)>,
    refused: HashSet<Hash>,
}

impl Controls {
    /// Goes on from what the chain says.
    #[must_use]
    pub fn new(terms: Terms, history: &History) -> Self {
        let (over, unfinished) = (history.over.clone(), history.unfinished.clone());
        Self { terms, active: Vec::new(), over, unfinished, refused: HashSet::new() }
    }

    /// What is weakened now.
    #[must_use]
    pub fn active(&self, control: Control) -> Option<&Accepted> {
        self.active.iter().find(|accepted| accepted.approval.control == control)
    }

    /// An approval to accept a new measure of a control for good, among what is presented.
    #[must_use]
    pub fn adoption(&self, now: Timestamp, presented: &[String], control: Control, value: &str) -> Option<Accepted> {
        let accepted = presented.iter().filter_map(|text| Approval::accept(text, &self.terms, now).ok());
        accepted.into_iter().find(|accepted| {
            let Approval { action, control: named, value: approved, id, .. } = &accepted.approval;
            *action == Action::Adopt && *named == control && approved == value && !self.is_used(*id)
        })
    }

    /// Looks at everything that is presented. `processor` is the processor as configured where it is not the accepted one.
    pub fn look(&mut self, now: Timestamp, presented: &[String], processor: Option<&str>) -> Vec<Event> {
        let mut events = Vec::new();
        let texts: HashMap<Hash, &String> = presented.iter().map(|text| (sha256(text.as_bytes()), text)).collect();
        self.end(now, &texts, &mut events);
        for text in presented {
            self.consider(now, text, processor, &mut events);
        }
        // What an earlier run began, and nobody presents any more.
        for (id, (control, _, until)) in self.unfinished.drain() {
            let cause = if now >= until { "expired" } else { "withdrawn" };
            self.over.insert(id);
            events.push(Event::Ended { id, control, cause });
        }
        events
    }

    fn end(&mut self, now: Timestamp, texts: &HashMap<Hash, &String>, events: &mut Vec<Event>) {
        let is_over = |accepted: &Accepted| now >= accepted.approval.until || !texts.contains_key(&accepted.text);
        for accepted in self.active.extract_if(.., |accepted| is_over(accepted)) {
            let Approval { id, control, until, .. } = accepted.approval;
            self.over.insert(id);
            if now >= until {
                // Its file may lie there a while; that is no attempt at anything.
                self.refused.insert(accepted.text);
            }
            events.push(Event::Ended { id, control, cause: if now >= until { "expired" } else { "withdrawn" } });
        }
    }

    fn consider(&mut self, now: Timestamp, text: &str, processor: Option<&str>, events: &mut Vec<Event>) {
        let hash = sha256(text.as_bytes());
        let is_known = self.refused.contains(&hash) || self.active.iter().any(|accepted| accepted.text == hash);
        if is_known {
            return;
        }
        match self.judge(now, text, hash, processor) {
            Ok(Some(accepted)) => {
                let resumed = self.unfinished.remove(&accepted.approval.id).is_some();
                self.active.push(accepted.clone());
                events.push(if resumed { Event::Resumed(accepted) } else { Event::Begun(accepted) });
            }
            Ok(None) => {}
            Err(refusal) => {
                let is_left_over =
                    refusal == Refusal::Expired && Approval::id_of(text).is_some_and(|id| self.is_used(id));
                if self.refused.len() < MOST_REFUSED && self.refused.insert(hash) && !is_left_over {
                    events.push(Event::Refused { text: hash, refusal });
                }
            }
        }
    }

    /// Whether a text is taken now; `None` for one that waits for its time, or for another start.
    fn judge(
        &self,
        now: Timestamp,
        text: &str,
        hash: Hash,
        processor: Option<&str>,
    ) -> Result<Option<Accepted>, Refusal> {
        let accepted = match Approval::accept(text, &self.terms, now) {
            Err(Refusal::NotYet) => return Ok(None),
            accepted => accepted?,
        };
        let Approval { action, control, value, id, .. } = &accepted.approval;
        if *action == Action::Adopt {
            // Taken at a start, where what is configured is held against what was accepted.
            return Ok(None);
        }
        if self.over.contains(id) || self.active.iter().any(|active| active.approval.id == *id) {
            return Err(Refusal::Replayed);
        }
        if self.unfinished.get(id).is_some_and(|(_, known, _)| *known != hash) {
            return Err(Refusal::Replayed);
        }
        if *control == Control::Processor && processor != Some(value) {
            // It is for a start with that processor.
            return Ok(None);
        }
        if self.active(*control).is_some() { Err(Refusal::InForce) } else { Ok(Some(accepted)) }
    }

    fn is_used(&self, id: Uuid) -> bool {
        self.over.contains(&id) || self.unfinished.contains_key(&id)
    }
}

#[cfg(test)]
mod tests;
