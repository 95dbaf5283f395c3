//! Side by side: floors, the gateway and others in turns, so that what the machine does meanwhile happens to each.

use std::sync::Arc;

use anyhow::Result;

use crate::{
    Plan, Voices,
    bot::EchoBot,
    peer::{Floor, Peer},
    plant::{Agent, Plant},
    relay::Relay,
    samples::{Percentiles, median},
    table::{Table, number, numbers, percentiles, verdict},
    window::{Round, gated, median_of},
};

/// How often a round that fails the generator's gate is done again.
const AGAIN: usize = 3;
/// The bars of the two ratios.
const ECHO_BAR: f64 = 1.25;
const BRIDGE_BAR: f64 = 1.2;
/// The bars of what is added one way, at p50 and p99, and of the distance from 20 ms between packets; milliseconds.
const ADDED_BARS: [f64; 2] = [1.0, 5.0];
const PACING_BARS: [f64; 2] = [f64::INFINITY, 0.5];
/// The gate's declared look-ahead, in milliseconds.
const LOOK_AHEAD: f64 = 20.0;

/// One peer and its rounds.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) rounds: Vec<Round>,
}

/// The RTP echo against the floor, and against rtpengine where it is installed.
///
/// # Errors
/// Where a peer does not start or take the calls.
pub(crate) fn echo(plan: &Plan, bot: &EchoBot) -> Result<String> {
    let mut floor = Floor::echo(plan.realtime);
    let mut gateway = Plant::start(plan, Agent::Echo)?;
    let mut relay = Relay::start(plan.realtime)?;
    let mut peers: Vec<&mut dyn Peer> = vec![&mut floor, &mut gateway];
    if let Some(relay) = &mut relay {
        peers.push(relay);
    }
    let series = rounds(plan, peers, plan.streams, bot)?;
    gateway.gateway.stop()?;
    let mut text = heading(plan, &format!("{} streams: a caller's RTP back to the caller", plan.streams));
    text += &ratios(&series, &[(1, Some(ECHO_BAR)), (2, None)]);
    if series.len() < 3 {
        text += "\nrtpengine is not installed: `apt-get install rtpengine-daemon` adds it.\n";
    }
    text += "\nThe gateway decodes, looks for tones and voice, holds 20 ms in the gate, buffers, encodes and paces; the floor and the relay pass\n";
    text += "datagrams on. Latency is the kernel's receive timestamp less the sending, in ms.\n\n";
    let mut table =
        Table::new(["Latency p50 / p99 / p99.9, ms", "There and back", "Distance from 20 ms between packets"]);
    for one in &series {
        let of = |value: fn(&Round) -> _| percentiles(&median_of(&one.rounds, value));
        table.row([one.name.clone(), of(|round| round.round_trip), of(|round| round.pacing)]);
    }
    Ok(text + &table.to_string())
}

/// The bridge to a bot's WebSocket against the floor, plain and with SRTP on the caller's side.
///
/// # Errors
/// Where a peer does not start or take the calls.
pub(crate) fn bridge(plan: &Plan, bot: &EchoBot, voices: &Voices) -> Result<String> {
    let speech = voices.spoken()?;
    let mut floor = Floor::bridge(bot.port, false, plan.realtime);
    let mut binary = Floor::bridge(bot.port, true, plan.realtime);
    let mut gateway = Plant::start(plan, Agent::Bot(bot.url()))?;
    let mut series: Vec<Series> = Vec::new();
    for turn in 0..5 * plan.rounds {
        gateway.secure(turn % 5 == 2);
        bot.board.speak((turn % 5 == 4).then(|| Arc::clone(&speech)));
        let peer: &mut dyn Peer = match turn % 5 {
            0 => &mut floor,
            3 => &mut binary,
            _ => &mut gateway,
        };
        if turn < 5 {
            let speaking = if turn == 4 { ", callers who speak for 40 % of the time" } else { "" };
            series.push(Series { name: peer.name() + speaking, rounds: Vec::new() });
        }
        series[turn % 5].rounds.push(noted(peer, plan.calls, plan, bot)?);
    }
    bot.board.speak(None);
    gateway.gateway.stop()?;
    let what = format!("{} calls: a caller's RTP to a bot's WebSocket, and the bot's back", plan.calls);
    let mut text = heading(plan, &what);
    text += &ratios(&series, &[(1, Some(BRIDGE_BAR)), (2, Some(BRIDGE_BAR)), (3, None), (4, None)]);
    text +=
        "\nThe floor passes on at once and has SRTP in neither comparison; benches/README.md says what it does.\n\n";
    text += &parts([&series[1], &series[2], &series[4]]);
    text += &latencies(&series[..4]);
    Ok(text)
}

/// Each peer in turn, as many times as there are rounds.
///
/// # Errors
/// Where a peer does not start or take the calls.
pub(crate) fn rounds(plan: &Plan, mut peers: Vec<&mut dyn Peer>, calls: usize, bot: &EchoBot) -> Result<Vec<Series>> {
    let mut series: Vec<_> = peers.iter().map(|peer| Series { name: peer.name(), rounds: Vec::new() }).collect();
    for _ in 0..plan.rounds {
        for (peer, series) in peers.iter_mut().zip(&mut series) {
            series.rounds.push(noted(*peer, calls, plan, bot)?);
        }
    }
    Ok(series)
}

/// One round of one peer; a word of it goes to who watches the run.
fn noted(peer: &mut dyn Peer, calls: usize, plan: &Plan, bot: &EchoBot) -> Result<Round> {
    let round = gated(peer, calls, bot, plan.seconds, AGAIN)?;
    let faults = round.faults().join("; ");
    plan.note(&format!("{}: {} ms {faults}", peer.name(), number(round.cpu)));
    Ok(round)
}

fn heading(plan: &Plan, what: &str) -> String {
    format!("{what}. {} rounds of {} s in turns; a second is 50 packets in and 50 out.\n\n", plan.rounds, plan.seconds)
}

/// CPU and, against the first peer, the median of the rounds' ratios. Rounds that failed the gate are in no figure.
fn ratios(series: &[Series], against: &[(usize, Option<f64>)]) -> String {
    let mut table = Table::new([
        "CPU per call-second, ms",
        "Median",
        "Each round",
        "Ratio to the floor",
        "Bar",
        "Rounds that count",
    ]);
    for (place, one) in series.iter().enumerate() {
        let good: Vec<_> = one.rounds.iter().filter(|round| round.faults().is_empty()).collect();
        let pairs = one.rounds.iter().zip(&series[0].rounds);
        let pairs = pairs.filter(|(ours, floor)| ours.faults().is_empty() && floor.faults().is_empty());
        let ratio = median(pairs.map(|(ours, floor)| ours.cpu / floor.cpu));
        let bar = against.iter().find(|(known, _)| *known == place).and_then(|(_, bar)| *bar);
        table.row([
            one.name.clone(),
            number(median(good.iter().map(|round| round.cpu))),
            one.rounds.iter().map(mark).collect::<Vec<_>>().join(", "),
            if place == 0 { String::new() } else { number(ratio) },
            bar.map_or_else(String::new, |bar| verdict(ratio, bar)),
            format!("{} of {}", good.len(), one.rounds.len()),
        ]);
    }
    let mut text = table.to_string();
    for one in series {
        let faults: Vec<_> =
            one.rounds.iter().map(|round| round.faults().join(", ")).filter(|faults| !faults.is_empty()).collect();
        if !faults.is_empty() {
            text += &format!("\n(…) of {}, done again {AGAIN} times: {}.\n", one.name, faults.join("; "));
        }
    }
    text
}

/// A round's CPU, in brackets where it does not count.
fn mark(round: &Round) -> String {
    if round.faults().is_empty() { number(round.cpu) } else { format!("({})", number(round.cpu)) }
}

/// Which threads used it.
fn parts(series: [&Series; 3]) -> String {
    let mut table = Table::new(["Of it, ms", "Media threads", "Other threads", "Slots over their budget"]);
    for one in series {
        let of = |value: fn(&Round) -> f64| median(one.rounds.iter().map(value));
        let overruns = numbers(one.rounds.iter().map(|round| round.overruns));
        table.row([
            one.name.clone(),
            number(of(|round| round.media_cpu)),
            number(of(|round| round.control_cpu)),
            overruns,
        ]);
    }
    format!("{table}\n")
}

/// One way, what is declared taken off, and the waiting for the slot apart.
fn latencies(series: &[Series]) -> String {
    let mut table = Table::new(["Latency p50 / p99 / p99.9, ms", "Measured", "Added", "Bar: p50; p99"]);
    for one in series {
        one_way(&mut table, one);
    }
    for (place, name) in ["to_agent", "to_caller"].into_iter().enumerate() {
        let own = |share: usize| median(series[1].rounds.iter().map(|round| round.own[place][share]));
        let name = format!("the gateway's own `{name}` (end of the bucket)");
        table.row([name, [own(0), own(1), own(2)].map(number).join(" / "), String::new(), String::new()]);
    }
    let text = "Added: beyond the frame itself. Towards the bot the gate's declared 20 ms of look-ahead is taken off, towards the caller\n\
        the wait for the pacing slot, which is told apart. Towards the caller the kernel's receive timestamps are used, towards the\n\
        bot this program's own clock, so that its wake-up is in the figure.\n\n";
    format!("{text}{table}")
}

fn one_way(table: &mut Table, one: &Series) {
    let is_ours = one.name.starts_with("Tonegate");
    let of = |value: &dyn Fn(&Round) -> Percentiles| median_of(&one.rounds, value);
    let mut row = |what: &str, measured: &Percentiles, added: Option<Percentiles>, bars: Option<[f64; 2]>| {
        let judged = added.as_ref().unwrap_or(measured).milliseconds;
        let bar = bars.filter(|_| is_ours).map(|bars| judge(judged, bars));
        let added = added.as_ref().map(percentiles).unwrap_or_default();
        table.row([format!("{}: {what}", one.name), percentiles(measured), added, bar.unwrap_or_default()]);
    };
    let to_bot = of(&|round| round.to_bot);
    let declared = if is_ours { LOOK_AHEAD } else { 0.0 };
    let added = Percentiles { milliseconds: to_bot.milliseconds.map(|value| value - declared), ..to_bot };
    row("caller's packet → bot's message", &to_bot, Some(added), Some(ADDED_BARS));
    let to_caller = of(&|round| round.to_caller);
    let beyond = if is_ours { of(&|round| round.slot[1]) } else { to_caller };
    row("bot's message → caller's packet", &to_caller, Some(beyond), Some(ADDED_BARS));
    if is_ours {
        row("… of it waiting for the call's next slot", &of(&|round| round.slot[0]), None, None);
    }
    row("distance from 20 ms between packets", &of(&|round| round.pacing), None, Some(PACING_BARS));
    row("lateness of the generator itself", &of(&|round| round.lateness), None, None);
}

/// p50 and p99 against their bars, where they have one.
fn judge(milliseconds: [f64; 3], bars: [f64; 2]) -> String {
    let bars = milliseconds.into_iter().zip(bars).filter(|(_, bar)| bar.is_finite());
    bars.map(|(value, bar)| verdict(value, bar)).collect::<Vec<_>>().join("; ")
}
