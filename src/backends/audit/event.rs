//! What a call reports, as entries of the chain.

use call::port::{AuditEvent, Proof};
use jiff::Timestamp;
use uuid::Uuid;

use super::entry::{Details, Entry, Kind};

impl Entry {
    /// What a call reported at a moment.
    #[must_use]
    pub fn of_event(call: Uuid, at: Timestamp, event: &AuditEvent) -> Self {
        let (kind, details) = describe(event);
        Self { call, at, kind, details }
    }
}

fn describe(event: &AuditEvent) -> (Kind, Details) {
    let details = Details::new();
    match event {
        AuditEvent::CallStarted => (Kind::CallStarted, details),
        AuditEvent::Proof(proof) => (Kind::Proof, describe_proof(proof)),
        AuditEvent::RecordingStarted { basis } => (Kind::RecordingStarted, details.text("basis", basis)),
        AuditEvent::RecordingStopped { basis } => (Kind::RecordingStopped, details.text("basis", basis)),
        AuditEvent::NumberSaid { finding } => (Kind::NumberSaid, details.text("finding", finding)),
        AuditEvent::SpanSilenced { is_whole } => (Kind::SpanSilenced, details.flag("whole", *is_whole)),
        AuditEvent::Verified => (Kind::Verified, details),
        AuditEvent::VerificationFailed => (Kind::VerificationFailed, details),
        AuditEvent::FactsDisclosed => (Kind::FactsDisclosed, details),
        AuditEvent::ArrangementAgreed { instalments } => {
            (Kind::ArrangementAgreed, details.count("instalments", u64::from(*instalments)))
        }
        AuditEvent::Request { request } => (Kind::Request, details.text("request", request)),
        AuditEvent::KeysSuppressed { keys, reason } => {
            (Kind::KeysSuppressed, details.count("keys", u64::from(*keys)).text("reason", reason))
        }
        AuditEvent::CaptureArmed { capture } => (Kind::CaptureArmed, details.id("capture", *capture)),
        AuditEvent::CaptureEnded { capture, outcome } => {
            let details = details.text("outcome", outcome);
            (Kind::CaptureEnded, capture.map_or(details.clone(), |capture| details.id("capture", capture)))
        }
        AuditEvent::CardWiped(record) => (Kind::CardWiped, super::wipe::details(record)),
        AuditEvent::PaymentUnknown { payment } => (Kind::PaymentUnknown, details.id("payment", *payment)),
        AuditEvent::ControlFailed { control } => (Kind::ControlFailed, details.text("control", control)),
        AuditEvent::TransferEnded { to, outcome } => {
            (Kind::TransferEnded, details.text("to", to).text("outcome", outcome))
        }
        AuditEvent::CallEnded { reason, disposition } => {
            (Kind::CallEnded, details.text("reason", reason).text("disposition", disposition))
        }
    }
}

fn describe_proof(proof: &Proof) -> Details {
    let total = proof.prompt.samples.len() as u64;
    let details = Details::new()
        .text("prompt", proof.prompt.name)
        .hex("text_sha256", &proof.prompt.text_hash)
        .hex("pcm_sha256", &proof.prompt.pcm_hash)
        .count("samples_sent", proof.samples_sent)
        .count("samples_total", total)
        .flag("complete", total > 0 && proof.samples_sent == total)
        .time("started_at", proof.started_at)
        .time("ended_at", proof.ended_at);
    let Some(delivery) = proof.delivery else { return details };
    details
        .count("ssrc", u64::from(delivery.ssrc))
        .count("first_sequence", u64::from(delivery.first_sequence))
        .count("last_sequence", u64::from(delivery.last_sequence))
        .count("first_timestamp", u64::from(delivery.first_timestamp))
        .count("last_timestamp", u64::from(delivery.last_timestamp))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use call::port::Prompt;
    use gate::wire::{WipeCause, WipeRecord};

    use super::*;
    use crate::audit::{sha256, to_hex};

    fn proof(samples_sent: u64) -> AuditEvent {
        let hash = to_hex(&sha256(b"words"));
        let samples = vec![0; 160].into();
        let prompt = Arc::new(Prompt { name: "mini_miranda", text_hash: hash.clone(), pcm_hash: hash, samples });
        let (started_at, ended_at) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        AuditEvent::Proof(Proof { prompt, samples_sent, delivery: None, started_at, ended_at })
    }

    #[test]
    fn a_proof_says_whether_all_of_the_prompt_was_sent() {
        for (sent, complete) in [(160, "\"complete\":true"), (159, "\"complete\":false")] {
            let entry = Entry::of_event(Uuid::from_u128(1), Timestamp::UNIX_EPOCH, &proof(sent));
            let text = serde_json::to_string(&entry.details).unwrap();
            assert!(text.contains(complete) && text.contains(&to_hex(&sha256(b"words"))), "{text}");
        }
    }

    #[test]
    fn a_signature_is_kept_whole() {
        let record = WipeRecord {
            capture: [1; 16],
            cause: WipeCause::Answered,
            sequence: 1,
            unix_millis: 2,
            signature: [0x5e; 64],
        };
        let entry = Entry::of_event(Uuid::from_u128(1), Timestamp::UNIX_EPOCH, &AuditEvent::CardWiped(record));
        assert!(serde_json::to_string(&entry.details).unwrap().contains(&"5e".repeat(64)));
    }
}
