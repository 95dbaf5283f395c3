//! What the collector asks of the call.

use std::fmt;

use rules::money::Money;

use crate::digits::Digits;
use crate::disposition::Disposition;
use crate::grammar::GrammarId;
use crate::hear::Interruption;
use crate::negotiation::Wanted;
use crate::phrase::{Phrase, Plan};
use crate::verification::Claim;

/// Keys that are taken while listening: a declared collect of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyPlan {
    /// What the keys are for, as the gate's audit names it.
    pub purpose: &'static str,
    /// The collect ends by itself at this many keys; at most [`crate::digits::MAX_DIGITS`]. Pound ends it earlier.
    pub max_keys: u8,
}

/// How an account is looked up.
#[derive(Clone, PartialEq, Eq)]
pub enum LookUp {
    /// By the number the caller calls from, which the call knows.
    CallerNumber,
    /// By the account reference that the caller gave.
    Reference(Digits),
}

impl fmt::Debug for LookUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CallerNumber => "CallerNumber",
            Self::Reference(_) => "Reference(..)",
        })
    }
}

/// One thing for the call to do. The event that answers it is named at each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Play these lines in order, after what is still playing. Answered by [`crate::Event::Said`] once no line is
    /// outstanding. A line that [`Phrase::is_interruptible`] allows is cut short when the caller speaks.
    Say(Vec<Phrase>),
    /// Listen, from now on and while a line still plays. Answered, and so ended, by [`crate::Event::Heard`] or
    /// [`crate::Event::Keys`], whichever comes first; or ended by [`Action::StopListening`].
    Listen {
        /// What to expect; [`GrammarId::parse`] says what it means.
        grammar: GrammarId,
        /// The keys that are taken meanwhile.
        keys: KeyPlan,
    },
    /// Stop recognising and taking keys.
    StopListening,
    /// Look an account up. Answered by [`crate::Event::Identified`].
    Identify(LookUp),
    /// Judge a claim. Answered by [`crate::Event::Verified`].
    Verify(Claim),
    /// The right party is verified: play [`Phrase::MiniMiranda`] to its end, with proof. Answered by
    /// [`crate::Event::Disclosed`].
    Disclose,
    /// Read what may be told of the debt. Answered by [`crate::Event::Facts`].
    AskFacts,
    /// Ask the negotiation for an offer. Answered by [`crate::Event::Offer`].
    RequestOffer(Wanted),
    /// The plan was read back and the caller agreed: save it. Answered by [`crate::Event::Saved`] or
    /// [`crate::Event::SaveFailed`].
    SaveArrangement(Plan),
    /// Take a card for this amount. Answered by [`crate::Event::Captured`].
    StartCapture {
        /// What to charge.
        amount: Money,
    },
    /// The caller said something that ends the collection: write its flags and close the guard, before the line
    /// that follows is played. Not answered.
    Note(Interruption),
    /// The conversation is over: end the call and write how. The last action.
    End(Disposition),
}
