use std::ops::Range;
use std::sync::Arc;

use audio::{Codec, Segment, Source};
use gate::wire::{FromVault, PromptReason, Step};
use gate::{CaptureEvent, CaptureOutcome, Collect, KeyPolicy, MuteAck, Purpose, SpeechEdge};
use rtp::{Packet, Payloads};

use super::*;
use crate::media::Target;

mod secure;
mod wide;

const AGENT: SinkId = SinkId(1);
const RECORDER: SinkId = SinkId(2);
const GUARD: Duration = Duration::from_millis(40);
const CONFIRM: Duration = Duration::from_millis(500);

fn payloads() -> Payloads {
    Payloads::new(Codec::Pcmu, 0, Some(101))
}

fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 4_000))
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A leg and its far end, in virtual time: a packet comes and one goes every 20 ms.
struct Line {
    leg: Leg,
    now: Instant,
    sequence: u16,
    outputs: Vec<LegOutput>,
    taps: Vec<TapItem>,
    sent: Vec<(u16, u32, Vec<u8>)>,
    acknowledging: bool,
}

impl Line {
    fn new() -> Self {
        Self::timing_out(None)
    }

    fn timing_out(media_timeout: Option<Duration>) -> Self {
        Self::carrying(payloads(), media_timeout)
    }

    fn carrying(payloads: Payloads, media_timeout: Option<Duration>) -> Self {
        let session = SessionConfig {
            payloads,
            remote: Some(peer()),
            remote_rtcp: None,
            learn_source: false,
            ssrc: 9,
            first_sequence: u16::MAX - 1,
            first_timestamp: 1_000,
            cname: "leg".to_owned(),
            media_timeout,
            seed: 1,
            srtp: None,
        };
        let gate = GateConfig { rate: payloads.codec.rate(), keys: KeyPolicy::Declared };
        let hush = HushPolicy::OnSpeech { guard: GUARD, confirm: CONFIRM };
        let now = Instant::now();
        Self {
            leg: Leg::new(LegConfig { session, gate, playout: PlayoutConfig::default(), hush }, now).unwrap(),
            now,
            sequence: 0,
            outputs: Vec::new(),
            taps: Vec::new(),
            sent: Vec::new(),
            acknowledging: true,
        }
    }

    fn command(&mut self, command: LegCommand) {
        self.leg.handle_command(self.now, command);
        self.drain();
    }

    fn packet(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let mut bytes = vec![0x80, payload_type];
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(timestamp.to_be_bytes());
        bytes.extend(77_u32.to_be_bytes());
        bytes.extend(payload);
        self.sequence += 1;
        self.leg.handle_rtp(self.now, peer(), &mut bytes);
        self.drain();
    }

    /// Lets one frame's time pass, in which the far end sends `code` throughout.
    fn step(&mut self, code: u8) {
        let timestamp = u32::from(self.sequence) * 160;
        self.packet(0, timestamp, &[code; 160]);
        self.tick(true);
        self.now += millis(20);
        if self.leg.poll_timeout().is_some_and(|due| due <= self.now) {
            self.leg.handle_timeout(self.now);
            self.drain();
        }
    }

    /// Lets time pass in which nothing comes.
    fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(due) = self.leg.poll_timeout().filter(|&due| due <= until) {
            self.now = self.now.max(due);
            self.leg.handle_timeout(self.now);
            self.drain();
            while self.leg.poll_report(self.now).is_some() {}
        }
        self.now = until;
    }

    fn steps(&mut self, count: usize) {
        (0..count).for_each(|_| self.step(0xff));
    }

    fn tick(&mut self, taken: bool) {
        let mut out = PacketBuffer::new();
        if let Some(transmit) = self.leg.tick(self.now, &mut out) {
            let packet = Packet::parse(out.bytes()).ok().unwrap();
            self.sent.push((packet.sequence, packet.timestamp, packet.payload.to_vec()));
            self.leg.transmitted(self.now, &transmit, taken);
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(item) = self.leg.poll_tap() {
            if let TapItem::Caller(frame) = &item
                && let Some(epoch) = frame.mute_epoch()
                && self.acknowledging
            {
                let first_silent_index = frame.index();
                for sink in [AGENT, RECORDER] {
                    let ack = MuteAck { sink, epoch, first_silent_index };
                    self.leg.handle_command(self.now, LegCommand::Acknowledge(ack));
                }
            }
            self.taps.push(item);
        }
        while let Some(output) = self.leg.poll_output() {
            self.outputs.push(output);
        }
    }

    fn vault(&mut self, message: &FromVault) {
        self.leg.handle_vault(self.now, &message.encode());
        self.drain();
    }

    /// How many messages wait for the vault.
    fn vault_hears(&mut self) -> usize {
        std::iter::from_fn(|| self.leg.poll_vault()).count()
    }

    fn take<T>(&mut self, chosen: impl Fn(&LegOutput) -> Option<T>) -> Option<T> {
        let found = self.outputs.iter().find_map(chosen);
        self.outputs.clear();
        found
    }

    /// The loudest sample of the end of the last packet.
    fn loudness(&self) -> i16 {
        let (_, _, payload) = self.sent.last().unwrap();
        payload[96..].iter().map(|&code| audio::g711::decode_ulaw(code).abs()).max().unwrap()
    }

    /// Whether the last packet is silence.
    fn is_silent(&self) -> bool {
        self.sent.last().is_some_and(|(_, _, payload)| payload.iter().all(|&code| code == 0xff))
    }
}

fn one_key() -> Collect {
    Collect { purpose: Purpose::Choice, max_keys: 1, terminator: None, pause: millis(3_000), patience: millis(9_000) }
}

fn prompt(id: u64, samples: usize) -> Segment {
    Segment { id: SegmentId(id), source: Source::Prompt, interruptible: false, samples: vec![8_000; samples].into() }
}

fn target(remote: Option<SocketAddr>) -> Target {
    Target { remote, remote_rtcp: None, rtcp_mux: false, payloads: payloads(), hears: true, sends: true }
}

/// What a caller's `a=sendonly` means here.
fn on_hold() -> Target {
    Target { hears: false, ..target(Some(peer())) }
}

fn agent(arrived: Instant, generation: u64, samples: usize) -> LegCommand {
    LegCommand::AgentAudio { generation: Generation(generation), samples: vec![8_000; samples].into(), arrived }
}

#[test]
fn a_prompt_is_proven_by_the_packets_that_carried_it() {
    let mut line = Line::new();
    line.steps(1);
    line.command(LegCommand::Play(prompt(5, 400)));
    line.steps(4);
    let delivery = line
        .outputs
        .iter()
        .find_map(|output| if let LegOutput::PromptFinished(delivery) = output { Some(*delivery) } else { None });
    let delivery = delivery.unwrap();
    let carried = &line.sent[1..=3];
    assert_eq!((delivery.id, delivery.samples, delivery.ssrc), (SegmentId(5), 400, 9));
    assert_eq!((delivery.first_sequence, delivery.first_timestamp), (carried[0].0, carried[0].1));
    assert_eq!((delivery.last_sequence, delivery.last_timestamp), (carried[2].0, carried[2].1));
    assert_eq!((carried[0].0, carried[2].0), (u16::MAX, 1), "across the wrap");
}

#[test]
fn a_prompt_that_the_network_refused_is_not_proven() {
    let mut line = Line::new();
    line.command(LegCommand::Play(prompt(5, 480)));
    line.tick(true);
    line.tick(false);
    line.tick(true);
    assert!(!line.outputs.iter().any(|output| matches!(output, LegOutput::PromptFinished(_))));
    let cut = line.take(|output| {
        if let LegOutput::PromptInterrupted { played, total, .. } = output { Some((*played, *total)) } else { None }
    });
    assert_eq!(cut, Some((320, 480)));
}

#[test]
fn nothing_is_played_while_nobody_listens() {
    let mut line = Line::new();
    line.command(LegCommand::Retarget(target(None)));
    line.command(LegCommand::Play(prompt(5, 160)));
    line.tick(true);
    assert!(line.sent.is_empty());
    line.command(LegCommand::Retarget(target(Some(peer()))));
    line.tick(true);
    assert_eq!(line.sent[0].1, 1_160, "the timestamp went on");
    assert!(line.take(|output| matches!(output, LegOutput::PromptFinished(_)).then_some(())).is_some());
}

#[test]
fn a_prompt_waits_while_the_call_is_held_and_goes_on_where_it_was() {
    let mut line = Line::new();
    line.command(LegCommand::Play(prompt(5, 480)));
    line.steps(1);
    line.command(LegCommand::Retarget(on_hold()));
    assert!(line.take(|output| matches!(output, LegOutput::Held).then_some(())).is_some());
    line.steps(100);
    assert_eq!((line.sent.len(), line.outputs.len()), (1, 0), "nothing is sent, and nothing counts as heard");
    line.command(LegCommand::Retarget(target(Some(peer()))));
    line.steps(2);
    assert_eq!((line.sent[1].0, line.sent[1].1), (u16::MAX, 1_000 + 101 * 160), "the time of the hold is a pause");
    assert!(line.outputs.iter().any(|output| matches!(output, LegOutput::Resumed)));
    let delivery = line.take(|output| if let LegOutput::PromptFinished(it) = output { Some(*it) } else { None });
    assert_eq!(delivery.map(|delivery| delivery.samples), Some(480));
}

#[test]
fn who_holds_an_echo_hears_nothing_of_the_hold_afterwards() {
    let mut line = Line::new();
    line.command(LegCommand::Echo(true));
    line.steps(10);
    line.command(LegCommand::Retarget(on_hold()));
    (0..100).for_each(|_| line.step(0x10));
    line.command(LegCommand::Retarget(target(Some(peer()))));
    line.steps(30);
    assert_eq!(line.leg.jitter_buffer().map(|report| report.dropped), Some(0));
    let is_loud = |code: &u8| audio::g711::decode_ulaw(*code).abs() > 1_000;
    let heard = line.sent[10..].iter().filter(|(_, _, payload)| payload.iter().any(is_loud)).count();
    assert!(heard <= 2, "{heard} packets, and not only the frame that was in the gate");
}

#[test]
fn holding_again_is_no_news_and_a_hold_without_an_address_keeps_the_source() {
    let mut line = Line::new();
    line.steps(1);
    line.command(LegCommand::Retarget(on_hold()));
    line.command(LegCommand::Retarget(Target { remote: None, sends: false, ..on_hold() }));
    line.command(LegCommand::Retarget(target(Some(peer()))));
    line.steps(1);
    let told: Vec<_> = line.outputs.iter().filter(|it| matches!(it, LegOutput::Held | LegOutput::Resumed)).collect();
    assert!(matches!(told[..], [LegOutput::Held, LegOutput::Resumed]));
    let locked = line.outputs.iter().filter(|output| matches!(output, LegOutput::SourceLocked { .. })).count();
    assert_eq!((locked, line.sent.len()), (1, 2), "locked once, before the hold");
}

#[test]
fn a_move_locks_the_source_anew() {
    let mut line = Line::new();
    line.steps(1);
    let elsewhere = SocketAddr::from(([192, 0, 2, 8], 4_002));
    line.command(LegCommand::Retarget(target(Some(elsewhere))));
    let before = line.leg.statistics().rejected.count(rtp::Rejection::Source);
    line.steps(1);
    assert_eq!(
        line.leg.statistics().rejected.count(rtp::Rejection::Source),
        before + 1,
        "the old source is a stranger"
    );
    let mut out = PacketBuffer::new();
    assert_eq!(line.leg.tick(line.now, &mut out).map(|transmit| transmit.to), Some(elsewhere));
}

#[test]
fn silence_ends_a_call_but_not_one_that_is_held() {
    let mut line = Line::timing_out(Some(Duration::from_secs(20)));
    let timed_out = |line: &mut Line| line.take(|output| matches!(output, LegOutput::MediaTimeout).then_some(()));
    line.steps(1);
    for silent in [on_hold(), Target { sends: false, ..on_hold() }, Target { sends: false, ..target(Some(peer())) }] {
        line.command(LegCommand::Retarget(silent));
        line.pass(Duration::from_secs(300));
        assert!(timed_out(&mut line).is_none(), "{silent:?}");
    }
    line.command(LegCommand::Retarget(target(Some(peer()))));
    line.pass(Duration::from_secs(19));
    assert!(timed_out(&mut line).is_none(), "the caller has as long as at first");
    line.pass(Duration::from_secs(2));
    assert!(timed_out(&mut line).is_some());
}

#[test]
fn music_on_hold_hushes_nobody() {
    let mut line = Line::new();
    line.command(agent(line.now, 3, 16_000));
    line.steps(2);
    line.leg.speech(line.now, SpeechEdge::Started);
    line.command(LegCommand::Retarget(on_hold()));
    line.leg.handle_timeout(line.now + GUARD);
    line.leg.speech(line.now, SpeechEdge::Started);
    line.leg.handle_timeout(line.now + GUARD + GUARD);
    line.drain();
    assert!(line.take(|output| matches!(output, LegOutput::Hushed { .. }).then_some(())).is_none());
}

#[test]
fn clearing_is_silence_within_one_tick() {
    let mut line = Line::new();
    line.command(agent(line.now, 0, 1_600));
    line.command(LegCommand::Mark("after".to_owned()));
    line.steps(2);
    assert!(!line.is_silent());
    line.command(LegCommand::Clear { generation: Generation(1) });
    let marked =
        line.take(
            |output| {
                if let LegOutput::Mark { name, cleared } = output { Some((name.clone(), *cleared)) } else { None }
            },
        );
    assert_eq!(marked, Some(("after".to_owned(), true)));
    line.steps(1);
    let faded = &line.sent.last().unwrap().2;
    assert!(faded[63..].iter().all(|&code| code == 0xff), "silent 8 ms into the next packet");
    line.command(agent(line.now, 0, 160));
    line.steps(1);
    assert!(line.is_silent(), "late audio is dropped");
    line.command(agent(line.now, 1, 160));
    line.steps(1);
    assert!(!line.is_silent());
}

#[test]
fn the_agents_wait_for_its_slot_is_measured() {
    let mut line = Line::new();
    line.command(agent(line.now, 0, 160));
    line.now += millis(7);
    line.tick(true);
    assert_eq!(line.leg.take_agent_latency(), Some(millis(7)));
    assert_eq!(line.leg.take_agent_latency(), None);
}

#[test]
fn speech_of_the_caller_hushes_what_is_interruptible() {
    let mut line = Line::new();
    line.command(agent(line.now, 3, 16_000));
    line.steps(2);
    line.leg.speech(line.now, SpeechEdge::Started);
    assert_eq!(line.leg.poll_timeout(), Some(line.now + GUARD));
    line.leg.handle_timeout(line.now + GUARD);
    line.drain();
    assert!(line.outputs.is_empty() || !line.outputs.iter().any(|output| matches!(output, LegOutput::Hushed { .. })));
    line.steps(2);
    assert!(line.is_silent(), "it falls silent before it is cut");
    line.pass(CONFIRM);
    assert!(line.outputs.iter().any(|output| matches!(output, LegOutput::AgentCut { .. })));
    let next = line.take(|output| if let LegOutput::Hushed { generation } = output { Some(*generation) } else { None });
    assert_eq!(next, Some(Generation(4)));
    line.steps(2);
    assert!(line.is_silent());
}

#[test]
fn an_interruption_that_was_none_lets_the_agent_go_on_where_it_was() {
    let mut line = Line::new();
    line.command(agent(line.now, 3, 16_000));
    line.steps(2);
    line.leg.speech(line.now, SpeechEdge::Started);
    line.leg.handle_timeout(line.now + GUARD);
    line.steps(5);
    assert!(line.is_silent());
    let waiting = line.leg.agent_queued();
    line.leg.speech(line.now, SpeechEdge::Stopped);
    line.steps(2);
    assert!(!line.is_silent() && line.leg.agent_queued() == waiting - 320);
    assert!(line.take(|output| matches!(output, LegOutput::FalseInterruption).then_some(())).is_some());
    line.pass(CONFIRM);
    assert!(line.take(|output| matches!(output, LegOutput::Hushed { .. }).then_some(())).is_none());
}

#[test]
fn the_agent_is_softer_until_it_is_silent_and_whole_again_after_a_cough() {
    let mut line = Line::new();
    line.command(agent(line.now, 3, 16_000));
    line.steps(2);
    let whole = line.loudness();
    line.leg.speech(line.now, SpeechEdge::Started);
    line.steps(2);
    assert!((whole / 5..whole / 3).contains(&line.loudness()), "{} beside {whole}", line.loudness());
    line.leg.speech(line.now, SpeechEdge::Stopped);
    line.steps(2);
    assert_eq!(line.loudness(), whole);
}

#[test]
fn a_cut_tells_how_much_of_the_turn_was_heard_and_not_of_those_before() {
    let mut line = Line::new();
    for _ in 0..2 {
        line.command(agent(line.now, 0, 8_000));
        line.steps(50 + 26);
    }
    line.command(agent(line.now, 0, 8_000));
    line.steps(10);
    line.command(LegCommand::Clear { generation: Generation(1) });
    let cut =
        line.take(
            |output| {
                if let LegOutput::AgentCut { played, dropped } = output { Some((*played, *dropped)) } else { None }
            },
        );
    assert_eq!(cut, Some((millis(208), millis(792))), "with a fade of 8 ms");
}

#[test]
fn an_agent_that_clears_for_itself_is_not_cut_again() {
    let mut line = Line::new();
    line.command(agent(line.now, 3, 16_000));
    line.steps(2);
    line.leg.speech(line.now, SpeechEdge::Started);
    line.leg.handle_timeout(line.now + GUARD);
    line.command(LegCommand::Clear { generation: Generation(4) });
    line.command(agent(line.now, 4, 16_000));
    line.pass(CONFIRM);
    line.steps(2);
    assert!(!line.is_silent());
    assert!(line.take(|output| matches!(output, LegOutput::Hushed { .. }).then_some(())).is_none());
}

#[test]
fn a_cough_and_a_prompt_are_not_hushed() {
    let mut line = Line::new();
    line.command(LegCommand::Play(prompt(1, 1_600)));
    line.steps(1);
    line.leg.speech(line.now, SpeechEdge::Started);
    line.leg.handle_timeout(line.now + GUARD);
    line.command(agent(line.now, 0, 16_000));
    line.leg.speech(line.now, SpeechEdge::Started);
    line.leg.speech(line.now, SpeechEdge::Stopped);
    line.leg.handle_timeout(line.now + GUARD);
    line.steps(12);
    assert!(!line.is_silent());
    assert!(line.take(|output| matches!(output, LegOutput::Hushed { .. }).then_some(())).is_none());
}

#[test]
fn taps_hear_the_caller_and_recorders_also_what_was_sent() {
    let mut line = Line::new();
    line.leg.add_sink(line.now, AGENT, SinkKind::Agent);
    line.steps(3);
    assert!(line.taps.iter().all(|item| matches!(item, TapItem::Caller(_))));
    line.leg.add_sink(line.now, RECORDER, SinkKind::Recorder);
    line.taps.clear();
    line.steps(3);
    let sent: Vec<_> = line
        .taps
        .iter()
        .filter_map(|item| if let TapItem::Sent { index, .. } = item { Some(*index) } else { None })
        .collect();
    assert_eq!(sent, [480, 640, 800]);
    let heard: Vec<_> = line
        .taps
        .iter()
        .filter_map(|item| if let TapItem::Caller(frame) = item { Some(frame.index()) } else { None })
        .collect();
    assert_eq!(heard, [320, 480, 640], "one frame behind");
    assert_eq!(line.leg.arrival(640), Some(line.now - millis(40)));
}

#[test]
fn a_declared_key_arrives() {
    let mut line = Line::new();
    line.steps(1);
    line.command(LegCommand::Collect(one_key()));
    let event = [5, 10, 0, 160];
    let timestamp = u32::from(line.sequence) * 160;
    line.packet(101, timestamp, &event);
    line.packet(101, timestamp, &[5, 0x8a, 3, 32]);
    line.steps(2);
    let key = line.take(|output| if let LegOutput::MenuKey(key) = output { Some(key.key()) } else { None });
    assert_eq!(key, Some('5'));
}

#[test]
fn a_key_of_which_no_packet_arrives_is_told_by_the_redundancy_of_the_next_one_and_once() {
    let events = rtp::EventPayload { payload_type: 101, clock_hertz: 8_000, redundant: Some(98) };
    let mut line = Line::carrying(Payloads { events: Some(events), ..payloads() }, None);
    line.steps(1);
    line.command(LegCommand::Collect(Collect { max_keys: 3, ..one_key() }));
    // The packets of the first key, 1,440 units before the second, are lost.
    line.sequence += 4;
    let timestamp = u32::from(line.sequence) * 160;
    for [flags, high, low] in [[10, 0, 160], [10, 1, 64], [0x8A, 1, 224], [0x8A, 1, 224]] {
        let [up, down] = (1_440_u16 << 2).to_be_bytes();
        line.packet(98, timestamp, &[0x80 | 101, up, down, 4, 101, 4, 0x8A, 3, 32, 2, flags, high, low]);
        line.pass(millis(20));
    }
    line.steps(2);
    let keys = line
        .outputs
        .iter()
        .filter_map(|output| if let LegOutput::MenuKey(key) = output { Some(key.key()) } else { None });
    assert_eq!(keys.collect::<String>(), "42");
}

#[test]
fn keys_that_waited_for_a_late_packet_all_reach_the_vault() {
    let mut line = armed();
    line.vault(&FromVault::Prompt { step: Step::Number, reason: PromptReason::First });
    let late = line.sequence;
    line.sequence += 1;
    for code in (1..=9).cycle().take(24) {
        line.packet(101, u32::from(line.sequence) * 160, &[code, 0x8A, 0, 160]);
    }
    assert_eq!(line.vault_hears(), 0, "they wait");
    let next = std::mem::replace(&mut line.sequence, late);
    line.packet(0, u32::from(late) * 160, &[0xff; 160]);
    line.sequence = next;
    assert_eq!(line.vault_hears(), 1 + 24, "the end of the prompt, and every key");
    assert_eq!(line.leg.gate_counters().overflow, 0);
}

/// A key as a tone, in packets of so many samples that begin 10 ms into a frame, of which some are lost: the keys that were
/// told, and the loudest sample that was let out.
fn tone_with_a_loss(tone: Range<usize>, packet: usize, lost: Range<usize>) -> (String, u16) {
    let sample = |at: usize| {
        let turn = |hertz: f32| (std::f32::consts::TAU * hertz * at as f32 / 8_000.0).sin();
        if tone.contains(&at) { (8_000.0 * (turn(770.0) + turn(1_336.0))) as i16 } else { 0 }
    };
    let mut line = Line::new();
    line.command(LegCommand::Collect(Collect { max_keys: 8, ..one_key() }));
    line.packet(0, 0, &[0xff; 80]);
    for number in 0..4_800 / packet {
        let samples = 80 + number * packet..80 + (number + 1) * packet;
        if lost.contains(&number) {
            line.sequence += 1;
        } else {
            let payload: Vec<u8> = samples.clone().map(|at| audio::g711::encode_ulaw(sample(at))).collect();
            line.packet(0, samples.start as u32, &payload);
        }
        line.pass(millis(packet as u64 / 8));
    }
    let mut keys = String::new();
    for output in &line.outputs {
        if let LegOutput::MenuKey(key) = output {
            keys.push(key.key());
        }
    }
    let frames = line.taps.iter().filter_map(|item| if let TapItem::Caller(frame) = item { Some(frame) } else { None });
    (keys, frames.flat_map(gate::CleanFrame::samples).map(|sample| sample.unsigned_abs()).max().unwrap_or(0))
}

#[test]
fn no_packet_that_is_lost_between_frames_splits_a_key_or_lets_its_tone_out() {
    for (packet, packets) in [(80, 30), (160, 16), (240, 12), (480, 7)] {
        for lost in 1..packets {
            let heard = tone_with_a_loss(500..2_300, packet, lost..lost + 1);
            assert_eq!(heard, ("5".to_owned(), 0), "packet {lost} of {packet} samples");
        }
    }
}

#[test]
fn what_losses_between_frames_leave_of_a_short_tone_does_not_come_out() {
    for (packet, lost) in [(80, 6..9), (80, 5..8), (240, 1..2), (240, 2..3)] {
        for begin in (440..600).step_by(8) {
            let heard = tone_with_a_loss(begin..begin + 160, packet, lost.clone());
            assert_eq!(heard.1, 0, "packets {lost:?} of {packet} samples, from {begin}");
        }
    }
}

/// A line in an armed capture.
fn armed() -> Line {
    let mut line = Line::new();
    line.leg.add_sink(line.now, AGENT, SinkKind::Agent);
    line.leg.add_sink(line.now, RECORDER, SinkKind::Recorder);
    line.command(agent(line.now, 0, 16_000));
    line.steps(3);
    line.command(LegCommand::Arm { capture: [7; 16] });
    line.steps(3);
    let armed = line.take(|output| matches!(output, LegOutput::Capture(CaptureEvent::Armed)).then_some(()));
    assert!(armed.is_some());
    line
}

#[test]
fn a_capture_mutes_both_ways() {
    let mut line = armed();
    line.taps.clear();
    line.command(agent(line.now, 0, 1_600));
    line.step(0x90);
    line.step(0x90);
    assert!(line.is_silent(), "the agent is not heard");
    let quiet = line.taps.iter().all(|item| match item {
        TapItem::Caller(frame) => frame.samples().iter().all(|&sample| sample == 0),
        TapItem::Sent { .. } => true,
    });
    assert!(quiet, "the caller is not heard");
}

#[test]
fn a_hold_or_a_move_leaves_the_mute_of_a_capture_as_it_is() {
    let elsewhere = SocketAddr::from(([192, 0, 2, 8], 4_002));
    for change in [on_hold(), Target { sends: false, ..on_hold() }, target(Some(elsewhere))] {
        let mut line = armed();
        line.taps.clear();
        line.command(LegCommand::Retarget(change));
        (0..10).for_each(|_| line.step(0x90));
        line.command(LegCommand::Retarget(target(Some(peer()))));
        (0..10).for_each(|_| line.step(0x90));
        assert!(line.leg.is_capturing() && !line.taps.is_empty());
        let quiet = line.taps.iter().all(|item| match item {
            TapItem::Caller(frame) => frame.mute_epoch().is_some() && frame.samples().iter().all(|&sample| sample == 0),
            TapItem::Sent { .. } => true,
        });
        assert!(quiet, "{change:?}");
    }
}

#[test]
fn a_prompt_of_a_capture_waits_while_the_call_is_held() {
    let mut line = armed();
    let step = Step::Number;
    line.vault(&FromVault::Prompt { step, reason: PromptReason::First });
    let asked = CapturePrompt { step, reason: PromptReason::First };
    line.command(LegCommand::PlayCapture { prompt: asked, segment: prompt(8, 320) });
    line.command(LegCommand::Retarget(on_hold()));
    line.steps(200);
    assert_eq!(line.vault_hears(), 0, "the caller has not heard it");
    line.command(LegCommand::Retarget(target(Some(peer()))));
    line.steps(2);
    assert_eq!(line.vault_hears(), 1);
}

#[test]
fn a_capture_without_proof_of_silence_does_not_begin() {
    let mut line = Line::new();
    line.acknowledging = false;
    line.leg.add_sink(line.now, AGENT, SinkKind::Agent);
    line.steps(3);
    line.command(LegCommand::Arm { capture: [7; 16] });
    line.steps(15);
    let outcome = line.take(|output| {
        if let LegOutput::Capture(CaptureEvent::Outcome(outcome)) = output { Some(outcome.clone()) } else { None }
    });
    assert!(matches!(outcome, Some(CaptureOutcome::Failed(_))));
}

#[test]
fn the_vault_hears_when_its_prompt_has_ended() {
    let mut line = armed();
    line.vault(&FromVault::Prompt { step: Step::Number, reason: PromptReason::First });
    let asked = line.take(|output| if let LegOutput::CapturePrompt(prompt) = output { Some(*prompt) } else { None });
    let asked = asked.unwrap();
    line.command(LegCommand::PlayCapture { prompt: asked, segment: prompt(8, 320) });
    line.steps(1);
    assert!(!line.is_silent(), "the caller hears the prompt");
    assert_eq!(line.vault_hears(), 0);
    line.steps(1);
    assert_eq!(line.vault_hears(), 1);
}

#[test]
fn a_key_cuts_its_prompt_short_and_tells_the_vault_once() {
    let mut line = armed();
    let step = Step::Number;
    line.vault(&FromVault::Prompt { step, reason: PromptReason::First });
    let asked = CapturePrompt { step, reason: PromptReason::First };
    line.command(LegCommand::PlayCapture { prompt: asked, segment: prompt(8, 8_000) });
    line.steps(2);
    line.vault(&FromVault::Progress { step, count: 1 });
    assert_eq!(line.vault_hears(), 1);
    line.steps(2);
    assert!(line.is_silent());
    assert_eq!(line.vault_hears(), 0);
}

#[test]
fn a_prompt_that_comes_after_its_capture_is_not_played() {
    let mut line = armed();
    let asked = CapturePrompt { step: Step::Number, reason: PromptReason::First };
    line.command(LegCommand::CancelCapture);
    line.steps(80);
    line.command(LegCommand::PlayCapture { prompt: asked, segment: prompt(8, 8_000) });
    line.steps(2);
    assert!(line.is_silent(), "nobody takes what it asks for");
    let cut = line.take(|output| {
        if let LegOutput::PromptInterrupted { id, played, .. } = output { Some((*id, *played)) } else { None }
    });
    assert_eq!(cut, Some((SegmentId(8), 0)));
}

#[test]
fn a_prompt_takes_the_place_of_the_one_before_it() {
    let mut line = armed();
    for (id, step) in [(8, Step::Number), (9, Step::Expiry)] {
        let asked = CapturePrompt { step, reason: PromptReason::First };
        line.command(LegCommand::PlayCapture { prompt: asked, segment: prompt(id, 8_000) });
        line.steps(2);
    }
    let cut = line.take(|output| if let LegOutput::PromptInterrupted { id, .. } = output { Some(*id) } else { None });
    assert_eq!(cut, Some(SegmentId(8)));
}

#[test]
fn the_agent_speaks_again_after_the_release() {
    let mut line = armed();
    line.command(LegCommand::CancelCapture);
    line.steps(80);
    assert!(line.take(|output| matches!(output, LegOutput::Capture(CaptureEvent::Released)).then_some(())).is_some());
    line.command(agent(line.now, 0, 160));
    line.steps(1);
    assert!(!line.is_silent());
}

#[test]
fn closing_ends_the_capture_and_says_goodbye() {
    let mut line = armed();
    let report = line.leg.close(line.now);
    line.drain();
    let failed = |output: &LegOutput| matches!(output, LegOutput::Capture(CaptureEvent::Outcome(_))).then_some(());
    assert!(line.take(failed).is_some());
    let (to, goodbye) = report.goodbye.unwrap();
    assert_eq!((to.port(), goodbye[goodbye.len() - 7]), (4_001, 203));
    assert!(report.statistics.received > 0 && report.discarded.muted == 0);
}

#[test]
fn a_full_playout_refuses_a_prompt_aloud() {
    let mut line = Line::new();
    for number in 0..5_000 {
        line.command(LegCommand::Play(Segment { samples: Arc::from([]), ..prompt(number, 0) }));
    }
    let refused =
        line.take(|output| if let LegOutput::PromptInterrupted { id, .. } = output { Some(*id) } else { None });
    assert_eq!(refused, Some(SegmentId(4_096)));
}

#[test]
fn who_asks_for_an_echo_hears_themselves_after_the_gate() {
    let mut line = Line::new();
    line.steps(5);
    line.command(LegCommand::Echo(true));
    line.steps(10);
    assert!(line.is_silent());
    let loud = 0x90;
    (0..10).for_each(|_| line.step(loud));
    assert!(line.sent.last().is_some_and(|(_, _, payload)| payload.iter().all(|&code| code == loud)));
    let report = line.leg.jitter_buffer().unwrap();
    assert!(report.played >= 15 && report.concealed == 0, "{report:?}");
    line.command(LegCommand::Play(prompt(5, 160)));
    line.tick(true);
    assert!(
        line.sent.last().is_some_and(|(_, _, payload)| payload.iter().all(|&code| code != loud)),
        "a clip goes first"
    );
    line.command(LegCommand::Echo(false));
    line.step(loud);
    assert!(line.is_silent());
}

#[test]
fn an_echo_holds_nothing_of_what_was_said_before_a_capture() {
    let mut line = Line::new();
    line.command(LegCommand::Echo(true));
    (0..10).for_each(|_| line.step(0x90));
    assert!(!line.is_silent());
    line.command(LegCommand::Arm { capture: [1; 16] });
    // The frame that the gate held when it was armed is the last.
    line.step(0x90);
    for _ in 0..5 {
        line.step(0x90);
        assert!(line.is_silent());
    }
}
