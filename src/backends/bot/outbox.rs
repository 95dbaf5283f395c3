//! What waits to be written to the bot. Audio waits at most a second; what is older than a mute is discarded; messages
//! that are not audio are never dropped. Pure: a queue.

use std::collections::VecDeque;

use gate::MuteAck;

/// Frames of audio that may wait: one second.
const AUDIO: usize = 50;
/// Messages that are not audio that may wait beside it.
const CONTROL: usize = 64;

/// One thing to be done with the socket.
#[derive(Debug, PartialEq)]
pub(super) enum Outgoing {
    /// Send the caller's audio.
    Audio(String),
    /// Send a message.
    Message(String),
    /// Flush, then say that everything older is gone.
    Acknowledge(MuteAck),
    /// Ask whether the bot is still there.
    Ping,
    /// Close the socket with the normal code.
    Close,
}

/// The queue took nothing: the bot reads too slowly. Audio is dropped and counted; anything else means that it stopped
/// reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A bounded queue in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Outgoing>,
    audio: usize,
}

impl Outbox {
    /// Queues a frame, unless a second of it waits already.
    pub(super) fn audio(&mut self, text: String) -> Result<(), Full> {
        if self.audio >= AUDIO {
            return Err(Full);
        }
        self.audio += 1;
        self.queue.push_back(Outgoing::Audio(text));
        Ok(())
    }

    /// Queues anything else.
    pub(super) fn push(&mut self, outgoing: Outgoing) -> Result<(), Full> {
        if self.queue.len() - self.audio >= CONTROL {
            return Err(Full);
        }
        self.queue.push_back(outgoing);
        Ok(())
    }

    /// Discards the audio that waits.
    pub(super) fn discard_audio(&mut self) {
        self.queue.retain(|outgoing| !matches!(outgoing, Outgoing::Audio(_)));
        self.audio = 0;
    }

    /// What is to be done next.
    pub(super) fn front(&self) -> Option<&Outgoing> {
        self.queue.front()
    }

    /// Takes what is to be done next.
    pub(super) fn pop(&mut self) -> Option<Outgoing> {
        let outgoing = self.queue.pop_front()?;
        if matches!(outgoing, Outgoing::Audio(_)) {
            self.audio -= 1;
        }
        Some(outgoing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mute_discards_the_audio_before_it_and_nothing_else() {
        let mut outbox = Outbox::default();
        outbox.audio("old".into()).unwrap();
        outbox.push(Outgoing::Message("mark".into())).unwrap();
        outbox.discard_audio();
        outbox.audio("silent".into()).unwrap();
        assert_eq!(outbox.pop(), Some(Outgoing::Message("mark".into())));
        assert_eq!(outbox.pop(), Some(Outgoing::Audio("silent".into())));
        assert_eq!(outbox.pop(), None);
    }

    #[test]
    fn audio_is_refused_after_a_second_while_messages_still_fit() {
        let mut outbox = Outbox::default();
        for _ in 0..AUDIO {
            outbox.audio(String::new()).unwrap();
        }
        assert_eq!(outbox.audio(String::new()), Err(Full));
        for _ in 0..CONTROL {
            outbox.push(Outgoing::Ping).unwrap();
        }
        assert_eq!(outbox.push(Outgoing::Ping), Err(Full));
        outbox.pop();
        outbox.audio(String::new()).unwrap();
    }
}
