//! What a leg still says once its call is over: what became of the last card, and how the call sounded.

use std::time::Duration;

use call::{media::LegOutput, port::AuditEvent};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

/// How long a leg may take to close: longer than the vault has to confirm a wipe.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// What a leg has said to its end.
#[derive(Default)]
pub(crate) struct LastWords {
    /// What the audit has to hear. A wipe can be confirmed when the call's own records have long been written.
    pub(crate) audit: Vec<AuditEvent>,
    /// How the call sounded, where the leg has closed in time.
    pub(crate) quality: Option<rtp::Quality>,
}

/// Waits for the last words of a leg that is closing, so that nothing of the call is left on its thread.
pub(crate) async fn last_words(mut outputs: mpsc::Receiver<Box<LegOutput>>) -> LastWords {
    let deadline = Instant::now() + CLOSE_DEADLINE;
    let mut said = LastWords::default();
    while let Ok(Some(output)) = timeout_at(deadline, outputs.recv()).await {
        said.audit.extend(output.last_word());
        if let LegOutput::Closed(quality) = *output {
            said.quality = Some(quality);
            break;
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use gate::{
        CaptureEvent, CaptureOutcome, ControlFailure,
        wire::{WipeCause, WipeRecord},
    };

    use super::*;

    #[tokio::test]
    async fn what_became_of_the_last_card_is_heard_after_the_call() {
        let (capture, signature) = ([7; 16], [0xab; 64]);
        let record = WipeRecord { capture, cause: WipeCause::Cancelled, sequence: 1, unix_millis: 0, signature };
        let (leg, outputs) = mpsc::channel(8);
        for output in [
            LegOutput::Capture(CaptureEvent::Outcome(CaptureOutcome::Unknown)),
            LegOutput::Capture(CaptureEvent::WipeRecord(record)),
            LegOutput::Control(ControlFailure::WipeUnconfirmed),
            LegOutput::Capture(CaptureEvent::Released),
            LegOutput::Held,
        ] {
            leg.try_send(Box::new(output)).unwrap();
        }
        drop(leg);
        let said = last_words(outputs).await;
        let [AuditEvent::CardWiped(wiped), failed] = said.audit.as_slice() else { panic!("{:?}", said.audit) };
        assert_eq!(wiped, &record);
        assert_eq!(failed, &AuditEvent::ControlFailed { control: "wipe_unconfirmed" });
        assert!(said.quality.is_none(), "its thread is gone");
    }
}
