//! What codecs and converters cost a frame of 20 ms, in instructions, beside the libraries called from C.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{
    Plan, Voices,
    machine::package,
    peer::FLOORS,
    plant::sibling,
    table::{Table, number, verdict},
};

/// The bar of the ratio.
const BAR: f64 = 1.2;
/// Passes over the passage in the two runs whose difference counts.
const PASSES: [usize; 2] = [1, 3];
/// Samples of a frame at 1 Hz: 20 ms are a fiftieth of a second.
const FRAMES_A_SECOND: usize = 50;

/// A way of working through speech: what it is called, at which rate the speech is, and its name with both programs.
struct Item {
    name: String,
    hertz: u32,
    ours: String,
    /// Each library's, the first of which the bar is about.
    theirs: Vec<(&'static str, String)>,
}

fn items() -> Vec<Item> {
    let mut items = Vec::new();
    for way in ["encode", "decode"] {
        for hertz in [8_000, 16_000, 48_000] {
            let item = format!("opus-{way} {hertz}");
            let theirs = vec![("libopus of Debian", item.clone()), ("libopus as bundled", item.clone())];
            items.push(Item { name: format!("Opus {way} at {hertz} Hz"), hertz, ours: item, theirs });
        }
    }
    let rates = [8_000, 16_000, 24_000, 48_000];
    let ways = rates.into_iter().flat_map(|from| rates.map(|to| (from, to)));
    for (from, to) in ways.filter(|(from, to)| from != to) {
        let theirs = [("soxr, our band", "soxr-same"), ("soxr MQ", "soxr-mq"), ("speexdsp quality 3", "speex-3")];
        let theirs = theirs.map(|(name, item)| (name, format!("{item} {from} {to}"))).to_vec();
        items.push(Item {
            name: format!("converter {from} → {to} Hz"),
            hertz: from,
            ours: format!("convert {from} {to}"),
            theirs,
        });
    }
    for (codec, hertz) in [("pcmu", 8_000), ("pcma", 8_000), ("g722", 16_000)] {
        for way in ["encode", "decode"] {
            let item = format!("{codec}-{way}");
            items.push(Item {
                name: format!("{} {way}", codec.to_uppercase()),
                hertz,
                ours: item.clone(),
                theirs: vec![("spandsp", item)],
            });
        }
    }
    items
}

/// Counts every item, ours and theirs.
///
/// # Errors
/// Where a program fails.
pub(crate) fn cost(plan: &Plan, voices: &Voices) -> Result<String> {
    let ours = sibling("examples/codecs")?;
    let debian = Path::new(FLOORS).join("codecs");
    let bundled = Path::new(FLOORS).join("codecs-bundled");
    let mut table =
        Table::new(["A frame of 20 ms, instructions", "Ours", "The library's, from C", "Ratio", "Bar", "Others"]);
    for item in items() {
        let speech = voices.passage(item.hertz)?;
        let mine = count(&ours, &item.ours, &speech, item.hertz)?;
        let mut others = Vec::new();
        for (library, its) in &item.theirs {
            let program = if *library == "libopus as bundled" { &bundled } else { &debian };
            if program.exists() {
                others.push((*library, count(program, its, &speech, item.hertz)?));
            }
        }
        let Some((first, theirs)) = others.first().copied() else { continue };
        // The same build of the same library tells what the way there costs.
        let (first, theirs) =
            others.iter().find(|(name, _)| name.ends_with("bundled")).copied().unwrap_or((first, theirs));
        let ratio = mine / theirs;
        let rest = others.iter().filter(|(name, _)| *name != first);
        let rest = rest.map(|(name, each)| format!("{name} {each:.0} ({})", number(mine / each))).collect::<Vec<_>>();
        plan.note(&format!("{}: {mine:.0} against {theirs:.0}", item.name));
        table.row([
            item.name,
            format!("{mine:.0}"),
            format!("{theirs:.0} ({first})"),
            number(ratio),
            verdict(ratio, BAR),
            rest.join("; "),
        ]);
    }
    let versions =
        ["libopus0", "libsoxr0", "libspeexdsp1", "libspandsp2"].map(|name| format!("{name} {}", package(name)));
    Ok(format!(
        "By callgrind over speech of espeak-ng: the difference of a run with three passes and one with one. Opus with the gateway's\n\
         settings on both sides. Our converter is flat to 0.85 of the lower Nyquist frequency and 79 dB down from 1.15 of it on; soxr\n\
         \"our band\" is its 16-bit quality with these edges, MQ its own medium one, speexdsp 3 a filter of 48 taps like ours.\n\
         Debian's {}.\n\n{table}",
        versions.join(", ")
    ))
}

/// Instructions of one frame.
fn count(program: &Path, item: &str, speech: &PathBuf, hertz: u32) -> Result<f64> {
    let frames = std::fs::metadata(speech)?.len() as usize / 2 / (hertz as usize / FRAMES_A_SECOND);
    let [fewer, more] = PASSES;
    let [less, much] = [run(program, item, fewer, speech)?, run(program, item, more, speech)?];
    Ok(much.saturating_sub(less) as f64 / ((more - fewer) * frames) as f64)
}

fn run(program: &Path, item: &str, passes: usize, speech: &Path) -> Result<u64> {
    let (passes, speech) = (passes.to_string(), speech.display().to_string());
    let arguments: Vec<&str> = item.split(' ').chain([passes.as_str(), speech.as_str()]).collect();
    instructions(program, &arguments)
}

/// All instructions of a program's run, by callgrind.
///
/// # Errors
/// Where it fails.
pub(crate) fn instructions(program: &Path, arguments: &[&str]) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).args(arguments);
    let output = command.stdin(Stdio::null()).output().context("valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} {arguments:?}: {text}", program.display());
    let counted = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    counted.with_context(|| format!("callgrind counted nothing of {arguments:?}"))
}
