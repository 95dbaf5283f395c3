//! Measures a real `tonegate serve` under load, beside floors in C and other programs, and prints tables: `make bench`.
//!
//! This program is the callers (SIP and RTP over loopback) and the bot (a WebSocket server that says back what it hears).
//! Every packet carries a stamp, so that it is found again at the bot and at the caller. It judges by bars in its tables
//! alone: the exit status is 0 where the measurements could be made, whatever the figures are.

mod barge;
mod bot;
mod callers;
mod capacity;
mod captures;
mod cost;
mod counts;
mod detector;
mod hearing;
mod lookups;
mod machine;
mod memory;
mod peer;
mod plant;
mod process;
mod relay;
mod results;
mod samples;
mod scrape;
mod secure;
mod setup;
mod side;
mod signalling;
mod soak;
mod stamp;
mod table;
mod techniques;
mod voices;
mod window;
mod wire;

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use anyhow::{Result, bail, ensure};
use clap::{Parser, ValueEnum};

use bot::EchoBot;
use results::Place;
use stamp::Board;
use voices::Voices;

/// Where a run lies in its document.
const PLACE: Place =
    Place { begin: "<!-- the newest run, written by make bench -->\n", end: "<!-- the end of the newest run -->\n" };

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// RTP echo against the floor and rtpengine.
    Echo,
    /// RTP to WebSocket against the floor, plain and with SRTP, with latencies.
    Bridge,
    /// The largest number of calls.
    Capacity,
    /// System calls and instructions a packet.
    Counts,
    /// What techniques of system calls buy.
    Syscalls,
    /// How soon the agent is silent.
    Barge,
    /// Many captures at once, on a busy machine.
    Captures,
    /// Look-ups in an org that is late, stalls and has a slow minute.
    Lookups,
    /// Codecs and converters in instructions.
    Cost,
    /// Setting calls up.
    SetUp,
    /// Key detectors beside spandsp, and what leaves the gate.
    Detector,
    /// Memory of a call.
    Memory,
    /// Calls that come and go for half an hour.
    Soak,
}

impl Part {
    fn title(self) -> &'static str {
        match self {
            Self::Echo => "RTP echo",
            Self::Bridge => "RTP ↔ WebSocket bridge",
            Self::Capacity => "The largest number of calls",
            Self::Counts => "Counts",
            Self::Syscalls => "Techniques of system calls",
            Self::Barge => "Barge-in",
            Self::Captures => "Captures under load",
            Self::Lookups => "Look-ups in a slow org",
            Self::Cost => "Codecs and converters",
            Self::SetUp => "Setting up calls",
            Self::Detector => "Detectors and leaks",
            Self::Memory => "Memory",
            Self::Soak => "Soak",
        }
    }
}

/// Load and its measurement.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure, in this order; everything where nothing is named.
    parts: Vec<Part>,
    /// Streams of the echo.
    #[arg(long, default_value_t = 200)]
    streams: usize,
    /// Calls bridged to the bot at once.
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// Most calls that are tried.
    #[arg(long, default_value_t = 800)]
    most_calls: usize,
    /// Length of a round.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Rounds of each peer, of which the median is told.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Calls a second where calls are set up and ended at once.
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// How many times each the agent is interrupted and cleared.
    #[arg(long, default_value_t = 100)]
    onsets: usize,
    /// Trials of each point of the detectors' curves.
    #[arg(long, default_value_t = 2_000)]
    trials: usize,
    /// Length of the soak.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// Few calls and one short round of everything but the soak, to see that it works.
    #[arg(long)]
    quick: bool,
    /// Runs under SCHED_FIFO where the machine allows it, so that other programs are not measured.
    #[arg(long)]
    realtime: bool,
    /// The gateway's program, where it is not the one built beside this one.
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// Where the gateway's files go.
    #[arg(long, default_value = "target/bench")]
    directory: PathBuf,
    /// A document whose newest run is replaced by this one.
    #[arg(long)]
    results: Option<PathBuf>,
}

/// How it is measured.
pub(crate) struct Plan {
    streams: usize,
    calls: usize,
    most_calls: usize,
    seconds: u64,
    rounds: usize,
    rate: f64,
    onsets: usize,
    trials: usize,
    is_quick: bool,
    realtime: bool,
    gateway: PathBuf,
    directory: PathBuf,
    began: Instant,
}

impl Plan {
    fn of(arguments: &Arguments) -> Result<Self> {
        let bounds = [
            ("--streams", arguments.streams, stamp::MOST_CALLS / 4),
            ("--calls", arguments.calls, stamp::MOST_CALLS / 12),
            ("--most-calls", arguments.most_calls, stamp::MOST_CALLS / 4),
            ("--rounds", arguments.rounds, 100),
            ("--onsets", arguments.onsets, 10_000),
            ("--trials", arguments.trials, 1_000_000),
        ];
        for (name, value, most) in bounds {
            ensure!((1..=most).contains(&value), "{name} is between 1 and {most}");
        }
        ensure!((1..=3_600).contains(&arguments.seconds), "--seconds is between 1 and 3600");
        ensure!((0.1..=1_000.0).contains(&arguments.rate), "--rate is between 0.1 and 1000");
        let gateway = arguments
            .gateway
            .as_ref()
            .map_or_else(|| plant::sibling("tonegate"), |path| Ok(std::path::absolute(path)?))?;
        let realtime = arguments.realtime && plant::make_realtime();
        let quick = |value: usize, most: usize| if arguments.quick { value.min(most) } else { value };
        Ok(Self {
            streams: quick(arguments.streams, 20),
            calls: quick(arguments.calls, 10),
            most_calls: quick(arguments.most_calls, 50),
            seconds: quick(arguments.seconds as usize, 3) as u64,
            rounds: quick(arguments.rounds, 1),
            onsets: quick(arguments.onsets, 10),
            trials: quick(arguments.trials, 40),
            is_quick: arguments.quick,
            rate: arguments.rate,
            realtime,
            gateway,
            directory: arguments.directory.clone(),
            began: Instant::now(),
        })
    }

    /// A word for who watches the run.
    fn note(&self, text: &str) {
        // Where nobody reads it, nothing is lost.
        writeln!(io::stderr(), "[{:>4} s] {text}", self.began.elapsed().as_secs()).ok();
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let plan = Plan::of(&arguments)?;
    let load = machine::load_average();
    let everything = Part::value_variants().iter().copied().filter(|part| !arguments.quick || *part != Part::Soak);
    let parts = if arguments.parts.is_empty() { everything.collect() } else { arguments.parts.clone() };
    let bot = EchoBot::start(Arc::new(Board::new(stamp::MOST_CALLS / 4)))?;
    let voices = Voices::new(&plan.directory.with_extension("speech"));
    let (mut sections, mut failed) = (String::new(), Vec::new());
    for part in parts {
        plan.note(part.title());
        let section = match measured(part, &plan, &bot, &voices, arguments.minutes) {
            Ok(section) => section,
            Err(error) => {
                failed.push(part.title());
                format!("Not measured: {error:#}\n")
            }
        };
        let section = format!("### {}\n\n{section}\n", part.title());
        writeln!(io::stdout(), "{section}")?;
        sections += &section;
    }
    let command = std::env::args().skip(1).fold("bench".to_owned(), |command, argument| command + " " + &argument);
    let description = machine::description(&load, plan.realtime, &command);
    writeln!(io::stdout(), "{description}")?;
    if let Some(results) = &arguments.results {
        PLACE.replace(results, &format!("{description}\n{sections}"))?;
    }
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join(", "));
    }
    Ok(())
}

fn measured(part: Part, plan: &Plan, bot: &EchoBot, voices: &Voices, minutes: u64) -> Result<String> {
    match part {
        Part::Echo => side::echo(plan, bot),
        Part::Bridge => side::bridge(plan, bot, voices),
        Part::Capacity => capacity::capacity(plan, bot),
        Part::Counts => counts::counts(plan, bot, voices),
        Part::Syscalls => techniques::syscalls(plan, bot),
        Part::Barge => barge::barge(plan, voices),
        Part::Captures => captures::captures(plan),
        Part::Lookups => lookups::lookups(plan),
        Part::Cost => cost::cost(plan, voices),
        Part::SetUp => setup::set_up(plan, bot),
        Part::Detector => detector::detector(plan, voices),
        Part::Memory => memory::memory(plan, bot, voices),
        Part::Soak => soak::soak(plan, bot, minutes),
    }
}
