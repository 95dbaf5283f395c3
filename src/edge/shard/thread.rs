//! The loop of one media thread.

use std::collections::HashMap;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use call::Leg;
use call::media::LegCommand;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use rtp::PacketBuffer;

use super::alarm::Alarm;
use super::line::{LegId, Line, Opening, Wire};
use super::mailbox::{Action, MAILBOX, Mailbox, Message, State};
use super::meters::Meters;
use super::vault::VaultSocket;
use super::wheel::Wheel;

const WAKER: Token = Token(0);
const ALARM: Token = Token(1);
/// Tokens of one leg: RTP, RTCP, the vault.
const TOKENS: u64 = 4;
/// Messages taken before sockets and the tick have their turn again.
const MESSAGES_PER_TURN: usize = 512;
/// From so many legs on, what comes is taken every millisecond, all at once: that costs half a millisecond on average, and
/// a busy thread is no longer woken for each packet.
const BUSY: usize = 8;
/// The longest datagram there is: one that was cut could pass for a shorter packet.
const DATAGRAM: usize = 65_536;

/// One media thread's state.
pub(super) struct Shard {
    poll: Poll,
    alarm: Alarm,
    messages: Receiver<Message>,
    state: Arc<State>,
    ports: SyncSender<u16>,
    lines: HashMap<LegId, Box<Line>>,
    wheel: Wheel,
    meters: Meters,
    buffer: Box<[u8; DATAGRAM]>,
    packet: PacketBuffer,
    due: Vec<LegId>,
    /// Whether those who post need not ring.
    bell_held: bool,
}

impl Shard {
    /// A thread's state and the way to it.
    pub(super) fn new(number: usize, ports: SyncSender<u16>) -> io::Result<(Self, Mailbox)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        let (queue, messages) = sync_channel(MAILBOX);
        let (mailbox, state) = Mailbox::new(queue, waker);
        let shard = Self {
            poll,
            alarm,
            messages,
            state,
            ports,
            lines: HashMap::new(),
            wheel: Wheel::new(Instant::now()),
            meters: Meters::new(number),
            buffer: Box::new([0; DATAGRAM]),
            packet: PacketBuffer::new(),
            due: Vec::new(),
            bell_held: false,
        };
        Ok((shard, mailbox))
    }

    /// Runs until told to stop; then every leg is closed.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(1_024);
        // A pause is to end when its millisecond does; by default the kernel may add 50 µs to save power.
        if let Err(error) = rustix::thread::set_current_timer_slack(NonZeroU64::new(1)) {
            tracing::warn!(%error, "a media thread sleeps less exactly than it should");
        }
        while !self.state.is_stopping() {
            if let Err(error) = self.turn(&mut events) {
                tracing::error!(%error, "a media thread cannot poll and ends");
                break;
            }
        }
        let now = Instant::now();
        for (_, mut line) in self.lines.drain() {
            if !line.is_closed() {
                line.close(now, &self.ports, &self.meters);
            }
            line.finish();
        }
    }

    /// Sleeps until something happens, then does it.
    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        if self.lines.len() < BUSY {
            self.wait(events)?;
        } else {
            self.pause(events)?;
        }
        // Audio that came before a slot is in its packet.
        self.run_messages();
        self.run_slots();
        for event in &*events {
            match event.token() {
                WAKER | ALARM => {}
                Token(token) => self.readable(token as u64),
            }
        }
        self.run_slots();
        self.run_timers();
        self.meters.waiting(self.state.waiting());
        Ok(())
    }

    /// Waits for whatever comes first.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        if std::mem::take(&mut self.bell_held) {
            self.state.rearm();
            self.run_messages();
        }
        self.alarm.set(Instant::now(), self.wheel.next_due())?;
        poll(&mut self.poll, events, None)?;
        // Whoever posts from now on rings again; what was posted before is read in this turn.
        self.state.rearm();
        Ok(())
    }

    /// Waits for the next millisecond and looks at what has come until then. Nobody need ring meanwhile.
    #[expect(clippy::disallowed_methods, reason = "a millisecond, in which nothing is to be done")]
    fn pause(&mut self, events: &mut Events) -> io::Result<()> {
        self.state.hold_bell();
        self.bell_held = true;
        let now = Instant::now();
        std::thread::sleep(self.wheel.next_millisecond(now).saturating_duration_since(now));
        poll(&mut self.poll, events, Some(Duration::ZERO))
    }

    /// Sends the packets whose moment has come.
    fn run_slots(&mut self) {
        loop {
            let now = Instant::now();
            let Some(slot) = self.wheel.next_slot(now) else { return };
            let lag = now.saturating_duration_since(slot.due);
            self.state.ticks.add(lag);
            self.due.clear();
            self.due.extend_from_slice(self.wheel.legs(slot.number));
            for position in 0..self.due.len() {
                let id = self.due[position];
                let Some(line) = self.lines.get_mut(&id) else { continue };
                if line.is_abandoned() {
                    line.close(now, &self.ports, &self.meters);
                    self.wheel.leave(id);
                } else if line.tick(Instant::now(), slot.due, &mut self.packet, &self.meters) {
                    line.read(Wire::Rtp, &mut self.buffer[..], &self.meters);
                    line.read(Wire::Rtcp, &mut self.buffer[..], &self.meters);
                }
                self.settle(id);
            }
            self.meters.ticked(lag, slot.due.elapsed());
        }
    }

    fn readable(&mut self, token: u64) {
        let id = LegId(token / TOKENS);
        let Some(line) = self.lines.get_mut(&id) else { return };
        match token % TOKENS {
            0 => line.read(Wire::Rtp, &mut self.buffer[..], &self.meters),
            1 => line.read(Wire::Rtcp, &mut self.buffer[..], &self.meters),
            _ => line.read_vault(Instant::now(), &self.meters),
        }
        self.settle(id);
    }

    fn run_messages(&mut self) {
        for _ in 0..MESSAGES_PER_TURN {
            let Ok(message) = self.messages.try_recv() else { return };
            self.state.taken();
            match message {
                Message::Open(opening) => self.open(*opening),
                Message::Leg(id, action) => self.act(id, action),
            }
        }
        // More may wait: come back at once.
        self.state.ring();
    }

    fn open(&mut self, mut opening: Opening) {
        let id = opening.id;
        let leg = match self.register(id, &mut opening) {
            Ok(leg) => leg,
            Err(error) => {
                tracing::error!(%error, "a leg cannot be set up");
                // There is a place for every port; control sees the outputs end.
                let _ = self.ports.try_send(opening.sockets.local.port());
                opening.shared.closed.store(true, Ordering::Release);
                self.state.leg_gone();
                return;
            }
        };
        self.lines.insert(id, Box::new(Line::new(opening, leg)));
        self.wheel.join(id, Instant::now());
        self.meters.legs(self.lines.len());
        self.settle(id);
    }

    fn register(&self, id: LegId, opening: &mut Opening) -> io::Result<Leg> {
        let leg = Leg::new(opening.config.clone(), Instant::now()).map_err(io::Error::other)?;
        let registry = self.poll.registry();
        registry.register(&mut opening.sockets.rtp, token(id, 0), Interest::READABLE)?;
        registry.register(&mut opening.sockets.rtcp, token(id, 1), Interest::READABLE)?;
        Ok(leg)
    }

    fn act(&mut self, id: LegId, action: Action) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        line.shared.waiting.fetch_sub(1, Ordering::AcqRel);
        let now = Instant::now();
        match action {
            Action::Command(LegCommand::AttachVault { socket, .. }) => self.attach_vault(id, socket),
            Action::Command(command) => line.handle_command(now, command, &self.meters),
            Action::Attach(tap) => line.attach(now, tap, &self.meters),
            Action::Detach(sink) => line.detach(now, sink, &self.meters),
        }
        self.settle(id);
    }

    /// Gives a capture its socket. What the vault has already said rings as the socket is registered.
    fn attach_vault(&mut self, id: LegId, socket: OwnedFd) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        if !line.wants_vault() {
            return;
        }
        let vault = VaultSocket::new(socket);
        let registered =
            self.poll.registry().register(&mut SourceFd(&vault.descriptor()), token(id, 2), Interest::READABLE);
        match registered {
            Ok(()) => line.vault = Some(vault),
            Err(_) => line.lose_vault(Instant::now(), &self.meters),
        }
    }

    fn run_timers(&mut self) {
        let now = Instant::now();
        while let Some((millisecond, id)) = self.wheel.next_timer(now) {
            let Some(line) = self.lines.get_mut(&id) else { continue };
            if line.armed != Some(millisecond) {
                continue;
            }
            line.armed = None;
            if line.poll_timeout().is_some_and(|due| due <= now) {
                line.handle_timeout(now, &self.meters);
            }
            self.settle(id);
        }
    }

    /// Sets a leg's timer where it wants one earlier than is set; a later one is set when the earlier one rings.
    /// Takes a leg away that is over.
    fn settle(&mut self, id: LegId) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        if line.is_closed() && line.is_over(Instant::now()) {
            return self.remove(id);
        }
        let Some(due) = line.poll_timeout() else { return };
        let millisecond = self.wheel.millisecond_of(due);
        if line.armed.is_none_or(|armed| millisecond < armed) {
            line.armed = Some(self.wheel.arm(id, due));
        }
    }

    fn remove(&mut self, id: LegId) {
        if let Some(line) = self.lines.remove(&id) {
            line.finish();
            self.state.leg_gone();
            self.meters.legs(self.lines.len());
        }
    }
}

fn poll(poll: &mut Poll, events: &mut Events, within: Option<Duration>) -> io::Result<()> {
    match poll.poll(events, within) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn token(id: LegId, which: u64) -> Token {
    Token((id.0 * TOKENS + which) as usize)
}
