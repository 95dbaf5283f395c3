//! The gate's detectors beside spandsp's, on the very same audio; and what can be told of a key from what leaves the gate.

mod curve;
mod ears;
mod expense;
mod leaks;
mod line;
mod losses;
mod points;
mod recordings;
mod through;

use anyhow::{Result, ensure};

use crate::{Plan, Voices, machine::package, table::Table};
use curve::{measured, percent, table};
use ears::{Crew, program};

/// Trials of a point at least; below it a share of one per mille says nothing.
const LEAST_TRIALS: usize = 20;

/// Measures both.
///
/// # Errors
/// Where spandsp's receiver is not built, or something cannot be read.
pub(crate) fn detector(plan: &Plan, voices: &Voices) -> Result<String> {
    ensure!(plan.trials >= LEAST_TRIALS, "--trials is at least {LEAST_TRIALS}");
    ensure!(program().exists(), "{} is missing: make bench builds it", program().display());
    let mut crew = Crew::new(plan.trials)?;
    let crew = &mut crew;
    let directory = plan.directory.with_extension("speech");
    let mut text = format!(
        "{} trials a point, each with a seed of its own, through µ-law; the same samples to both. spandsp {} is told of lost frames by\n\
         `dtmf_rx_fillin`. In percent that are heard exactly once and right, unless said otherwise.\n",
        plan.trials,
        package("libspandsp2")
    );
    let mut section = |title: &str, body: String| {
        plan.note(title);
        text += &format!("\n#### {title}\n\n{body}");
    };
    section("How long a press is", table(crew, "ms", points::durations())?);
    section("How long the gap between two presses of a key is: heard as two", table(crew, "ms", points::gaps())?);
    section("How far frequencies are off", table(crew, "± %", points::offsets())?);
    section("How much louder the low tone is", table(crew, "dB", points::twists())?);
    section("How loud either tone is", table(crew, "dBm0", points::levels())?);
    section("How far noise or speech is below the tones", table(crew, "dB", points::ratios())?);
    section("The limits of ITU-T Q.24", limits(crew)?);
    section("Frames lost by chance", losses::by_chance(crew)?);
    section("One frame lost, in the press or beside it", losses::single(crew)?);
    section("How soon", expense::latency(crew)?);
    section("Recordings without keys", recordings::recordings(crew, &directory, plan.is_quick)?);
    section(
        "What leaves the gate, where nothing is to be told",
        leaks::in_captures(crew)? + "\n" + &leaks::hidden(crew)?,
    );
    section("What leaves the gate, beyond that", leaks::misses(crew)?);
    section("What it costs", expense::cost(&directory, voices)?);
    Ok(text)
}

/// What has to be a key and what must be none, a row each.
fn limits(crew: &mut Crew) -> Result<String> {
    let mut table = Table::new(["As it should be, %", "Tonegate", "spandsp", "bar for Tonegate"]);
    for point in points::limits() {
        let (mine, theirs) = measured(crew, &point.make)?;
        let bar = point.bar.verdict(mine, crew.trials());
        table.row([point.name, percent(mine, crew.trials()), percent(theirs, crew.trials()), bar]);
    }
    Ok(table.to_string())
}
