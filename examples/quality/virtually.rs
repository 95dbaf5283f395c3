//! The table in virtual time.

use std::{io::Write, thread, time::Instant};

use anyhow::{Context, Result};
use testkit::line::{self, Passage, arrivals, payloads};

use crate::{
    Arguments,
    cell::Cell,
    naive,
    score::{Hearing, Judge},
    table,
};

/// Who hears, in the order of the columns.
const WHO: [&str; 4] = ["gateway", "recorded", "fixed 60", "fixed 200"];

/// Tries all lines and writes the table.
pub(crate) fn run(arguments: &Arguments, judge: &Judge<'_>, cells: &[Cell]) -> Result<Vec<u8>> {
    let began = Instant::now();
    let passages = pass(arguments, judge, cells)?;
    let passed = began.elapsed();
    let mut hearings = Vec::new();
    for (number, (cell, passage)) in cells.iter().zip(&passages).enumerate() {
        let payloads = payloads(&judge.script.samples);
        let arrivals = arrivals(payloads.len(), &mut cell.path(arguments.seed + number as u64));
        let naive = |buffer| naive::hear(&payloads, &arrivals, buffer);
        let heard = [passage.echo.clone(), passage.taps.clone(), naive(naive::SHORT), naive(naive::LONG)];
        let hearing =
            |(who, samples): (&str, _)| Hearing { who: format!("virtual-{number}-{}", who.replace(' ', "-")), samples };
        hearings.extend(WHO.into_iter().zip(heard).map(hearing));
    }
    let scores = judge.score(&hearings)?;
    let mut out = Vec::new();
    writeln!(out, "### In virtual time\n")?;
    table::write(&mut out, cells, &WHO, &scores)?;
    writeln!(out, "The calls took {:.1} s, all of it {:.1} s.", passed.as_secs_f64(), began.elapsed().as_secs_f64())?;
    Ok(out)
}

/// Has the gateway's leg hear every line, on as many threads as there are processors.
fn pass(arguments: &Arguments, judge: &Judge<'_>, cells: &[Cell]) -> Result<Vec<Passage>> {
    let workers = thread::available_parallelism()?.get();
    let work = |worker: usize| -> Result<Vec<(usize, Passage)>> {
        let mine = (worker..cells.len()).step_by(workers);
        let one = |number: usize| {
            let mut path = cells[number].path(arguments.seed + number as u64);
            Ok((number, line::pass(&judge.script.samples, &mut path)?))
        };
        mine.map(one).collect()
    };
    let mut all = thread::scope(|scope| -> Result<Vec<_>> {
        let work = &work;
        let threads: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().ok().context("a worker")??);
        }
        Ok(all)
    })?;
    all.sort_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, passage)| passage).collect())
}
