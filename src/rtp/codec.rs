use audio::g711;

/// How samples travel on this leg: one byte each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// G.711 µ-law, static payload type 0 (RFC 3551 §4.5.14).
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
}

impl Codec {
    /// The payload type that RFC 3551 gives this codec.
    #[must_use]
    pub fn static_payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// Decodes as many samples as both sides hold.
    pub(crate) fn decode(self, payload: &[u8], samples: &mut [i16]) {
        let law = match self {
            Self::Pcmu => g711::decode_ulaw,
            Self::Pcma => g711::decode_alaw,
        };
        for (sample, &code) in samples.iter_mut().zip(payload) {
            *sample = law(code);
        }
    }

    /// Encodes as many samples as both sides hold.
    pub(crate) fn encode(self, samples: &[i16], payload: &mut [u8]) {
        let law = match self {
            Self::Pcmu => g711::encode_ulaw,
            Self::Pcma => g711::encode_alaw,
        };
        for (code, &sample) in payload.iter_mut().zip(samples) {
            *code = law(sample);
        }
    }
}
