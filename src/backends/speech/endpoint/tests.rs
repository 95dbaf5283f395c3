use super::*;

const FRAME_SAMPLES: usize = 160;
const SHORT: Patience = Patience { pause: Duration::from_millis(500), longest: Duration::from_secs(12) };

/// Frames of one number each, so that what was kept can be told.
struct Talk {
    endpointer: Endpointer,
    number: i16,
    edges: Vec<(i16, Edge)>,
}

impl Talk {
    fn new() -> Self {
        Self { endpointer: Endpointer::new(8_000), number: 0, edges: Vec::new() }
    }

    fn listen(&mut self) {
        let edge = self.endpointer.listen(SHORT);
        self.edges.extend(edge.map(|edge| (self.number, edge)));
    }

    fn frames(&mut self, count: usize, voice: bool) -> &mut Self {
        for _ in 0..count {
            self.number += 1;
            let edge = self.endpointer.handle_frame(&[self.number; FRAME_SAMPLES], voice);
            self.edges.extend(edge.map(|edge| (self.number, edge)));
        }
        self
    }

    /// When the last utterance ended, with the numbers of its first and last frame.
    fn utterance(&self) -> (i16, i16, i16) {
        match self.edges.last() {
            Some((at, Edge::Ended { samples, .. })) if !samples.is_empty() => {
                (*at, samples[0], samples[samples.len() - 1])
            }
            other => panic!("no utterance but {other:?}"),
        }
    }
}

#[test]
fn an_utterance_is_kept_with_what_is_just_before_and_after() {
    let mut talk = Talk::new();
    talk.listen();
    talk.frames(50, false).frames(40, true).frames(100, false);
    assert_eq!(talk.edges[0], (53, Edge::Began));
    // Thirteen frames before the first voiced one; fifteen after the last.
    assert_eq!(talk.utterance(), (90 + 25, 51 - 13, 90 + 15));
    assert_eq!(talk.edges.len(), 2, "one listen hears one utterance");
}

#[test]
fn a_pause_between_words_does_not_end_it() {
    let mut talk = Talk::new();
    talk.listen();
    talk.frames(20, true).frames(24, false).frames(20, true).frames(25, false);
    assert_eq!(talk.utterance().0, 20 + 24 + 20 + 25);
    assert_eq!(talk.utterance().1, 1);
}

#[test]
fn nobody_listening_hears_nothing() {
    let mut talk = Talk::new();
    talk.frames(20, true).frames(50, false);
    assert_eq!(talk.edges, []);
    talk.listen();
    talk.frames(100, false);
    assert_eq!(talk.edges, [], "what was over before is not heard");
}

#[test]
fn who_speaks_already_is_heard_from_the_beginning() {
    let mut talk = Talk::new();
    talk.frames(40, false).frames(20, true).frames(5, false).frames(10, true);
    talk.listen();
    assert_eq!(talk.edges, [(75, Edge::Began)]);
    talk.frames(25, false);
    assert_eq!(talk.utterance(), (100, 41 - 13, 75 + 15));
}

#[test]
fn a_click_is_told_as_empty() {
    let mut talk = Talk::new();
    talk.listen();
    talk.frames(20, false).frames(3, true).frames(30, false);
    assert_eq!(talk.edges[1], (48, Edge::Ended { samples: Vec::new(), is_cut: false }));
}

#[test]
fn a_single_voiced_frame_is_not_even_a_beginning() {
    let mut talk = Talk::new();
    talk.listen();
    for _ in 0..20 {
        talk.frames(1, true).frames(6, false);
    }
    assert_eq!(talk.edges, []);
}

#[test]
fn who_does_not_stop_is_cut() {
    let mut talk = Talk::new();
    talk.listen();
    talk.frames(900, true);
    let Some((at, Edge::Ended { samples, is_cut: true })) = talk.edges.last() else { panic!("{:?}", talk.edges.len()) };
    assert_eq!((*at, samples.len()), (600, 600 * FRAME_SAMPLES));
}

#[test]
fn what_is_discarded_never_comes_back() {
    let mut talk = Talk::new();
    talk.listen();
    talk.frames(30, true);
    talk.endpointer.discard();
    talk.frames(10, true).frames(25, false);
    let (_, first, last) = talk.utterance();
    assert_eq!((first, last), (31, 40 + 15));
    talk.endpointer.stop();
    talk.frames(40, true).frames(50, false);
    assert_eq!(talk.edges.len(), 3);
}
