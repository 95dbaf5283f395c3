//! Instructions a packet in user space, by callgrind: of the floors as they run, of the gateway's media alone.
//!
//! The whole gateway does not run under valgrind 3.19: its rustix reads the kernel's vDSO, which valgrind hides.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::Kind;
use crate::{
    Plan, Voices,
    bot::EchoBot,
    cost,
    peer::Peer,
    plant::sibling,
    table::{Table, number},
    window::Live,
};

/// Calls under callgrind, which makes a program fifty times slower.
const FEW_CALLS: usize = 4;
/// How long instructions are counted.
const COUNTED: Duration = Duration::from_secs(8);
/// Packets of the two runs of a leg whose difference counts.
const PACKETS: [usize; 2] = [500, 1_500];

/// A table of what can be counted.
pub(super) fn count(plan: &Plan, bot: &EchoBot, voices: &Voices) -> Result<String> {
    let mut table = Table::new(["Instructions a packet in, with its packet out", "In user space"]);
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_floor()) {
        let (name, each) = of_floor(plan, kind, bot)?;
        table.row([name, number(each)]);
    }
    let leg = sibling("examples/leg")?;
    let speech = voices.passage(8_000)?.display().to_string();
    for (way, file) in [("plain", None), ("srtp", None), ("plain", Some(speech.as_str()))] {
        let run = |packets: usize| {
            let packets = packets.to_string();
            let arguments: Vec<_> = [way, &packets].into_iter().chain(file).collect();
            cost::instructions(&leg, &arguments)
        };
        let [less, more] = [run(PACKETS[0])?, run(PACKETS[1])?];
        let each = more.saturating_sub(less) as f64 / (PACKETS[1] - PACKETS[0]) as f64;
        let says = if file.is_some() { ", a caller who speaks for 40 % of the time" } else { "" };
        let name = format!(
            "Tonegate, media of a call alone, {way}{says}: decode, gate, voice, agent audio, encode; no sockets"
        );
        table.row([name, number(each)]);
    }
    Ok(format!("Instructions by callgrind; the floors as they run with {FEW_CALLS} calls.\n\n{table}"))
}

fn of_floor(plan: &Plan, kind: Kind, bot: &EchoBot) -> Result<(String, f64)> {
    let out = std::path::absolute(plan.directory.with_extension("callgrind"))?;
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir_all(&out)?;
    let file = out.join("out");
    let options = "--quiet --tool=callgrind --instr-atstart=no";
    let prefix = format!("valgrind {options} --callgrind-out-file={}", file.display());
    let mut peer = kind.start(plan, bot, &prefix)?;
    let each = live(&mut *peer, bot, &file)?;
    Ok((peer.name(), each))
}

/// Counts a window of a process that runs.
fn live(peer: &mut dyn Peer, bot: &EchoBot, file: &Path) -> Result<f64> {
    let mut live = Live::open(peer, FEW_CALLS, bot)?;
    let process = live.process();
    control(process, "--instr=on")?;
    let round = live.window(COUNTED.as_secs())?;
    control(process, "--instr=off")?;
    control(process, "--dump")?;
    live.close()?;
    ensure!(round.sent > 0, "no packets");
    // Half a second of grace after the window is counted too.
    let packets = round.sent as f64 * (COUNTED.as_secs_f64() + 0.5) / COUNTED.as_secs_f64();
    Ok(total(file)? as f64 / packets)
}

fn control(process: u32, argument: &str) -> Result<()> {
    let mut command = Command::new("callgrind_control");
    let status = command.arg(argument).arg(process.to_string()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(status.context("callgrind_control")?.success(), "callgrind_control {argument} failed");
    Ok(())
}

/// The instructions of the first dump.
fn total(file: &Path) -> Result<u64> {
    let dump = PathBuf::from(format!("{}.1", file.display()));
    let text = fs::read_to_string(&dump).with_context(|| dump.display().to_string())?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.with_context(|| format!("{} has no total", dump.display()))
}
