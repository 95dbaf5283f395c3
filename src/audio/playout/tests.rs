use super::*;

const QUIET: [i16; FRAME_SAMPLES] = [0; FRAME_SAMPLES];

fn playout() -> Playout {
    Playout::new(PlayoutConfig { agent_capacity: 1_600 })
}

fn segment(id: u64, source: Source, interruptible: bool, samples: usize) -> Segment {
    Segment { id: SegmentId(id), source, interruptible, samples: vec![1_000; samples].into() }
}

fn prompt(id: u64, samples: usize) -> Segment {
    segment(id, Source::Prompt, false, samples)
}

fn agent(samples: usize) -> Chunk {
    vec![1_000; samples].into()
}

fn frame(playout: &mut Playout) -> ([i16; FRAME_SAMPLES], Filled) {
    let mut out = [7; FRAME_SAMPLES];
    let filled = playout.next_frame(&mut out);
    (out, filled)
}

/// Lets frames pass that nobody looks at.
fn pass(playout: &mut Playout, frames: usize) {
    for _ in 0..frames {
        frame(playout);
    }
}

fn outputs(playout: &mut Playout) -> Vec<PlayoutOutput> {
    std::iter::from_fn(|| playout.poll_output()).collect()
}

#[test]
fn an_empty_queue_is_silence_and_time_goes_on() {
    let mut playout = playout();
    assert_eq!(frame(&mut playout), (QUIET, Filled::Silence));
    assert_eq!((playout.position(), outputs(&mut playout)), (160, vec![]));
}

#[test]
fn a_prompt_is_proven_from_its_first_to_its_last_frame() {
    let mut playout = playout();
    playout.enqueue(prompt(1, 200)).unwrap();
    assert_eq!(frame(&mut playout).0, [1_000; 160]);
    assert_eq!(outputs(&mut playout), [PlayoutOutput::Started { id: SegmentId(1) }]);
    let (samples, filled) = frame(&mut playout);
    assert_eq!((&samples[..40], &samples[40..], filled), (&[1_000; 40][..], &[0; 120][..], Filled::Audio));
    assert_eq!(outputs(&mut playout), [PlayoutOutput::Finished { id: SegmentId(1), samples: 200 }]);
    assert!(playout.is_idle());
}

#[test]
fn an_empty_segment_starts_and_finishes() {
    let mut playout = playout();
    playout.enqueue(prompt(1, 0)).unwrap();
    assert_eq!(frame(&mut playout).1, Filled::Silence);
    let id = SegmentId(1);
    assert_eq!(outputs(&mut playout), [PlayoutOutput::Started { id }, PlayoutOutput::Finished { id, samples: 0 }]);
}

#[test]
fn segments_follow_each_other_without_a_gap() {
    let mut playout = playout();
    playout.enqueue(prompt(1, 100)).unwrap();
    playout.enqueue(prompt(2, 100)).unwrap();
    assert_eq!(frame(&mut playout).0, [1_000; 160]);
}

#[test]
fn a_mark_is_reached_in_the_frame_that_ends_its_audio() {
    let mut playout = playout();
    playout.append_agent(Generation(0), agent(160)).unwrap();
    playout.mark("end of turn".to_owned()).unwrap();
    frame(&mut playout);
    assert_eq!(outputs(&mut playout), [PlayoutOutput::Mark { name: "end of turn".to_owned(), cleared: false }]);
}

#[test]
fn clearing_fades_within_ten_milliseconds_and_returns_marks() {
    let mut playout = playout();
    playout.append_agent(Generation(0), agent(160)).unwrap();
    playout.append_agent(Generation(0), agent(160)).unwrap();
    playout.mark("m".to_owned()).unwrap();
    frame(&mut playout);
    playout.clear(Generation(1));
    let (samples, _) = frame(&mut playout);
    assert!(samples[..64].is_sorted_by(|before, after| before >= after), "the fade falls");
    assert!(samples[0] > 900 && samples[63..].iter().all(|&sample| sample == 0));
    let cut = PlayoutOutput::AgentCut { generation: Generation(0), played: 224, dropped: 96 };
    assert_eq!(outputs(&mut playout), [PlayoutOutput::Mark { name: "m".to_owned(), cleared: true }, cut]);
    assert_eq!((playout.agent_queued(), playout.is_idle()), (0, true));
}

#[test]
fn a_chunk_that_never_sounded_is_cut_without_a_sound() {
    let mut playout = playout();
    playout.append_agent(Generation(0), agent(160)).unwrap();
    playout.clear(Generation(1));
    assert_eq!(frame(&mut playout), (QUIET, Filled::Silence));
}

#[test]
fn late_audio_of_a_cleared_generation_is_dropped_and_counted() {
    let mut playout = playout();
    playout.append_agent(Generation(4), agent(160)).unwrap();
    playout.clear(Generation(5));
    playout.append_agent(Generation(4), agent(160)).unwrap();
    assert_eq!((playout.discarded().late, playout.agent_queued()), (160, 0));
    playout.append_agent(Generation(5), agent(160)).unwrap();
    assert_eq!(playout.agent_queued(), 160);
}

#[test]
fn clearing_spares_what_must_be_heard_to_the_end() {
    let mut playout = playout();
    playout.enqueue(prompt(1, 320)).unwrap();
    playout.enqueue(segment(2, Source::Prompt, true, 320)).unwrap();
    frame(&mut playout);
    playout.clear(Generation(1));
    frame(&mut playout);
    let (one, two) = (SegmentId(1), SegmentId(2));
    let expected = [
        PlayoutOutput::Started { id: one },
        PlayoutOutput::Interrupted { id: two, played: 0, total: 320 },
        PlayoutOutput::Finished { id: one, samples: 320 },
    ];
    assert_eq!(outputs(&mut playout), expected);
}

#[test]
fn a_cut_segment_says_how_much_was_heard() {
    let mut playout = playout();
    playout.enqueue(segment(1, Source::Agent, true, 1_600)).unwrap();
    frame(&mut playout);
    assert_eq!(playout.hush(), Some(Generation(1)));
    let id = SegmentId(1);
    let cut = PlayoutOutput::Interrupted { id, played: 224, total: 1_600 };
    assert_eq!(outputs(&mut playout), [PlayoutOutput::Started { id }, cut]);
}

#[test]
fn hushing_spares_a_prompt_and_needs_something_to_hush() {
    let mut playout = playout();
    playout.enqueue(prompt(1, 320)).unwrap();
    frame(&mut playout);
    assert_eq!(playout.hush(), None);
    assert_eq!(frame(&mut playout).0, [1_000; 160]);
}

#[test]
fn hushing_catches_an_agent_between_two_chunks() {
    let mut playout = playout();
    playout.append_agent(Generation(3), agent(160)).unwrap();
    frame(&mut playout);
    assert_eq!(playout.hush(), Some(Generation(4)));
    playout.append_agent(Generation(3), agent(160)).unwrap();
    assert_eq!(playout.agent_queued(), 0);
    for _ in 0..26 {
        frame(&mut playout);
    }
    assert_eq!(playout.hush(), None, "long silent");
}

#[test]
fn a_full_queue_takes_nothing() {
    let mut playout = playout();
    playout.append_agent(Generation(0), agent(1_500)).unwrap();
    assert_eq!(playout.append_agent(Generation(0), agent(101)), Err(Full));
    assert_eq!((playout.agent_queued(), playout.discarded().full), (1_500, 101));
    frame(&mut playout);
    playout.append_agent(Generation(0), agent(101)).unwrap();
}

#[test]
fn entries_are_bounded_too() {
    let mut playout = playout();
    for _ in 0..MAX_MARKS {
        playout.mark(String::new()).unwrap();
    }
    assert_eq!(playout.mark(String::new()), Err(Full));
    for id in 0..(MAX_ITEMS - MAX_MARKS) as u64 {
        playout.enqueue(prompt(id, 1)).unwrap();
    }
    assert_eq!(playout.enqueue(prompt(0, 1)), Err(Full));
    playout.clear(Generation(1));
    assert_eq!(outputs(&mut playout).len(), MAX_MARKS);
    frame(&mut playout);
    playout.mark(String::new()).unwrap();
}

#[test]
fn a_turn_begins_where_the_agent_was_silent_for_half_a_second() {
    let mut playout = playout();
    let cut = |playout: &mut Playout| {
        playout.clear(Generation(0));
        outputs(playout).into_iter().find_map(|output| {
            if let PlayoutOutput::AgentCut { played, dropped, .. } = output { Some((played, dropped)) } else { None }
        })
    };
    for _ in 0..3 {
        playout.append_agent(Generation(0), agent(320)).unwrap();
        pass(&mut playout, 27);
    }
    playout.append_agent(Generation(0), agent(160)).unwrap();
    pass(&mut playout, 20);
    playout.append_agent(Generation(0), agent(480)).unwrap();
    frame(&mut playout);
    assert_eq!(cut(&mut playout), Some((384, 256)), "a hiccup is no pause");
    playout.append_agent(Generation(0), agent(480)).unwrap();
    pass(&mut playout, 2);
    assert_eq!(cut(&mut playout), Some((320, 160)), "what was cut before does not count");
}

#[test]
fn a_turn_that_was_held_goes_on() {
    let mut playout = playout();
    playout.append_agent(Generation(0), agent(1_600)).unwrap();
    frame(&mut playout);
    assert!(playout.hold());
    pass(&mut playout, 50);
    playout.resume();
    frame(&mut playout);
    playout.clear(Generation(1));
    let cut = PlayoutOutput::AgentCut { generation: Generation(0), played: 384, dropped: 1_216 };
    assert_eq!(outputs(&mut playout), [cut]);
}

#[test]
fn what_may_be_interrupted_is_twelve_decibels_softer_while_that_is_not_clear() {
    let mut playout = playout();
    playout.append_agent(Generation(0), agent(1_600)).unwrap();
    frame(&mut playout);
    playout.duck();
    let (falling, _) = frame(&mut playout);
    assert!(falling[..64].is_sorted_by(|one, two| one >= two) && falling[0] > 950);
    assert_eq!(falling[64..], [250; 96]);
    playout.resume();
    let (rising, _) = frame(&mut playout);
    assert!(rising[..64].is_sorted() && rising[0] < 300);
    assert_eq!(rising[64..], [1_000; 96]);
}

#[test]
fn what_was_softer_ends_in_a_fade_from_there_and_what_comes_next_is_whole() {
    let mut playout = playout();
    playout.append_agent(Generation(0), agent(1_600)).unwrap();
    frame(&mut playout);
    playout.duck();
    frame(&mut playout);
    assert!(playout.hold());
    let (fading, _) = frame(&mut playout);
    assert!(fading[0] < 250 && fading[..64].is_sorted_by(|one, two| one >= two), "{}", fading[0]);
    let next = playout.hush().unwrap();
    playout.append_agent(next, agent(160)).unwrap();
    assert_eq!(frame(&mut playout).0, [1_000; 160]);
}

#[test]
fn a_prompt_that_may_not_be_interrupted_is_never_softer() {
    let mut playout = playout();
    playout.enqueue(prompt(1, 480)).unwrap();
    frame(&mut playout);
    playout.duck();
    assert_eq!(frame(&mut playout).0, [1_000; 160]);
    assert!(!playout.hold());
    playout.append_agent(Generation(0), agent(320)).unwrap();
    frame(&mut playout);
    assert_eq!(frame(&mut playout).0, [1_000; 160], "nothing was held, so nothing is softer");
}

#[test]
fn a_muted_agent_is_silent_and_prompts_play() {
    let mut playout = playout();
    playout.append_agent(Generation(0), agent(160)).unwrap();
    playout.enqueue(prompt(1, 160)).unwrap();
    playout.mute_agent(true);
    playout.append_agent(Generation(0), agent(160)).unwrap();
    playout.enqueue(segment(2, Source::Agent, true, 50)).unwrap();
    outputs(&mut playout);
    assert_eq!(frame(&mut playout).0, [1_000; 160]);
    assert_eq!(frame(&mut playout).1, Filled::Silence);
    assert_eq!(playout.discarded().muted, 210);
    playout.mute_agent(false);
    playout.append_agent(Generation(0), agent(160)).unwrap();
    assert_eq!(frame(&mut playout).1, Filled::Audio);
}

#[test]
fn one_segment_can_be_cancelled() {
    let mut playout = playout();
    playout.enqueue(prompt(1, 320)).unwrap();
    playout.enqueue(prompt(2, 96)).unwrap();
    frame(&mut playout);
    playout.cancel(SegmentId(1));
    let (samples, _) = frame(&mut playout);
    assert_eq!(samples[64..], [1_000; 96], "the next one follows the fade");
}

#[test]
fn what_is_held_falls_silent_within_ten_milliseconds_and_goes_on_where_it_was() {
    let mut playout = playout();
    playout.append_agent(Generation(1), agent(800)).unwrap();
    frame(&mut playout);
    assert!(playout.hold());
    let (fading, _) = frame(&mut playout);
    assert!(fading[..64].is_sorted_by(|one, two| one >= two) && fading[64..].iter().all(|&sample| sample == 0));
    assert_eq!(frame(&mut playout), (QUIET, Filled::Silence));
    assert_eq!(playout.agent_queued(), 640, "nothing was used up");
    playout.resume();
    let (rising, _) = frame(&mut playout);
    assert!(rising[..64].is_sorted() && rising[64..].iter().all(|&sample| sample == 1_000));
    assert_eq!((playout.agent_queued(), outputs(&mut playout)), (480, vec![]));
}

#[test]
fn what_is_held_is_cut_without_another_sound_and_holds_back_what_must_be_heard() {
    let mut playout = playout();
    playout.append_agent(Generation(1), agent(800)).unwrap();
    frame(&mut playout);
    playout.hold();
    frame(&mut playout);
    assert_eq!(playout.hush(), Some(Generation(2)));
    let cut = PlayoutOutput::AgentCut { generation: Generation(1), played: 160, dropped: 640 };
    assert_eq!(outputs(&mut playout), [cut]);
    assert_eq!(frame(&mut playout), (QUIET, Filled::Silence));
    playout.enqueue(prompt(1, 160)).unwrap();
    assert!(!playout.hold(), "nothing is to be held");
    assert_eq!(frame(&mut playout).0, [1_000; 160]);
}

#[test]
fn what_stands_in_the_queue_of_a_streaming_agent_is_left_out_of_its_silence() {
    let mut playout = Playout::new(PlayoutConfig::default());
    // A hiccup of 200 ms.
    playout.append_agent(Generation(1), vec![0; 1_600].into()).unwrap();
    for second in 0..10 {
        for n in 0..50 {
            let sample = if n < 25 { 3_000 } else { 0 };
            playout.append_agent(Generation(1), vec![sample; 160].into()).unwrap();
            frame(&mut playout);
        }
        if second == 0 {
            assert!(playout.agent_queued() >= 1_600);
        }
    }
    assert!(playout.agent_queued() <= 480, "{}", playout.agent_queued());
    let left_out = playout.discarded().backlog;
    assert_eq!(left_out as usize + playout.agent_queued(), 1_600);
}

#[test]
fn an_agent_that_sends_ahead_of_time_is_played_as_it_is() {
    let mut playout = Playout::new(PlayoutConfig::default());
    for _ in 0..4 {
        playout.append_agent(Generation(1), vec![0; 24_000].into()).unwrap();
        for _ in 0..150 {
            frame(&mut playout);
        }
    }
    assert_eq!(playout.discarded().backlog, 0);
}

proptest::proptest! {
    #[test]
    fn every_queued_agent_sample_is_played_dropped_or_waiting(steps in proptest::collection::vec((0_u8..4, 0_usize..400), 0..60)) {
        let mut playout = Playout::new(PlayoutConfig { agent_capacity: 4_000 });
        let (mut taken, mut dropped, mut generation) = (0, 0, 0);
        let mut heard = 0;
        for (step, size) in steps {
            match step {
                0 => { taken += playout.append_agent(Generation(generation), vec![1; size].into()).map_or(0, |()| size); }
                1 => { generation += 1; playout.clear(Generation(generation)); }
                _ => { let (samples, _) = frame(&mut playout); heard += samples.iter().filter(|&&sample| sample != 0).count(); }
            }
            for output in outputs(&mut playout) {
                if let PlayoutOutput::AgentCut { dropped: cut, .. } = output { dropped += cut as usize; }
            }
        }
        // A fade of ones is all zeros once rounded, so what was heard is only a bound.
        proptest::prop_assert!(heard + dropped + playout.agent_queued() <= taken);
        proptest::prop_assert!(taken - dropped - playout.agent_queued() - heard <= 64 * 60);
    }
}
