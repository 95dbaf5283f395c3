//! Why nothing is known, and what that means.

use call::{refunding, settlement::Answer};
use thiserror::Error;

/// Why nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProcessorError {
    /// A setting cannot be used; named without its content.
    #[error("the processor's {0} cannot be used")]
    Setting(&'static str),
    /// This processor does not do what is asked; nothing was sent.
    #[error("the processor does not do this")]
    Unsupported,
    /// Too many attempts have failed; asked again later. Nothing was sent.
    #[error("the processor fails; not asked for now")]
    Open,
    /// It could not be connected to. Nothing was sent.
    #[error("the processor cannot be reached")]
    Unreachable,
    /// Its certificate is not of the configured name and authority. Nothing was sent.
    #[error("the processor's certificate is not to be trusted")]
    Untrusted,
    /// It takes no request now. Nothing was done.
    #[error("the processor is busy")]
    Busy,
    /// It refuses the gateway's token or request. Nothing was done.
    #[error("the processor refuses: status {0}")]
    Refused(u16),
    /// No answer in time, or none that is whole. It may have been done.
    #[error("the processor's answer was lost")]
    Lost,
    /// It failed. It may have been done.
    #[error("the processor fails: status {0}")]
    Failed(u16),
    /// The answer is not understood. It may have been done.
    #[error("the processor's answer is not understood")]
    Malformed,
}

impl ProcessorError {
    /// The `result` label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Setting(_) => "setting",
            Self::Unsupported => "unsupported",
            Self::Open => "open",
            Self::Unreachable => "unreachable",
            Self::Untrusted => "untrusted",
            Self::Busy => "busy",
            Self::Refused(_) => "refused",
            Self::Lost => "lost",
            Self::Failed(_) => "failed",
            Self::Malformed => "malformed",
        }
    }

    /// What it means for a charge.
    #[must_use]
    pub const fn answer(self) -> Answer {
        match self {
            Self::Setting(_) | Self::Unsupported | Self::Untrusted | Self::Refused(_) => Answer::Refused,
            Self::Open | Self::Unreachable | Self::Busy => Answer::Busy,
            Self::Lost | Self::Failed(_) | Self::Malformed => Answer::Uncertain,
        }
    }

    /// What it means for a refund.
    #[must_use]
    pub const fn of_refund(self) -> refunding::Answer {
        match self {
            Self::Setting(_) | Self::Unsupported | Self::Untrusted | Self::Refused(_) => refunding::Answer::Refused,
            Self::Open | Self::Unreachable | Self::Busy => refunding::Answer::Busy,
            Self::Lost | Self::Failed(_) | Self::Malformed => refunding::Answer::Uncertain,
        }
    }

    /// Whether another attempt may fare better.
    pub(super) const fn is_passing(self) -> bool {
        match self {
            Self::Unreachable | Self::Busy | Self::Lost | Self::Failed(_) => true,
            Self::Setting(_)
            | Self::Unsupported
            | Self::Open
            | Self::Untrusted
            | Self::Refused(_)
            | Self::Malformed => false,
        }
    }
}
