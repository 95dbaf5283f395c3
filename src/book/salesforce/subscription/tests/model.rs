//! Whatever happens in whatever order: one stream, one sweep, never too many events, and never a loss.

use proptest::prelude::*;

use super::*;

/// What may happen to a subscription.
#[derive(Clone, Debug)]
enum Happening {
    Time(u64),
    /// So many of what is outstanding come; the server knows of the last request or not.
    Events(u32, bool),
    Stored,
    Ended(End),
    Swept(bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    let end = prop_oneof![
        Just(End::Unavailable),
        Just(End::Silent),
        Just(End::Session),
        Just(End::Corrupted),
        Just(End::Limited),
        Just(End::Refused),
        Just(End::Unstored),
    ];
    prop_oneof![
        (0_u64..400).prop_map(Happening::Time),
        (0_u32..120, any::<bool>()).prop_map(|(events, knows)| Happening::Events(events, knows)),
        Just(Happening::Stored),
        Just(Happening::Stored),
        end.prop_map(Happening::Ended),
        any::<bool>().prop_map(Happening::Swept),
    ]
}

/// The server's side: what a stream may do, and what the other side must never do.
#[derive(Default)]
struct Server {
    is_open: bool,
    outstanding: u32,
    /// Asked for, and still on its way.
    coming: u32,
    /// Something came that is not stored yet.
    is_storing: bool,
    is_sweeping: bool,
}

impl Server {
    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Open { count, .. } => {
                    assert!(!self.is_open, "one stream at a time");
                    (self.is_open, self.outstanding, self.coming, self.is_storing) = (true, count, 0, false);
                }
                Output::Ask(count) => {
                    assert!(self.is_open && count > 0);
                    self.coming += count;
                }
                Output::Close => self.is_open = false,
                Output::Sweep(_) => {
                    assert!(!self.is_sweeping, "one sweep at a time");
                    self.is_sweeping = true;
                }
                Output::RenewSession => {}
            }
            assert!(self.outstanding + self.coming <= MOST_OUTSTANDING);
        }
    }

    /// What was asked for is here.
    fn hear(&mut self) {
        self.outstanding += std::mem::take(&mut self.coming);
    }
}

proptest! {
    #[test]
    fn one_stream_one_sweep_a_hundred_events_and_never_a_loss(happenings in prop::collection::vec(happening(), 0..200)) {
        let (mut rig, mut server) = (Rig::new(First::Earliest, None), Server::default());
        let (mut received, mut stored) = (0_u8, None);
        let outputs = rig.outputs();
        server.take(outputs);
        for happening in happenings {
            match happening {
                Happening::Time(seconds) => {
                    server.hear();
                    let end = rig.now + s(seconds);
                    while rig.subscription.poll_timeout() <= end {
                        rig.now = rig.now.max(rig.subscription.poll_timeout());
                        rig.subscription.handle_timeout(rig.now);
                        prop_assert!(rig.subscription.poll_timeout() > rig.now, "it does not spin");
                        let outputs = rig.outputs();
                        for output in &outputs {
                            if let Output::Open { start, .. } = output {
                                let behind = stored.clone().map_or(Start::Earliest, Start::After);
                                prop_assert_eq!(start, &behind);
                            }
                        }
                        server.take(outputs);
                    }
                    rig.now = end;
                    server.hear();
                }
                Happening::Events(events, knows) if server.is_open => {
                    if knows {
                        server.hear();
                    }
                    let events = events.min(server.outstanding);
                    server.outstanding -= events;
                    received = received.wrapping_add(1);
                    server.is_storing = true;
                    rig.answer(events, server.outstanding);
                }
                Happening::Stored if server.is_open && server.is_storing => {
                    server.is_storing = false;
                    stored = Some(place(received));
                    rig.stored(place(received));
                    let outputs = rig.outputs();
                    server.take(outputs);
                    prop_assert!(server.outstanding + server.coming > FEW, "more is asked for");
                }
                Happening::Ended(end) if server.is_open => {
                    server.is_open = false;
                    rig.end(end);
                    if end == End::Corrupted {
                        stored = None;
                    }
                    let outputs = rig.outputs();
                    server.take(outputs);
                }
                Happening::Swept(is_done) if server.is_sweeping => {
                    server.is_sweeping = false;
                    rig.subscription.handle_swept(rig.now, is_done);
                }
                Happening::Events(..) | Happening::Stored | Happening::Ended(_) | Happening::Swept(_) => {}
            }
        }
    }
}
