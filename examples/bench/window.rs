//! One window of calls at one peer: what it cost, what it took, and whether the generator was good enough to tell.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::{
    bot::EchoBot, callers::Callers, machine::Ticks, peer::Peer, process::Usage, samples::Percentiles, scrape::Metrics,
    wire,
};

/// How long the opening may take, until every caller hears what it said.
const OPENING_PATIENCE: Duration = Duration::from_secs(60);
/// A pause for what is left of one thing to end before the next.
pub(crate) const REST: Duration = Duration::from_secs(2);
/// How long what is under way at the end of a window may still take.
const GRACE: Duration = Duration::from_millis(500);
/// The generator's gate: a round with more than this is no measurement.
const MOST_LATENESS_MILLISECONDS: f64 = 1.0;
const MOST_STOLEN_PERCENT: f64 = 1.0;

/// What one window cost and took.
pub(crate) struct Round {
    /// CPU milliseconds of the tree, of the media threads and of the process's other threads, per call and second.
    pub(crate) cpu: f64,
    pub(crate) media_cpu: f64,
    pub(crate) control_cpu: f64,
    /// From the caller's packet to the bot's message.
    pub(crate) to_bot: Percentiles,
    /// From the bot's message to the caller's packet; then until its slot, and beyond that.
    pub(crate) to_caller: Percentiles,
    pub(crate) slot: [Percentiles; 2],
    pub(crate) round_trip: Percentiles,
    pub(crate) pacing: Percentiles,
    pub(crate) lateness: Percentiles,
    /// Bounds of the gateway's own p50, p99 and p99.9, in milliseconds, to the agent and to the caller.
    pub(crate) own: [[f64; 3]; 2],
    /// Slots that ran over their budget.
    pub(crate) overruns: f64,
    pub(crate) sent: usize,
    pub(crate) lost: usize,
    /// Whether callers spoke, over the bot: then what it said is thrown away.
    pub(crate) spoken: bool,
    /// Time that the host took away, in percent.
    pub(crate) stolen: f64,
    /// Calls that went during the window.
    pub(crate) ended: usize,
    /// Resident kilobytes of the process before its calls, and with them.
    pub(crate) resident: [u64; 2],
}

impl Round {
    /// Why this is no measurement; nothing where it is one.
    pub(crate) fn faults(&self) -> Vec<String> {
        let late = self.lateness.milliseconds[1];
        let mut faults = Vec::new();
        if late.is_nan() || late >= MOST_LATENESS_MILLISECONDS {
            faults.push(format!("the generator was {late:.2} ms late at p99"));
        }
        if self.stolen >= MOST_STOLEN_PERCENT {
            faults.push(format!("the host took {:.1} % of the time", self.stolen));
        }
        if self.lost > 0 && !self.spoken {
            faults.push(format!("{} of {} packets were lost", self.lost, self.sent));
        }
        if self.ended > 0 {
            faults.push(format!("{} calls ended by themselves", self.ended));
        }
        faults
    }
}

/// Calls that are up and hear themselves, while they are measured.
pub(crate) struct Live<'a> {
    peer: &'a mut dyn Peer,
    bot: &'a EchoBot,
    callers: Callers,
    calls: usize,
    idle: u64,
}

impl<'a> Live<'a> {
    /// Opens the calls and waits until each hears what it said.
    ///
    /// # Errors
    /// Where one does not.
    pub(crate) fn open(peer: &'a mut dyn Peer, calls: usize, bot: &'a EchoBot) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let idle = Usage::of(peer.process()).resident;
        let lines = peer.open(calls, socket.local_addr()?)?;
        let callers = Callers::start(&socket, lines, &bot.board, 0)?;
        let deadline = Instant::now() + OPENING_PATIENCE;
        while callers.bridged() < calls && Instant::now() < deadline {
            peer.attend(Instant::now() + Duration::from_millis(50))?;
        }
        let bridged = callers.bridged();
        let (name, streams) = (peer.name(), bot.streams());
        ensure!(
            bridged == calls,
            "only {bridged} of {calls} callers hear themselves at {name}; the bot has {streams} streams"
        );
        peer.attend(Instant::now() + REST)?;
        Ok(Self { peer, bot, callers, calls, idle })
    }

    /// Lets time go by.
    ///
    /// # Errors
    /// Where the signalling fails.
    pub(crate) fn attend(&mut self, span: Duration) -> Result<()> {
        self.peer.attend(Instant::now() + span)
    }

    /// The measured process.
    pub(crate) fn process(&self) -> u32 {
        self.peer.process()
    }

    /// Measures for so long.
    ///
    /// # Errors
    /// Where the signalling or the metrics fail.
    pub(crate) fn window(&mut self, seconds: u64) -> Result<Round> {
        let (process, hearing) = (self.peer.process(), &self.callers.hearing);
        let metrics = scrape(self.peer)?;
        let kept = self.peer.kept(self.calls);
        hearing.open();
        self.bot.heard.open();
        let (ticks, usage, began, from) = (Ticks::now(), Usage::of(process), Instant::now(), wire::now());
        self.peer.attend(began + Duration::from_secs(seconds))?;
        let (used, elapsed, until) = (Usage::of(process), began.elapsed().as_secs_f64(), wire::now());
        let stolen = Ticks::now().stolen_since(ticks);
        let to_bot = self.bot.heard.close();
        self.peer.attend(Instant::now() + GRACE)?;
        let heard = hearing.close(from, until);
        let later = scrape(self.peer)?;
        let per_call_second = |seconds: f64| seconds * 1e3 / elapsed / self.calls as f64;
        let own = |direction: &str| {
            let bound = |share| Some(later.as_ref()?.added_since(metrics.as_ref()?, direction, share));
            [0.5, 0.99, 0.999].map(|share| bound(share).unwrap_or(f64::NAN))
        };
        let overruns = |metrics: &Option<Metrics>| {
            metrics.as_ref().map_or(f64::NAN, |metrics| metrics.total("tonegate_tick_overruns_total", ""))
        };
        let media = used.thread_seconds_since(&usage, "media");
        Ok(Round {
            cpu: per_call_second(used.seconds_since(&usage)),
            media_cpu: per_call_second(media),
            control_cpu: per_call_second(used.thread_seconds_since(&usage, "") - media),
            to_bot,
            to_caller: heard.to_caller(),
            slot: heard.slots(),
            round_trip: heard.round_trip(),
            pacing: heard.pacing(),
            lateness: heard.lateness(),
            own: [own("to_agent"), own("to_caller")],
            overruns: overruns(&later) - overruns(&metrics),
            sent: heard.sent(),
            lost: heard.lost(),
            spoken: self.bot.board.speech().is_some(),
            stolen,
            ended: kept - self.peer.kept(self.calls).min(kept),
            resident: [self.idle, used.resident],
        })
    }

    /// Ends the calls.
    ///
    /// # Errors
    /// Where the signalling fails.
    pub(crate) fn close(self) -> Result<()> {
        drop(self.callers);
        self.peer.close()?;
        self.peer.attend(Instant::now() + REST)
    }
}

fn scrape(peer: &dyn Peer) -> Result<Option<Metrics>> {
    peer.metrics().map(Metrics::read).transpose()
}

/// Opens the calls, measures one window and ends them.
///
/// # Errors
/// Where the calls do not come up.
pub(crate) fn measure(peer: &mut dyn Peer, calls: usize, bot: &EchoBot, seconds: u64) -> Result<Round> {
    let mut live = Live::open(peer, calls, bot)?;
    let round = live.window(seconds);
    live.close()?;
    round
}

/// Measures until the generator's gate is passed, at most once and so many times again. The last round is given where
/// none passes.
///
/// # Errors
/// As [`measure`].
pub(crate) fn gated(peer: &mut dyn Peer, calls: usize, bot: &EchoBot, seconds: u64, again: usize) -> Result<Round> {
    let mut live = Live::open(peer, calls, bot)?;
    let mut round = live.window(seconds)?;
    for _ in 0..again {
        if round.faults().is_empty() {
            break;
        }
        round = live.window(seconds)?;
    }
    live.close()?;
    Ok(round)
}

/// The median of percentiles over rounds.
pub(crate) fn median_of(rounds: &[Round], value: impl Fn(&Round) -> Percentiles) -> Percentiles {
    let all: Vec<_> = rounds.iter().map(value).collect();
    Percentiles::median(&all)
}
