//! System calls a packet, by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};

use super::{Kind, PACKETS};
use crate::{
    Plan,
    bot::EchoBot,
    peer::Peer,
    table::{Table, number},
    window::Live,
};

/// How long they are counted.
const SECONDS: u64 = 5;
/// Fewer a packet than this are no line of their own.
const FEWEST: f64 = 0.005;

/// Some threads' system calls by name, per packet in.
struct Column {
    name: String,
    calls: BTreeMap<String, f64>,
}

/// A table of every kind, each in a round of its own.
pub(super) fn count(plan: &Plan, bot: &EchoBot) -> Result<String> {
    let (mut columns, mut way) = (Vec::new(), "");
    for kind in Kind::ALL {
        let mut peer = kind.start(plan, bot, "")?;
        let name = peer.name();
        let mut live = Live::open(&mut *peer, kind.calls(plan), bot)?;
        let ((media, others), by) = traced(&mut live)?;
        live.close()?;
        way = by;
        plan.note(&format!("{name}: counted by {way}"));
        let packets = SECONDS as f64 * PACKETS * kind.calls(plan) as f64;
        let mut column = |name: String, counts: BTreeMap<String, u64>| {
            let calls = counts.into_iter().map(|(name, count)| (name, count as f64 / packets)).collect();
            columns.push(Column { name, calls });
        };
        if kind.is_floor() {
            column(name, others);
        } else {
            column(format!("{name}: media threads"), media);
            column(format!("{name}: others"), others);
        }
    }
    let head = "System calls a packet in, with its packet out";
    Ok(format!("{head}; {} streams and {} calls, by `{way}`.\n\n{}", plan.streams, plan.calls, table(&columns)))
}

/// All system calls of a peer, per packet in with its packet out.
///
/// # Errors
/// Where it cannot be counted.
pub(crate) fn calls_per_packet(peer: &mut dyn Peer, calls: usize, bot: &EchoBot) -> Result<f64> {
    let mut live = Live::open(peer, calls, bot)?;
    let ((media, others), _) = traced(&mut live)?;
    live.close()?;
    let all: u64 = media.values().chain(others.values()).sum();
    Ok(all as f64 / (SECONDS as f64 * PACKETS * calls as f64))
}

fn table(columns: &[Column]) -> Table {
    let mut table = Table::of(std::iter::once("System call").chain(columns.iter().map(|column| column.name.as_str())));
    let often = columns.iter().flat_map(|column| &column.calls).filter(|(_, each)| **each >= FEWEST);
    for name in often.map(|(name, _)| name).collect::<BTreeSet<_>>() {
        let each = columns.iter().map(|column| column.calls.get(name).map_or_else(String::new, |each| number(*each)));
        table.row(std::iter::once(format!("`{name}`")).chain(each));
    }
    let sums = columns.iter().map(|column| format!("**{}**", number(column.calls.values().sum())));
    table.row(std::iter::once("all".to_owned()).chain(sums));
    table
}

/// Counts of the media threads and of the others, and by which program.
type Traced = ((BTreeMap<String, u64>, BTreeMap<String, u64>), &'static str);

/// `perf trace` where the machine allows it, `strace` where not; the latter cannot tell the threads apart.
fn traced(live: &mut Live<'_>) -> Result<Traced> {
    let process = live.process().to_string();
    let seconds = SECONDS.to_string();
    let perf = run(live, "perf", &["trace", "-s", "-p", &process, "--", "sleep", &seconds]);
    if let Some(counts) = perf.ok().as_deref().map(read_perf).filter(|(media, others)| media.len() + others.len() > 0) {
        return Ok((counts, "perf trace -s"));
    }
    let text = run(live, "timeout", &["--signal=INT", &seconds, "strace", "-c", "-f", "-p", &process])?;
    Ok(((BTreeMap::new(), read_strace(&text)), "strace -c -f"))
}

/// Runs a program while the calls go on, and returns what it wrote.
fn run(live: &mut Live<'_>, program: &str, arguments: &[&str]) -> Result<String> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.with_context(|| program.to_owned())?;
    live.attend(Duration::from_secs(SECONDS + 1))?;
    let output = child.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// The summaries by thread: a line ` name (number), 12 events, 1.0%`, then a table of system calls.
fn read_perf(text: &str) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let (mut media, mut others) = (BTreeMap::new(), BTreeMap::new());
    let mut is_media = false;
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if line.contains(" events, ") {
            is_media = words.first().is_some_and(|name| name.starts_with("media"));
        } else if let [name, calls, errors, ..] = words.as_slice()
            && let (Ok(calls), Ok(_)) = (calls.parse::<u64>(), errors.parse::<u64>())
        {
            *if is_media { &mut media } else { &mut others }.entry((*name).to_owned()).or_default() += calls;
        }
    }
    (media, others)
}

/// Lines of `% time, seconds, usecs/call, calls, errors (or nothing), name`.
fn read_strace(text: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let name = words.last().filter(|name| **name != "total" && name.starts_with(char::is_alphabetic))?;
        words.first()?.parse::<f64>().ok()?;
        Some(((*name).to_owned(), words.get(3)?.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_perf_is_read_by_threads() {
        let text = " media-0 (12), 78 events, 100.0%\n\n   syscall  calls  errors  total\n   ------- ------\n   sendto  1920  0  63.087\n\n tokio (13), 2 events, 1.0%\n\n   futex  7  1  0.1\n";
        let (media, others) = read_perf(text);
        assert_eq!((media.get("sendto"), others.get("futex"), media.len()), (Some(&1_920), Some(&7), 1));
    }

    #[test]
    fn the_summary_of_strace_is_read() {
        let text = " 46.21    0.010393           5      1920           sendto\n 1.00 0.1 3 20 4 futex\n100.00    0.022491           5      3961           total\n";
        assert_eq!(read_strace(text), BTreeMap::from([("sendto".to_owned(), 1_920), ("futex".to_owned(), 20)]));
    }
}
