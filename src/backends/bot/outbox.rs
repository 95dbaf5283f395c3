//! The queue between the driver and the socket. Audio waits at most a second; what is older than a mute is
//! discarded; messages that are not audio are never dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gate::MuteAck;
use tokio::sync::mpsc;

/// Frames of audio that may wait: one second.
const AUDIO: usize = 50;
/// Messages that are not audio that may wait beside it.
const CONTROL: usize = 64;

/// One thing for the writer to do.
pub(super) enum Outgoing {
    /// Send the caller's audio, unless it is older than the newest mute.
    Audio {
        /// Its place in the order of audio.
        number: u64,
        /// The message.
        text: String,
    },
    /// Send a message.
    Message(String),
    /// Flush, then say that everything older is gone.
    Acknowledge(MuteAck),
    /// Ask whether the bot is still there.
    Ping,
    /// Close the socket with the normal code.
    Close,
}

/// Why the writer's queue took nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The bot reads too slowly. Audio is dropped and counted; anything else means the bot stopped reading.
    Full,
    /// The writer is gone.
    Closed,
}

/// The writing end.
pub(super) struct Outbox {
    queue: mpsc::Sender<Outgoing>,
    number: u64,
    discarded_below: Arc<AtomicU64>,
}

/// The reading end.
pub(super) struct Outgoings {
    queue: mpsc::Receiver<Outgoing>,
    discarded_below: Arc<AtomicU64>,
}

/// A queue and its two ends.
pub(super) fn outbox() -> (Outbox, Outgoings) {
    let (sender, receiver) = mpsc::channel(AUDIO + CONTROL);
    let discarded_below = Arc::new(AtomicU64::new(0));
    let outbox = Outbox { queue: sender, number: 0, discarded_below: Arc::clone(&discarded_below) };
    (outbox, Outgoings { queue: receiver, discarded_below })
}

impl Outbox {
    /// Queues a frame, unless a second of it waits already.
    pub(super) fn audio(&mut self, text: String) -> Result<(), Refused> {
        if self.queue.capacity() <= CONTROL {
            return if self.queue.is_closed() { Err(Refused::Closed) } else { Err(Refused::Full) };
        }
        self.number += 1;
        self.push(Outgoing::Audio { number: self.number, text })
    }

    /// Queues anything else.
    pub(super) fn push(&self, outgoing: Outgoing) -> Result<(), Refused> {
        self.queue.try_send(outgoing).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Full,
            mpsc::error::TrySendError::Closed(_) => Refused::Closed,
        })
    }

    /// Discards the audio that waits.
    pub(super) fn discard_audio(&self) {
        self.discarded_below.store(self.number + 1, Ordering::Release);
    }
}

impl Outgoings {
    /// The next thing to do, past discarded audio; `None` once the driver is gone.
    pub(super) async fn next(&mut self) -> Option<Outgoing> {
        loop {
            let outgoing = self.queue.recv().await?;
            let oldest = self.discarded_below.load(Ordering::Acquire);
            if !matches!(outgoing, Outgoing::Audio { number, .. } if number < oldest) {
                return Some(outgoing);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mute_discards_the_audio_before_it_and_nothing_else() {
        let (mut outbox, mut outgoings) = outbox();
        outbox.audio("old".into()).unwrap();
        outbox.push(Outgoing::Message("mark".into())).unwrap();
        outbox.discard_audio();
        outbox.audio("silent".into()).unwrap();
        assert!(matches!(outgoings.next().await, Some(Outgoing::Message(text)) if text == "mark"));
        assert!(matches!(outgoings.next().await, Some(Outgoing::Audio { text, .. }) if text == "silent"));
    }

    #[tokio::test]
    async fn audio_is_refused_after_a_second_while_messages_still_fit() {
        let (mut outbox, outgoings) = outbox();
        for _ in 0..AUDIO {
            outbox.audio(String::new()).unwrap();
        }
        assert_eq!(outbox.audio(String::new()), Err(Refused::Full));
        outbox.push(Outgoing::Message(String::new())).unwrap();
        drop(outgoings);
        assert_eq!(outbox.audio(String::new()), Err(Refused::Closed));
    }
}
