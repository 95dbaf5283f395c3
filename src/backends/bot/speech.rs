//! What a bot said in one message, on its way to the leg: in pieces, where it is long, so that a message may be longer than
//! what playout takes.

use audio::{Generation, PLAYOUT_HZ};

/// Most samples of a piece: five seconds, which fit in beside what a bot may be ahead.
const PIECE: usize = 5 * PLAYOUT_HZ as usize;

/// The audio of one message.
#[derive(Debug, Default)]
pub(super) struct Speech {
    generation: Generation,
    samples: Box<[i16]>,
    told: usize,
}

impl Speech {
    pub(super) fn new(generation: Generation, samples: Box<[i16]>) -> Self {
        Self { generation, samples, told: 0 }
    }

    /// The next piece, which is the whole, as it came, where that is short.
    pub(super) fn next(&mut self) -> Option<(Generation, Box<[i16]>)> {
        let rest = &self.samples[self.told..];
        let piece = match rest.len() {
            0 => return None,
            length if length == self.samples.len() && length <= PIECE => std::mem::take(&mut self.samples),
            length => {
                let piece: Box<[i16]> = rest[..length.min(PIECE)].into();
                self.told += piece.len();
                piece
            }
        };
        Some((self.generation, piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of the pieces, which together are what was said.
    fn pieces(length: usize) -> Vec<usize> {
        let samples: Vec<i16> = (0..length).map(|n| n as i16).collect();
        let mut speech = Speech::new(Generation(7), samples.clone().into());
        let pieces: Vec<_> = std::iter::from_fn(|| speech.next()).collect();
        assert!(pieces.iter().all(|(generation, _)| *generation == Generation(7)));
        assert_eq!(pieces.iter().flat_map(|(_, piece)| piece.iter().copied()).collect::<Vec<_>>(), samples);
        pieces.iter().map(|(_, piece)| piece.len()).collect()
    }

    #[test]
    fn a_usual_message_stays_whole_and_a_long_one_comes_in_pieces() {
        assert!(pieces(0).is_empty());
        assert_eq!(pieces(160), [160]);
        assert_eq!(pieces(PIECE), [PIECE]);
        assert_eq!(pieces(2 * PIECE + 1), [PIECE, PIECE, 1]);
    }
}
