//! Reading an offer.

use thiserror::Error;

use super::{LocalMedia, Negotiated};

/// An offer that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    negotiated: Negotiated,
}

/// Why an offer cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OfferError {
    /// The body is no session description.
    #[error("the session description cannot be read")]
    Malformed,
    /// No audio line over RTP/AVP with a port.
    #[error("no audio over RTP/AVP is offered")]
    NoAudio,
    /// An audio line, but without G.711.
    #[error("no codec in common")]
    NoCodec,
}

impl Offer {
    /// Reads the body of an INVITE.
    pub fn parse(_bytes: &[u8]) -> Result<Self, OfferError> {
        Err(OfferError::Malformed)
    }

    /// What answering it agrees.
    #[must_use]
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The answer's text: one line for each of the offer's, the chosen one with `local`, the others with port 0.
    #[must_use]
    pub fn answer(&self, _local: &LocalMedia) -> String {
        String::new()
    }
}

/// The text of this side's offer, for an INVITE that came without one.
#[must_use]
pub fn offer(_local: &LocalMedia) -> String {
    String::new()
}

/// Reads the answer to [`offer`]: the body of the ACK.
pub fn accept_answer(_bytes: &[u8]) -> Result<Negotiated, OfferError> {
    Err(OfferError::Malformed)
}
