//! What offer and answer agreed, as a leg takes it.

use std::sync::Arc;
use std::time::Duration;

use audio::{Codec, OpusSettings, PlayoutConfig};
use call::AgentKind;
use call::leg::{HushPolicy, LegConfig};
use call::media::Target;
use dtls::{DtlsConfig, Fingerprint, FingerprintHash, Identity};
use frame::SampleRate;
use gate::{GateConfig, KeyPolicy};
use rand::Rng;
use rtp::srtp::{MasterKey, SrtpKeys, Suite};
use rtp::{EventPayload, ExtendedReports, Keying, Payloads, SessionConfig};
use sip::media;

use crate::switchboard::Route;

/// A pause after which a bot's undeclared keys are released.
const KEY_PAUSE: Duration = Duration::from_millis(1_500);
/// How long without media is too long.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(20);
/// The least that Opus needs for intelligible speech, in bits a second (RFC 7587 §3.1.1).
const LEAST_OPUS_BITS: i32 = 6_000;

/// Where media goes, and what it is.
pub(crate) fn target(negotiated: &media::Negotiated) -> Target {
    Target {
        remote: negotiated.remote_rtp,
        remote_rtcp: negotiated.remote_rtcp,
        rtcp_mux: negotiated.protection.dtls().is_some_and(|dtls| dtls.rtcp_mux),
        payloads: payloads(negotiated),
        hears: negotiated.direction.sends(),
        sends: negotiated.direction.receives(),
    }
}

fn payloads(negotiated: &media::Negotiated) -> Payloads {
    let codec = match negotiated.codec {
        media::Codec::Pcmu => Codec::Pcmu,
        media::Codec::Pcma => Codec::Pcma,
        media::Codec::G722 => Codec::G722,
        media::Codec::Opus => Codec::Opus(SampleRate::Hz16000),
        media::Codec::L16 => Codec::L16(SampleRate::Hz16000),
    };
    let events = negotiated.events.map(|events| EventPayload {
        payload_type: events.payload_type,
        clock_hertz: events.clock_hertz,
        redundant: events.redundant,
    });
    let media::ExtendedReports { round_trip, voip_metrics } = negotiated.reports;
    Payloads {
        codec,
        opus: opus_settings(negotiated.opus),
        audio: negotiated.payload_type,
        events,
        comfort_noise: negotiated.comfort_noise,
        reports: ExtendedReports { round_trip, voip_metrics },
    }
}

/// What the caller asks for, within what is sensible for speech at 16 kHz.
fn opus_settings(asked: media::OpusParameters) -> OpusSettings {
    let usual = OpusSettings::default();
    let most = asked.most_bits_per_second.and_then(|bits| bits.try_into().ok()).unwrap_or(i32::MAX);
    OpusSettings {
        bits_per_second: usual.bits_per_second.min(most).max(LEAST_OPUS_BITS),
        has_redundancy: asked.wants_redundancy,
        is_discontinuous: asked.wants_pauses,
        ..usual
    }
}

/// A leg for an offer, or for none yet.
pub(crate) fn leg_config(
    offer: Option<&media::Offer>,
    material: &media::KeyMaterial,
    identity: &Arc<Identity>,
    route: Route,
) -> LegConfig {
    let negotiated = offer.map(media::Offer::negotiated);
    let mut random = rand::rng();
    // A caller who offered nothing says what it is in the answer of the ACK.
    let payloads = negotiated.map_or_else(|| Payloads::new(Codec::Pcmu, 0, Some(101)), payloads);
    LegConfig {
        session: SessionConfig {
            payloads,
            remote: negotiated.and_then(|negotiated| negotiated.remote_rtp),
            remote_rtcp: negotiated.and_then(|negotiated| negotiated.remote_rtcp),
            ssrc: random.random(),
            first_sequence: random.random(),
            first_timestamp: random.random(),
            cname: format!("{:016x}", random.random::<u64>()),
            learn_source: route.learn_source,
            media_timeout: Some(MEDIA_TIMEOUT),
            seed: random.random(),
            srtp: offer.and_then(|offer| keying(offer, material, identity)),
        },
        gate: GateConfig {
            rate: payloads.codec.rate(),
            keys: match route.agent {
                AgentKind::Collector | AgentKind::Echo => KeyPolicy::Declared,
                AgentKind::Stream => KeyPolicy::Released { pause: KEY_PAUSE },
            },
        },
        playout: PlayoutConfig::default(),
        hush: HushPolicy::default(),
    }
}

/// Where the keys come from, where SRTP was agreed.
fn keying(offer: &media::Offer, material: &media::KeyMaterial, identity: &Arc<Identity>) -> Option<Keying> {
    match &offer.negotiated().protection {
        media::Protection::Clear => None,
        media::Protection::Keys(agreed) => {
            srtp_keys(&agreed.remote, &offer.local_key(material)?).map(Keying::Described)
        }
        media::Protection::Dtls(agreed) => {
            let config = DtlsConfig {
                identity: Arc::clone(identity),
                is_active: agreed.role == media::DtlsRole::Active,
                fingerprints: agreed.fingerprints.iter().map(fingerprint).collect(),
            };
            Some(Keying::Dtls { handshake: Arc::new(config), rtcp_mux: agreed.rtcp_mux })
        }
    }
}

fn fingerprint(described: &media::Fingerprint) -> Fingerprint {
    let hash = match described.hash {
        media::FingerprintHash::Sha256 => FingerprintHash::Sha256,
        media::FingerprintHash::Sha384 => FingerprintHash::Sha384,
        media::FingerprintHash::Sha512 => FingerprintHash::Sha512,
    };
    Fingerprint { hash, digest: described.digest.clone() }
}

/// What the answer says of this side's certificate, where DTLS was agreed.
pub(crate) fn local_fingerprint(offer: &media::Offer, identity: &Identity) -> Option<media::Fingerprint> {
    let digest = identity.fingerprint().digest.clone();
    let ours = media::Fingerprint { hash: media::FingerprintHash::Sha256, digest };
    offer.negotiated().protection.dtls().map(|_| ours)
}

/// The keys of both directions, as the descriptions have them.
fn srtp_keys(remote: &media::CryptoKey, local: &media::CryptoKey) -> Option<SrtpKeys> {
    let key = |key: &media::CryptoKey| {
        let suite = match key.suite() {
            media::CryptoSuite::AesCm128HmacSha1_32 => Suite::AesCm128HmacSha1_32,
            media::CryptoSuite::AesCm128HmacSha1_80 => Suite::AesCm128HmacSha1_80,
            media::CryptoSuite::AeadAes128Gcm => Suite::AeadAes128Gcm,
        };
        MasterKey::new(suite, key.as_bytes())
    };
    Some(SrtpKeys { local: key(local)?, remote: key(remote)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opus_sends_as_the_far_end_prefers_within_what_is_sensible() {
        let asked = media::OpusParameters { wants_pauses: true, most_bits_per_second: Some(1), ..Default::default() };
        let settings = opus_settings(asked);
        assert!(settings.is_discontinuous && !settings.has_redundancy);
        assert_eq!(settings.bits_per_second, LEAST_OPUS_BITS);
        assert!(!opus_settings(media::OpusParameters::default()).is_discontinuous);
    }

    #[test]
    fn every_call_has_an_end_to_silence_and_an_agent_that_can_be_interrupted() {
        let identity = Arc::new(crate::make_identity().unwrap());
        let config = leg_config(None, &media::KeyMaterial::new([0; 30]), &identity, Route::default());
        assert_eq!(config.session.media_timeout, Some(MEDIA_TIMEOUT));
        assert_eq!(config.hush, HushPolicy::default());
    }

    #[test]
    fn sources_are_learnt_as_the_trunk_says() {
        let identity = Arc::new(crate::make_identity().unwrap());
        for learn_source in [true, false] {
            let route = Route { learn_source, ..Route::default() };
            let config = leg_config(None, &media::KeyMaterial::new([0; 30]), &identity, route);
            assert_eq!(config.session.learn_source, learn_source);
        }
    }
}
