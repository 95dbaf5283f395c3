//! The table.

use std::{
    fs,
    io::{self, Write},
};

use anyhow::Result;

use crate::{
    Arguments,
    rounds::{BridgeRound, Bridged, SetUpRound},
    samples::{Percentiles, median},
};

/// Prints what the machine was and did, then every figure.
pub(crate) fn print(
    arguments: &Arguments,
    realtime: bool,
    load: &str,
    bridged: &Bridged,
    set_up: &[SetUpRound],
) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "date: {}", jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC"))?;
    writeln!(out, "machine: {}", machine())?;
    writeln!(out, "load average before: {load}; after: {}", load_average())?;
    let scheduling = if realtime { "SCHED_FIFO (generator 20, gateway 10)" } else { "ordinary" };
    writeln!(out, "scheduling: {scheduling}")?;
    writeln!(out, "medians of {} rounds of {} s, {} calls\n", arguments.rounds, arguments.seconds, arguments.calls)?;
    writeln!(out, "| Figure | Median | Each round |\n| --- | --- | --- |")?;
    for (name, values) in figures(bridged, set_up) {
        let each: Vec<_> = values.iter().map(|value| number(*value)).collect();
        writeln!(out, "| {name} | {} | {} |", number(median(values.iter().copied())), each.join(", "))?;
    }
    writeln!(out, "\n| Latency, ms | p50 | p99 | p99.9 | Packets |\n| --- | --- | --- | --- | --- |")?;
    for (name, percentiles) in latencies(&bridged.rounds) {
        let [p50, p99, p999] = percentiles.milliseconds.map(number);
        writeln!(out, "| {name} | {p50} | {p99} | {p999} | {} |", percentiles.count)?;
    }
    for (place, name) in ["to_agent", "to_caller"].into_iter().enumerate() {
        let of = |share: usize| number(median(bridged.rounds.iter().map(|round| round.own[place][share])));
        let name = format!("the gateway's own `{name}` (bucket's end)");
        writeln!(out, "| {name} | {} | {} | {} | |", of(0), of(1), of(2))?;
    }
    Ok(())
}

/// The load of the machine over 1, 5 and 15 minutes.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn figures(bridged: &Bridged, set_up: &[SetUpRound]) -> Vec<(String, Vec<f64>)> {
    let rounds = &bridged.rounds;
    let of = |value: fn(&BridgeRound) -> f64| rounds.iter().map(value).collect::<Vec<_>>();
    let [before, after] = bridged.resident;
    let calls = bridged.kept.max(1) as f64;
    let of_set_up = |value: fn(&SetUpRound) -> f64| set_up.iter().map(value).collect::<Vec<_>>();
    let figure = |name: &str, values| (name.to_owned(), values);
    vec![
        figure("CPU per bridged call-second, ms", of(|round| round.cpu)),
        figure("… of it media threads, ms", of(|round| round.media_cpu)),
        figure("… of it the gateway's other threads, ms", of(|round| round.control_cpu)),
        figure("Packets not heard again, %", of(|round| round.missing)),
        figure("Slots over their budget", of(|round| round.overruns)),
        figure("Calls still up at the end", vec![bridged.kept as f64]),
        figure("Memory per call, kB", vec![(after as f64 - before as f64) / calls]),
        figure("Memory without calls, kB", vec![before as f64]),
        figure("SIP calls per CPU-second", of_set_up(|round| 1e3 / round.cpu)),
        figure("CPU per SIP call, ms", of_set_up(|round| round.cpu)),
        figure(
            "SIP calls completed, %",
            of_set_up(|round| round.completed as f64 * 100.0 / round.placed.max(1) as f64),
        ),
        figure("SIP requests sent again", of_set_up(|round| round.retransmissions as f64)),
    ]
}

fn latencies(rounds: &[BridgeRound]) -> Vec<(&'static str, Percentiles)> {
    let of =
        |value: fn(&BridgeRound) -> Percentiles| Percentiles::median(&rounds.iter().map(value).collect::<Vec<_>>());
    vec![
        ("caller's packet → bot's message", of(|round| round.to_bot)),
        ("bot's message → caller's packet", of(|round| round.to_caller)),
        ("caller's packet → bot → caller's packet", of(|round| round.round_trip)),
        ("distance from 20 ms between packets to the caller", of(|round| round.pacing)),
        ("lateness of the generator itself", of(|round| round.lateness)),
    ]
}

fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "none".to_owned(),
        value if value.is_infinite() => "beyond".to_owned(),
        value if value.abs() >= 100.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}

fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("CPU", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores of {model}, Linux {}", kernel.trim())
}
