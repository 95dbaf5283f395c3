use super::*;
use proptest::prelude::*;

const SSRC: u32 = 7;
const CLOCK: u32 = 8_000;

/// Events under a clock that the test moves.
struct Line {
    events: Events,
    now: Instant,
}

impl Line {
    fn new() -> Self {
        Self { events: Events::default(), now: crate::tests::beginning() }
    }

    fn wait(&mut self, millis: u64) -> &mut Self {
        self.now += Duration::from_millis(millis);
        self
    }

    fn raw(&mut self, timestamp: u32, clock: u32, payload: &[u8]) -> String {
        let event = RawEvent::received(SSRC, timestamp, clock, payload).unwrap();
        let begun = self.events.handle(self.now, &event).unwrap_or_default();
        begun.into_iter().flatten().map(|key| char::from(key.symbol())).collect()
    }

    fn packet(&mut self, timestamp: u32, code: u8, duration: u16, end: bool) -> String {
        let [high, low] = duration.to_be_bytes();
        self.raw(timestamp, CLOCK, &[code, if end { 0x8A } else { 0x0A }, high, low])
    }

    /// A whole press: a packet each 20 ms, then three ends.
    fn press(&mut self, timestamp: u32, code: u8, millis: u16) -> String {
        let mut told = String::new();
        for packet in 1..=millis / 20 {
            told += &self.packet(timestamp, code, packet * 160, false);
            self.wait(20);
        }
        for _ in 0..3 {
            told += &self.packet(timestamp, code, millis * 8, true);
        }
        told
    }
}

#[test]
fn a_press_is_one_key_however_often_it_is_told() {
    let mut line = Line::new();
    assert_eq!(line.press(1_000, 5, 100), "5");
    assert!(!line.events.is_down(line.now));
    assert_eq!(line.packet(1_000, 5, 640, false), "", "a late packet does not press it again");
    assert!(!line.events.is_down(line.now), "nor hold it down");
}

#[test]
fn the_same_key_with_a_new_timestamp_is_a_new_press() {
    let mut line = Line::new();
    assert_eq!(line.press(1_000, 5, 60), "5");
    line.wait(40);
    assert_eq!(line.press(1_000 + 480 + 320, 5, 60), "5");
}

#[test]
fn lost_ends_are_closed_by_time_or_by_the_next_press() {
    let mut line = Line::new();
    assert_eq!(line.packet(1_000, 1, 160, false), "1");
    assert!(line.events.is_down(line.now));
    assert_eq!(line.wait(20).packet(1_900, 2, 160, false), "2");
    line.wait(100);
    assert!(!line.events.is_down(line.now));
    assert_eq!(line.packet(1_900, 2, 13_568, true), "", "an end after a long gap is still the same press");
}

#[test]
fn a_press_of_which_only_an_end_arrives_is_told() {
    let mut line = Line::new();
    assert_eq!(line.packet(1_000, 9, 800, true), "9");
    assert_eq!(line.packet(1_000, 9, 800, true), "");
}

#[test]
fn restamped_ends_are_the_same_press() {
    let mut line = Line::new();
    assert_eq!(line.packet(1_000, 4, 160, false), "4");
    assert_eq!(line.wait(20).packet(1_000, 4, 320, false), "");
    for end in 1..=3 {
        assert_eq!(line.wait(20).packet(1_000 + end * 800, 4, 480, true), "");
    }
}

#[test]
fn ends_restamped_at_the_intervals_of_slow_senders_are_the_same_press() {
    let mut line = Line::new();
    assert_eq!(line.packet(1_000, 4, 400, false), "4");
    assert_eq!(line.wait(50).packet(1_000, 4, 800, true), "");
    for end in 1..=3 {
        assert_eq!(line.wait(60).packet(1_000 + end * 480, 4, 800, true), "");
    }
}

#[test]
fn presses_under_one_timestamp_are_told_each() {
    let mut line = Line::new();
    assert_eq!(line.press(1_000, 5, 60), "5");
    assert_eq!(line.wait(40).press(1_000, 6, 60), "6", "another key at once");
    assert_eq!(line.wait(150).press(1_000, 6, 60), "6", "the same key once the one before is over");
    assert_eq!(line.wait(150).press(1_000, 7, 60), "7");
    assert_eq!(line.wait(150).packet(1_000, 7, 480, true), "", "an end that comes again is none");
}

#[test]
fn a_press_held_through_lost_packets_is_down_again() {
    let mut line = Line::new();
    assert_eq!(line.packet(1_000, 5, 160, false), "5");
    line.wait(150);
    assert!(!line.events.is_down(line.now));
    assert_eq!(line.packet(1_000, 5, 1_360, false), "");
    assert!(line.events.is_down(line.now));
}

#[test]
fn presses_of_which_only_ends_arrive_are_told_each() {
    let mut line = Line::new();
    for press in 0..4 {
        let ends: String = (0..3).map(|_| line.packet(1_000 + press * 1_600, 9, 800, true)).collect();
        assert_eq!(ends, "9");
        line.wait(200);
    }
}

#[test]
fn moving_timestamps_are_one_press() {
    let mut line = Line::new();
    assert_eq!(line.packet(1_000, 8, 160, false), "8");
    for packet in 1..6_u16 {
        assert_eq!(line.wait(20).packet(1_000 + u32::from(packet) * 160, 8, 160 + packet * 160, packet == 5), "");
    }
    assert_eq!(line.wait(60).packet(2_600, 8, 160, false), "8");
}

/// A press of three segments of a clock, an update each 50 ms, of which every segment's last ones are lost.
fn segments(clock: u32, lost: usize) -> String {
    let (mut line, mut told) = (Line::new(), String::new());
    for segment in 0..3_u32 {
        let updates: Vec<u32> = (clock / 20..65_535).step_by(clock as usize / 20).chain([65_535]).collect();
        for (place, &duration) in updates.iter().enumerate() {
            let [high, low] = u16::try_from(duration).unwrap().to_be_bytes();
            if place + lost < updates.len() {
                told += &line.raw(segment * 65_535, clock, &[3, 10, high, low]);
            }
            line.wait(50);
        }
    }
    told += &line.raw(3 * 65_535, clock, &[3, 0x8A, 1, 0]);
    assert!(!line.events.is_down(line.now));
    told
}

#[test]
fn a_long_press_in_segments_is_one_key_by_every_clock() {
    for clock in [8_000, 16_000, 24_000, 48_000] {
        for lost in 0..3 {
            assert_eq!(segments(clock, lost), "3", "{clock} Hz, {lost} updates lost");
        }
    }
}

#[test]
fn presses_are_told_apart_by_every_clock() {
    for clock in [8_000_u32, 16_000, 24_000, 48_000] {
        let (mut line, mut told) = (Line::new(), String::new());
        for press in 0..4_u32 {
            let start = (u32::MAX - clock / 4).wrapping_add(press * clock / 8);
            for (packet, flags) in [(1, 10), (2, 10), (3, 10), (3, 0x8A), (3, 0x8A)] {
                let [high, low] = u16::try_from(packet * clock / 50).unwrap().to_be_bytes();
                told += &line.raw(start, clock, &[8, flags, high, low]);
                line.wait(25);
            }
        }
        assert_eq!(told, "8888", "{clock} Hz, across the wrap of the timestamp");
    }
}

#[test]
fn what_is_no_key_is_ignored() {
    let mut line = Line::new();
    assert_eq!(line.packet(0, 16, 160, true), "");
    assert_eq!(line.packet(5_000, 255, 160, false), "");
    assert_eq!(line.packet(9_000, 5, 0, true), "", "no duration");
    assert_eq!(line.events.ignored, 3);
    assert_eq!(line.packet(20_000, 15, 160, false), "D");
}

#[test]
fn broken_payloads_are_refused() {
    let mut events = Events::default();
    for length in [1, 2, 3, 5, 7] {
        let event = RawEvent::received(SSRC, 0, CLOCK, &vec![5; length]).unwrap();
        assert!(events.handle(crate::tests::beginning(), &event).is_none());
    }
}

#[test]
fn contiguous_records_of_one_payload_are_presses_in_order() {
    let mut line = Line::new();
    assert_eq!(line.raw(100, CLOCK, &[1, 0x8A, 2, 0, 2, 0x8A, 2, 0, 3, 0x0A, 0, 80]), "123");
}

#[test]
fn a_press_that_comes_too_late_for_its_place_is_not_told() {
    let mut line = Line::new();
    assert_eq!(line.packet(4_000, 2, 160, true), "2");
    assert_eq!(line.wait(20).packet(2_000, 1, 160, true), "");
    assert_eq!(line.events.ignored, 1);
}

#[test]
fn the_code_of_a_press_is_forgotten_when_it_is_over() {
    let mut line = Line::new();
    line.press(1_000, 5, 60);
    line.wait(100);
    let now = line.now;
    line.events.expire(now);
    assert!(line.events.latest.as_ref().is_some_and(|press| press.key.is_none()));
    assert_eq!(line.packet(1_000, 5, 480, true), "");
}

proptest! {
    /// Packets lost, doubled and swapped with their neighbours: the keys told are in order and never doubled.
    #[test]
    fn disorder_never_doubles_or_swaps_keys(
        codes in prop::collection::vec(0_u8..12, 1..20),
        faults in prop::collection::vec(0_u8..10, 200),
    ) {
        let mut packets = Vec::new();
        for (press, &code) in codes.iter().enumerate() {
            let start = 1_000 + press as u32 * 1_440;
            packets.extend((1..=5_u16).map(|packet| (start, code, packet * 160, false)));
            packets.extend((0..3).map(|_| (start, code, 800, true)));
        }
        let mut faults = faults.into_iter().cycle();
        for place in 1..packets.len() {
            if faults.next() == Some(0) {
                packets.swap(place - 1, place);
            }
        }
        let (mut line, mut told) = (Line::new(), String::new());
        for (start, code, duration, end) in packets {
            match faults.next() {
                Some(1) => {}
                Some(2) => {
                    told += &line.packet(start, code, duration, end);
                    told += &line.packet(start, code, duration, end);
                }
                _ => told += &line.packet(start, code, duration, end),
            }
            line.wait(22);
        }
        let keyed: String = codes.iter().map(|&code| char::from(Key::SYMBOLS[usize::from(code)])).collect();
        prop_assert_eq!(told, keyed);
    }

    #[test]
    fn no_payload_does_harm(packets in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 1..17)), 0..50)) {
        let mut line = Line::new();
        for (timestamp, payload) in packets {
            line.wait(5).raw(timestamp, CLOCK, &payload);
        }
    }
}
