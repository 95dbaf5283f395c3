//! The measurements themselves, each repeated and told as the median of its rounds.

use std::{
    net::UdpSocket,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use testkit::gateway::Gateway;

use crate::{
    Arguments,
    bot::EchoBot,
    media::Callers,
    process::Usage,
    samples::{Percentiles, Samples},
    scrape::Metrics,
    signalling::{Phase, Signaller},
    stamp::Board,
};

/// Calls placed a second to fill the gateway.
const FILL_RATE: f64 = 20.0;
/// How long calls may take to be answered or ended.
const SIGNALLING_PATIENCE: Duration = Duration::from_secs(20);
/// How long the opening may take, until every caller hears the bot.
const OPENING_PATIENCE: Duration = Duration::from_secs(60);
/// A pause for what is left of one measurement to end before the next.
const REST: Duration = Duration::from_secs(3);

/// What one window of bridged calls cost and took.
pub(crate) struct BridgeRound {
    /// CPU milliseconds of the tree, of the media threads and of the gateway's other threads, per call and second.
    pub(crate) cpu: f64,
    pub(crate) media_cpu: f64,
    pub(crate) control_cpu: f64,
    pub(crate) to_bot: Percentiles,
    pub(crate) to_caller: Percentiles,
    pub(crate) round_trip: Percentiles,
    pub(crate) pacing: Percentiles,
    pub(crate) lateness: Percentiles,
    /// Bounds of the gateway's own p50, p99 and p99.9, in milliseconds, to the agent and to the caller.
    pub(crate) own: [[f64; 3]; 2],
    /// Packets sent and not heard again, in percent.
    pub(crate) missing: f64,
    /// Slots that ran over their budget.
    pub(crate) overruns: f64,
}

/// All of the bridged calls.
pub(crate) struct Bridged {
    pub(crate) rounds: Vec<BridgeRound>,
    /// Resident kilobytes without calls and with them.
    pub(crate) resident: [u64; 2],
    pub(crate) kept: usize,
}

/// Holds the calls, and measures windows of them.
pub(crate) fn bridge(arguments: &Arguments, gateway: &Gateway, bot: &EchoBot, board: &Arc<Board>) -> Result<Bridged> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut signaller = Signaller::new(gateway.addresses().sip_udp, socket.local_addr()?)?;
    let before = Usage::of(gateway.id()).resident;
    signaller.place(arguments.calls, FILL_RATE, SIGNALLING_PATIENCE)?;
    let targets = signaller.targets();
    ensure!(targets.len() == arguments.calls, "only {} of {} calls were answered", targets.len(), arguments.calls);
    let callers = Callers::start(&socket, targets, board)?;
    let deadline = Instant::now() + OPENING_PATIENCE;
    while callers.bridged() < arguments.calls && Instant::now() < deadline {
        signaller.attend(Instant::now() + Duration::from_millis(100))?;
    }
    let bridged = callers.bridged();
    ensure!(
        bridged == arguments.calls,
        "only {bridged} of {} callers hear the bot, which holds {} streams",
        arguments.calls,
        bot.streams()
    );
    signaller.attend(Instant::now() + REST)?;
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds {
        rounds.push(window(arguments, gateway, bot, &callers, &mut signaller)?);
    }
    let after = Usage::of(gateway.id()).resident;
    let kept = signaller.count(Phase::Up);
    signaller.hang_up(SIGNALLING_PATIENCE)?;
    Ok(Bridged { rounds, resident: [before, after], kept })
}

fn window(
    arguments: &Arguments,
    gateway: &Gateway,
    bot: &EchoBot,
    callers: &Callers,
    signaller: &mut Signaller,
) -> Result<BridgeRound> {
    let hearing = &callers.hearing;
    let scrape = || Metrics::read(gateway.addresses().operations);
    let metrics = scrape()?;
    let counts = || [&hearing.sent, &hearing.received].map(|count| count.load(Ordering::Relaxed));
    let all = [&*bot.heard, &hearing.said, &hearing.round_trip, &hearing.pacing, &hearing.lateness];
    let (usage, packets, began) = (Usage::of(gateway.id()), counts(), Instant::now());
    all.into_iter().for_each(Samples::open);
    signaller.attend(began + Duration::from_secs(arguments.seconds))?;
    let [to_bot, to_caller, round_trip, pacing, lateness] = all.map(Samples::close);
    let (used, passed, elapsed) = (Usage::of(gateway.id()), counts(), began.elapsed().as_secs_f64());
    let later = scrape()?;
    let per_call_second = |seconds: f64| seconds * 1e3 / elapsed / arguments.calls as f64;
    let own = |direction: &str| [0.5, 0.99, 0.999].map(|share| later.added_since(&metrics, direction, share));
    let [sent, received] = [0, 1].map(|place| (passed[place] - packets[place]) as f64);
    let overruns = |metrics: &Metrics| metrics.total("tonegate_tick_overruns_total", "");
    Ok(BridgeRound {
        cpu: per_call_second(used.seconds_since(&usage)),
        media_cpu: per_call_second(used.thread_seconds_since(&usage, "media")),
        control_cpu: per_call_second(
            used.thread_seconds_since(&usage, "") - used.thread_seconds_since(&usage, "media"),
        ),
        to_bot,
        to_caller,
        round_trip,
        pacing,
        lateness,
        own: [own("to_agent"), own("to_caller")],
        missing: (sent - received).max(0.0) / sent.max(1.0) * 100.0,
        overruns: overruns(&later) - overruns(&metrics),
    })
}

/// What setting up calls and ending them at once cost.
pub(crate) struct SetUpRound {
    /// CPU milliseconds of the tree per call, the idle gateway's share taken off.
    pub(crate) cpu: f64,
    pub(crate) completed: usize,
    pub(crate) placed: usize,
    pub(crate) retransmissions: u64,
}

/// INVITE, 200, ACK, BYE and 200 at a fixed rate.
pub(crate) fn set_up(arguments: &Arguments, gateway: &Gateway) -> Result<SetUpRound> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut signaller = Signaller::new(gateway.addresses().sip_udp, socket.local_addr()?)?;
    signaller.hangs_up = true;
    let idle = idle(gateway, &mut signaller)?;
    let placed = (arguments.rate * arguments.seconds as f64) as usize;
    let (usage, began) = (Usage::of(gateway.id()), Instant::now());
    signaller.place(placed, arguments.rate, SIGNALLING_PATIENCE)?;
    // What ends after the last answer, the records among it, belongs to the calls.
    signaller.attend(Instant::now() + REST)?;
    let spent = Usage::of(gateway.id()).seconds_since(&usage) - idle * began.elapsed().as_secs_f64();
    let completed = signaller.count(Phase::Over);
    Ok(SetUpRound {
        cpu: spent * 1e3 / completed.max(1) as f64,
        completed,
        placed,
        retransmissions: signaller.retransmissions,
    })
}

/// CPU seconds a second of a gateway without calls.
pub(crate) fn idle(gateway: &Gateway, signaller: &mut Signaller) -> Result<f64> {
    signaller.attend(Instant::now() + REST)?;
    let (usage, began) = (Usage::of(gateway.id()), Instant::now());
    signaller.attend(began + REST)?;
    Ok(Usage::of(gateway.id()).seconds_since(&usage) / began.elapsed().as_secs_f64())
}
