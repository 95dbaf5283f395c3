//! No input makes the endpoint panic, and none makes it forget to end a call.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::media::{Codec, KeyMaterial, MediaPolicy, Offer, Session, SrtpPolicy};
use crate::message::StreamFramer;

const POLICY: MediaPolicy<'static> = MediaPolicy { srtp: SrtpPolicy::Optional, codecs: &Codec::ALL };

/// One change of a message's bytes.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(Index, u8),
    Remove(Index),
    Insert(Index, u8),
    Truncate(Index),
    RepeatLine(Index),
    DropLine(Index),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Replace(at, byte) => *at.get_mut(bytes) = *byte,
            Self::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Self::Insert(at, byte) => bytes.insert(at.index(bytes.len()), *byte),
            Self::Truncate(at) => bytes.truncate(at.index(bytes.len())),
            Self::RepeatLine(at) => change_lines(bytes, |lines| {
                let at = at.index(lines.len());
                lines.insert(at, lines[at].clone());
            }),
            Self::DropLine(at) => change_lines(bytes, |lines| drop(lines.remove(at.index(lines.len())))),
        }
    }
}

fn change_lines(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    change(&mut lines);
    *bytes = lines.concat();
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let byte = prop_oneof![any::<u8>(), proptest::sample::select(b"<>\";,:@/ \r\n\t\\=%[]?*0".to_vec())];
    prop_oneof![
        (any::<Index>(), byte.clone()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        any::<Index>().prop_map(Mutation::Remove),
        (any::<Index>(), byte).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        any::<Index>().prop_map(Mutation::Truncate),
        any::<Index>().prop_map(Mutation::RepeatLine),
        any::<Index>().prop_map(Mutation::DropLine),
    ]
}

/// What a trunk might do in the life of a call, right or wrong.
#[derive(Clone, Debug)]
enum Step {
    Message { method: usize, branch: u8, sequence: u32, in_dialog: bool, mutations: Vec<Mutation> },
    Ring,
    Answer,
    Reject,
    HangUp,
    Wait(u64),
}

const METHODS: [&str; 7] = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE"];

fn step() -> impl Strategy<Value = Step> {
    let message = (0..METHODS.len(), 0..3_u8, 1..4_u32, any::<bool>(), vec(mutation(), 0..3)).prop_map(
        |(method, branch, sequence, in_dialog, mutations)| Step::Message {
            method,
            branch,
            sequence,
            in_dialog,
            mutations,
        },
    );
    prop_oneof![
        6 => message,
        1 => Just(Step::Ring),
        2 => Just(Step::Answer),
        1 => Just(Step::Reject),
        1 => Just(Step::HangUp),
        1 => (0..40_000_u64).prop_map(Step::Wait),
    ]
}

fn run(bench: &mut Bench, step: &Step) {
    let call = CallHandle(bench.endpoint.calls.next_handle().0.saturating_sub(1));
    match step {
        Step::Message { method, branch, sequence, in_dialog, mutations } => {
            let mut message =
                Message::new(METHODS[*method], &branch.to_string(), *sequence).body("application/sdp", OFFER);
            if *in_dialog
                && let Some(answer) = bench.sent.iter().rev().find(|sent| sent.bytes.starts_with(b"SIP/2.0 200"))
            {
                let text = String::from_utf8_lossy(&answer.bytes).into_owned();
                message.to = header(&text, "To").to_owned();
            }
            let mut bytes = message.text().into_bytes();
            mutations.iter().for_each(|mutation| mutation.apply(&mut bytes));
            bench.feed_bytes(&bytes);
        }
        Step::Ring => bench.endpoint.ring(bench.now, call),
        Step::Answer => drop(bench.endpoint.answer(bench.now, call, &LOCAL)),
        Step::Reject => bench.endpoint.reject(bench.now, call, crate::Status::BUSY_HERE, None),
        Step::HangUp => bench.endpoint.hang_up(bench.now, call, HangUp::Normal),
        Step::Wait(millis) => drop(bench.pass(Duration::from_millis(*millis))),
    }
    bench.drain();
}

proptest! {
    #[test]
    fn any_bytes_are_taken(bytes in vec(any::<u8>(), 0..600)) {
        let mut bench = Bench::new();
        bench.feed_bytes(&bytes);
        let _ = Offer::parse(&bytes, POLICY);
        let mut framer = StreamFramer::new(500);
        framer.push(&bytes);
        while let Ok(Some(_)) = framer.next_message() {}
    }

    #[test]
    fn mutated_messages_are_taken(mutations in vec(mutation(), 1..12)) {
        let mut bench = Bench::new();
        let mut bytes = Message::invite().header("Record-Route: <sip:203.0.113.9;lr>").text().into_bytes();
        mutations.iter().for_each(|mutation| mutation.apply(&mut bytes));
        bench.feed_bytes(&bytes);
        let mut sdp = OFFER.as_bytes().to_vec();
        mutations.iter().for_each(|mutation| mutation.apply(&mut sdp));
        if let Ok(offer) = Offer::parse(&sdp, POLICY) {
            let local = LocalMedia { key: offer.local_key(&KeyMaterial::new([1; 30])), ..LOCAL };
            let mut session = Session::open(local, Some(offer), &Codec::ALL);
            prop_assert!(Offer::parse(session.text().as_bytes(), POLICY).is_ok());
            prop_assert_eq!(session.take_offer(&sdp), Ok(None), "the same again");
        }
    }

    #[test]
    fn every_call_ends_once_and_closes_once(steps in vec(step(), 1..30)) {
        let mut bench = Bench::new();
        for step in &steps {
            run(&mut bench, step);
        }
        let calls = bench.events.iter().filter(|event| matches!(event, Event::Incoming(_))).count();
        // Whatever is still up is hung up; then everything must run out by itself.
        let up: Vec<_> = bench.events.iter().filter_map(|event| match event {
            Event::Incoming(incoming) => Some(incoming.call),
            Event::Acknowledged { .. }
            | Event::Changed { .. }
            | Event::Info { .. }
            | Event::Referral { .. }
            | Event::Ended { .. }
            | Event::Closed { .. } => None,
        }).collect();
        for call in up {
            bench.endpoint.hang_up(bench.now, call, HangUp::Normal);
        }
        bench.drain();
        bench.pass(Duration::from_secs(200));
        prop_assert_eq!((bench.ends().len(), bench.closed()), (calls, calls));
        prop_assert!(bench.endpoint.is_idle() && bench.endpoint.servers.len() == 0);
        prop_assert!(bench.endpoint.poll_timeout().is_none());
    }
}
