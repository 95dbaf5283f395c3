//! How soon the agent is silent: once a caller begins to speak, and once a bot clears what it said.
//!
//! Ten callers hear a bot's tone. In turns the bot clears it, and the caller speaks over it. Both are timed at the
//! caller's packets: until the last sound in them has been played.

mod speaker;
mod tone;

use std::{
    net::UdpSocket,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use self::{speaker::Speakers, tone::ToneBot};
use crate::{
    Plan, Voices,
    peer::Peer,
    plant::{Agent, Plant},
    samples::{at, sorted},
    table::{Table, number, verdict},
};

/// Callers at once.
const CALLS: usize = 10;
/// The bars, in milliseconds.
const ONSET_BAR: f64 = 200.0;
const CLEAR_BAR: f64 = 20.0;
/// How long a turn may take at most.
const TURN: Duration = Duration::from_secs(16);

/// What a call is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The bot has not spoken yet.
    Waiting,
    /// The bot speaks, and will clear it.
    Clear,
    /// The bot speaks, and the caller will speak over it.
    Speech,
}

/// One call, as its bot and its caller share it. Moments are nanoseconds of the wall clock, 0 for none.
struct Scene {
    turn: Turn,
    /// Packets with sound in this turn.
    sounding: u32,
    /// When the bot cleared, or the caller's first sound was sent.
    cause: u64,
    /// When the last packet with sound came, and when its last sound had been played.
    last_came: u64,
    last_sound: u64,
    /// Whether the bot's tone went on after it had been silent.
    resumed: bool,
}

/// All calls, and what was measured of them in milliseconds.
struct Stage {
    scenes: Vec<Mutex<Scene>>,
    onsets: Mutex<Vec<Silence>>,
    clears: Mutex<Vec<Silence>>,
}

/// Milliseconds until the last packet with sound came, and until its last sound had been played.
#[derive(Clone, Copy)]
struct Silence {
    came: f64,
    played: f64,
    resumed: bool,
}

impl Stage {
    fn new() -> Self {
        let scene = || {
            Mutex::new(Scene {
                turn: Turn::Waiting,
                sounding: 0,
                cause: 0,
                last_came: 0,
                last_sound: 0,
                resumed: false,
            })
        };
        Self { scenes: (0..CALLS).map(|_| scene()).collect(), onsets: Mutex::default(), clears: Mutex::default() }
    }

    fn scene(&self, call: usize) -> Option<MutexGuard<'_, Scene>> {
        Some(lock(self.scenes.get(call)?))
    }

    /// Ends a call's turn, notes how long the silence took, and begins the next turn: the bot is about to speak.
    fn next(&self, call: usize) {
        let Some(mut scene) = self.scene(call) else { return };
        // A sound from before the cause was the last: the tone had been silent already.
        let took = |until: u64| until.saturating_sub(scene.cause) as f64 / 1e6;
        let took = Silence { came: took(scene.last_came), played: took(scene.last_sound), resumed: scene.resumed };
        let measured = match scene.turn {
            Turn::Clear => Some(&self.clears),
            Turn::Speech => Some(&self.onsets),
            Turn::Waiting => None,
        };
        if let Some(measured) = measured.filter(|_| scene.cause != 0 && scene.sounding > 0) {
            lock(measured).push(took);
        }
        let turn = if scene.turn == Turn::Clear { Turn::Speech } else { Turn::Clear };
        *scene = Scene { turn, sounding: 0, cause: 0, last_came: 0, last_sound: 0, resumed: false };
    }

    fn counts(&self) -> (usize, usize) {
        (lock(&self.onsets).len(), lock(&self.clears).len())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Times so many of each.
///
/// # Errors
/// Where the gateway does not start or take the calls, or the turns do not come about.
pub(crate) fn barge(plan: &Plan, voices: &Voices) -> Result<String> {
    let stage = Arc::new(Stage::new());
    let bot = ToneBot::start(Arc::clone(&stage))?;
    let mut plant = Plant::start(plan, Agent::Bot(bot.url.clone()))?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let lines = plant.open(CALLS, socket.local_addr()?)?;
    let speakers = Speakers::start(&socket, lines, &stage, voices.utterances()?)?;
    let deadline = Instant::now() + Duration::from_secs(60) + TURN * plan.onsets.div_ceil(CALLS) as u32;
    while stage.counts().0.min(stage.counts().1) < plan.onsets && Instant::now() < deadline {
        plant.attend(Instant::now() + Duration::from_millis(500))?;
    }
    drop(speakers);
    plant.close()?;
    plant.gateway.stop()?;
    let (onsets, clears) = (std::mem::take(&mut *lock(&stage.onsets)), std::mem::take(&mut *lock(&stage.clears)));
    ensure!(!onsets.is_empty() && !clears.is_empty(), "{} onsets and {} clears", onsets.len(), clears.len());
    Ok(told(&onsets, &clears))
}

fn told(onsets: &[Silence], clears: &[Silence]) -> String {
    let head = ["Until the agent is silent, ms", "p50", "p95", "Longest", "How many", "Bar, at p95"];
    let mut table = Table::new(head);
    let mut row = |name: &str, silences: &[Silence], of: fn(&Silence) -> f64, bar: f64| {
        let values = sorted(silences.iter().map(of));
        let [p50, p95, most] = [0.5, 0.95, 1.0].map(|share| at(&values, share));
        let count = values.len().to_string();
        table.row([name.to_owned(), number(p50), number(p95), number(most), count, verdict(p95, bar)]);
    };
    row("caller begins to speak → last packet with sound", onsets, |silence| silence.came, ONSET_BAR);
    row("caller begins to speak → it is played", onsets, |silence| silence.played, ONSET_BAR);
    row("bot sends `clear` → last packet with sound", clears, |silence| silence.came, CLEAR_BAR);
    row("bot sends `clear` → it is played", clears, |silence| silence.played, CLEAR_BAR);
    let text = "From the sending of the packet that begins with the caller's first sound, or from the bot's `clear`, to the last packet with\n\
        sound at the caller, and to the end of the sound in it: a packet that was on its way plays for 20 ms more. Speech is eight\n\
        utterances in four voices of espeak-ng; the bot's tone would last 20 s.\n\n";
    let resumed = onsets.iter().filter(|silence| silence.resumed).count();
    let note = format!(
        "After {resumed} of {} onsets the tone went on where it was: too short to be a caller's turn.\n",
        onsets.len()
    );
    format!("{text}{table}\n{note}")
}
