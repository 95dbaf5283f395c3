//! What a technique of system calls buys: the same echo of UDP streams in C, in several ways, in turns.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::{
    Plan,
    bot::EchoBot,
    counts::calls_per_packet,
    peer::{FLOORS, Floor, Peer},
    samples::median,
    side::{Series, rounds},
    table::{Table, number},
    window::median_of,
};

/// The ways, as `benches/floor/calls.c` names them, and in words. The first is the floor.
const WAYS: [(&str, &str); 6] = [
    ("sockets", "a socket a stream, epoll, a call for each datagram: the floor"),
    ("sockets-batched", "… once a millisecond"),
    ("shared", "one shared socket, recvmmsg and sendmmsg"),
    ("shared-batched", "… once a millisecond"),
    ("ring", "a socket a stream, io_uring with multishot receives"),
    ("ring-batched", "… once a millisecond"),
];
/// With it the floor says that the kernel has or allows no io_uring.
const FORBIDDEN: i32 = 3;

/// Each way in turn, and its system calls in a round of its own.
///
/// # Errors
/// Where a floor does not run.
pub(crate) fn syscalls(plan: &Plan, bot: &EchoBot) -> Result<String> {
    let has_ring = has_ring()?;
    let ways = || WAYS.into_iter().filter(|(way, _)| has_ring || !way.starts_with("ring"));
    let mut floors: Vec<_> = ways().map(|(way, words)| Floor::calls(way, words, plan.realtime)).collect();
    let peers = floors.iter_mut().map(|floor| floor as &mut dyn Peer).collect();
    let series = rounds(plan, peers, plan.streams, bot)?;
    let counts = floors.iter_mut().map(|floor| calls_per_packet(floor, plan.streams, bot));
    let counts = counts.collect::<Result<Vec<_>>>()?;
    let mut text = format!(
        "{} streams: every datagram goes back as it came. {} rounds of {} s in turns; latency is the kernel's receive timestamp\n\
         less the sending. System calls for a packet in and its packet out, counted in rounds of their own.\n\n{}",
        plan.streams,
        plan.rounds,
        plan.seconds,
        table(&series, &counts)
    );
    if !has_ring {
        text +=
            "\nio_uring is not measured: this kernel has none, or forbids it (`sysctl kernel.io_uring_disabled`).\n";
    }
    Ok(text)
}

fn table(series: &[Series], counts: &[f64]) -> Table {
    let mut table = Table::new([
        "How",
        "CPU per stream-second, ms",
        "Ratio to the floor",
        "System calls a packet",
        "There and back p50 / p99, ms",
    ]);
    for (place, (one, calls)) in series.iter().zip(counts).enumerate() {
        let pairs = one.rounds.iter().zip(&series[0].rounds);
        let pairs = pairs.filter(|(one, floor)| one.faults().is_empty() && floor.faults().is_empty());
        let ratio = median(pairs.map(|(one, floor)| one.cpu / floor.cpu));
        let good = one.rounds.iter().filter(|round| round.faults().is_empty());
        let [half, most, _] = median_of(&one.rounds, |round| round.round_trip).milliseconds;
        table.row([
            one.name.clone(),
            number(median(good.map(|round| round.cpu))),
            if place == 0 { String::new() } else { number(ratio) },
            number(*calls),
            format!("{} / {}", number(half), number(most)),
        ]);
    }
    table
}

/// Whether io_uring can be used here, by trying it.
fn has_ring() -> Result<bool> {
    let program = Path::new(FLOORS).join("calls");
    let mut command = Command::new(&program);
    command.args(["1", "ring"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().with_context(|| format!("{}; `make bench` builds it", program.display()))?;
    Ok(status.code() != Some(FORBIDDEN))
}
