//! From what a caller asks for to an arrangement that was read back and agreed to.

use std::fmt;

use jiff::civil::Date;
use rules::arrangement::{Ask, Bounds, Fit, MAX_COUNTER_OFFERS, Wish, closest};
use rules::calendar::Calendar;
use rules::money::Money;

use crate::phrase::Plan;

/// What the caller wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// More time, and no figure.
    MoreTime,
    /// Terms with a figure.
    Terms(Ask),
}

impl fmt::Debug for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::MoreTime => "MoreTime",
            Self::Terms(_) => "Terms(..)",
        })
    }
}

/// What is offered in answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferAnswer {
    /// The plan is what was asked for.
    AsAsked(Plan),
    /// The plan is the closest to it that may be agreed.
    Closest(Plan),
    /// Nothing may be offered: a person must take over.
    Refer,
}

/// Why a plan may not be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAgreed {
    /// It is not the plan that was offered last.
    #[error("the plan is not the one that was offered last")]
    NotOffered,
    /// Its read-back was not played to its end.
    #[error("the plan was not read back")]
    NotReadBack,
}

/// A plan that was offered inside the bounds, read back, and agreed to after that. Only [`Negotiation::agree`]
/// makes one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Agreed(Plan);

impl Agreed {
    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.0
    }
}

impl fmt::Debug for Agreed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Agreed(..)")
    }
}

/// The negotiation of one call, for the collector and for bots alike.
///
/// `ask` → `read_back_played` → `agree`: each step needs the one before, and a new ask starts over.
pub struct Negotiation {
    total: Money,
    bounds: Bounds,
    today: Date,
    calendar: Calendar,
    counter_offers: u8,
    offered: Option<Plan>,
    is_read_back: bool,
}

impl Negotiation {
    /// A negotiation about `total` inside the strategy's `bounds`, on the day of the talk where the caller is.
    #[must_use]
    pub fn new(total: Money, bounds: Bounds, today: Date, calendar: Calendar) -> Self {
        Self { total, bounds, today, calendar, counter_offers: 0, offered: None, is_read_back: false }
    }

    /// Answers an ask with the closest offer. Asks beyond the third closest offer, and asks that no offer answers,
    /// are referred to a person.
    pub fn ask(&mut self, wanted: Wanted) -> OfferAnswer {
        self.offered = None;
        self.is_read_back = false;
        let ask = self.terms(wanted);
        let Ok(proposal) = closest(self.total, &self.bounds, &ask, self.today, &self.calendar) else {
            return OfferAnswer::Refer;
        };
        let plan = Plan::new(proposal.offer, &self.calendar);
        let answer = match (wanted, proposal.fit) {
            (Wanted::Terms(_), Fit::AsAsked) => OfferAnswer::AsAsked(plan),
            (Wanted::MoreTime, Fit::AsAsked) | (_, Fit::Closest(_)) if self.counter_offers < MAX_COUNTER_OFFERS => {
                self.counter_offers += 1;
                OfferAnswer::Closest(plan)
            }
            (_, Fit::AsAsked | Fit::Closest(_)) => return OfferAnswer::Refer,
        };
        self.offered = Some(plan);
        answer
    }

    /// The read-back of this plan was proven played to its end.
    pub fn read_back_played(&mut self, plan: &Plan) {
        self.is_read_back |= self.offered.as_ref() == Some(plan);
    }

    /// The caller agreed to this plan after its read-back.
    ///
    /// # Errors
    /// [`NotAgreed`] where the plan is not the one offered last, or was not read back.
    pub fn agree(&mut self, plan: &Plan) -> Result<Agreed, NotAgreed> {
        if self.offered.as_ref() != Some(plan) {
            return Err(NotAgreed::NotOffered);
        }
        if self.is_read_back { Ok(Agreed(*plan)) } else { Err(NotAgreed::NotReadBack) }
    }

    /// Someone who only wants time is offered about half of the instalments there may be, which leaves room to
    /// come nearer to a figure that is named later.
    fn terms(&self, wanted: Wanted) -> Ask {
        match wanted {
            Wanted::Terms(ask) => ask,
            Wanted::MoreTime => {
                let instalments = self.bounds.max_instalments.div_ceil(2).max(2).min(self.bounds.max_instalments);
                Ask { wish: Wish::Instalments(instalments.max(1)), frequency: None, first: None }
            }
        }
    }
}

impl fmt::Debug for Negotiation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Negotiation").field("counter_offers", &self.counter_offers).finish_non_exhaustive()
    }
}
