//! Instructions a packet in user space, by callgrind.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::Kind;
use crate::{
    Plan,
    bot::EchoBot,
    peer::Peer,
    table::{Table, number},
    window::Live,
};

/// Calls under callgrind, which makes a program fifty times slower.
const FEW_CALLS: usize = 4;
/// How long instructions are counted.
const COUNTED: Duration = Duration::from_secs(8);

/// A table of every kind.
pub(super) fn count(plan: &Plan, bot: &EchoBot) -> Result<String> {
    let mut table = Table::new(["Instructions a packet in, with its packet out", "In user space", "Packets"]);
    let out = std::path::absolute(plan.directory.with_extension("callgrind"))?;
    for kind in Kind::ALL {
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        fs::create_dir_all(&out)?;
        let file = out.join("out");
        let options = "--quiet --tool=callgrind --instr-atstart=no";
        let prefix = format!("valgrind {options} --callgrind-out-file={} ", file.display());
        let mut peer = kind.start(plan, bot, &prefix)?;
        let cells = match of(&mut *peer, bot, &file) {
            Ok((each, packets)) => [number(each), packets.to_string()],
            Err(error) => [format!("not counted: {error:#}"), String::new()],
        };
        plan.note(&format!("{}: {} instructions", peer.name(), cells[0]));
        table.row([peer.name()].into_iter().chain(cells));
    }
    let head = "Instructions of the whole process, what it does without calls taken off, by callgrind with";
    Ok(format!("{head} {FEW_CALLS} calls.\n\n{table}"))
}

/// Counts a while without calls, then as long with them.
fn of(peer: &mut dyn Peer, bot: &EchoBot, file: &Path) -> Result<(f64, usize)> {
    let is_running = peer.process() != 0;
    if is_running {
        control(peer.process(), &["--instr=on"])?;
        peer.attend(Instant::now() + COUNTED)?;
        control(peer.process(), &["--instr=off"])?;
        control(peer.process(), &["--dump=idle"])?;
    }
    let mut live = Live::open(peer, FEW_CALLS, bot)?;
    let process = live.process();
    control(process, &["--instr=on"])?;
    let round = live.window(COUNTED.as_secs())?;
    control(process, &["--instr=off"])?;
    control(process, &["--dump=busy"])?;
    live.close()?;
    let totals = totals(file)?;
    let (idle, busy) = if is_running { (totals[0], totals[1]) } else { (0, totals[0]) };
    ensure!(round.sent > 0, "no packets");
    Ok((busy.saturating_sub(idle) as f64 / round.sent as f64, round.sent))
}

fn control(process: u32, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("callgrind_control");
    let status = command.args(arguments).arg(process.to_string()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(status.context("callgrind_control")?.success(), "callgrind_control {arguments:?} failed");
    Ok(())
}

/// The instructions of each dump, in order.
fn totals(file: &Path) -> Result<Vec<u64>> {
    let mut totals = Vec::new();
    for number in 1.. {
        let dump = PathBuf::from(format!("{}.{number}", file.display()));
        let Ok(text) = fs::read_to_string(&dump) else { break };
        let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
        totals.push(total.with_context(|| format!("{} has no total", dump.display()))?);
    }
    ensure!(!totals.is_empty(), "callgrind has written nothing");
    Ok(totals)
}
