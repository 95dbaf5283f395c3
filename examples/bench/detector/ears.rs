//! Who hears: the gateway's detectors, and spandsp in a process of its own, on the very same samples.

use std::{
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
};

use anyhow::{Context, Result, ensure};
use frame::SampleRate;
use gate::analysis::Detectors;
use tones::{bank::HOP, synthesis::Chance};

use super::line::{FRAME, Line};
use crate::peer::FLOORS;

/// A key that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) key: u8,
    /// How many samples had been heard then.
    pub(super) at: usize,
}

/// What our detectors made of a line.
pub(super) struct Heard {
    pub(super) told: Vec<Told>,
    /// How many samples had been heard when a tone was first suspected from `since` on.
    pub(super) suspected: Option<usize>,
}

/// Has our detectors hear a line.
pub(super) fn ours(line: &Line, since: usize) -> Heard {
    let mut detectors = Detectors::new(SampleRate::Hz8000);
    let mut heard = Heard { told: Vec::new(), suspected: None };
    for (number, (frame, is_lost)) in line.frames().enumerate() {
        if is_lost {
            detectors.lose();
            continue;
        }
        let mut at = number * FRAME;
        detectors.hear(frame, |key, is_suspected| {
            at += HOP;
            heard.told.extend(key.map(|key| Told { key: key as u8, at }));
            if is_suspected && at > since {
                heard.suspected.get_or_insert(at);
            }
        });
    }
    heard
}

/// What spandsp is told of a lost frame.
#[derive(Clone, Copy)]
pub(super) enum Loss {
    /// That it is lost, by the call that it has for it.
    Told,
    /// Nothing: it hears silence.
    Silent,
}

/// spandsp's receiver, new for each line.
pub(super) struct Spandsp {
    child: Child,
    input: Option<BufWriter<ChildStdin>>,
    output: BufReader<ChildStdout>,
}

/// The program that is spandsp's receiver.
pub(super) fn program() -> PathBuf {
    Path::new(FLOORS).join("dtmf")
}

impl Spandsp {
    fn start(loss: Loss) -> Result<Self> {
        let program = program();
        let way = match loss {
            Loss::Told => "fillin",
            Loss::Silent => "silence",
        };
        let mut command = Command::new(&program);
        command.args(["hear", way]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{}: make bench builds it", program.display()))?;
        let input = child.stdin.take().context("its input")?;
        let output = child.stdout.take().context("its output")?;
        Ok(Self { child, input: Some(BufWriter::new(input)), output: BufReader::new(output) })
    }

    fn hear(&mut self, line: &Line) -> Result<Vec<Told>> {
        let input = self.input.as_mut().context("its input is closed")?;
        input.write_all(&(line.lost.len() as u32).to_ne_bytes())?;
        for (frame, is_lost) in line.frames() {
            input.write_all(&[u8::from(is_lost)])?;
            input.write_all(frame.map(i16::to_ne_bytes).as_flattened())?;
        }
        input.flush()?;
        let mut answer = String::new();
        ensure!(self.output.read_line(&mut answer)? > 0, "spandsp has ended");
        answer.split_whitespace().map(told).collect()
    }
}

/// Reads `5@1600`.
fn told(text: &str) -> Result<Told> {
    let (key, at) = text.split_once('@').context("an answer of spandsp that is none")?;
    Ok(Told { key: key.bytes().next().context("a key")?, at: at.parse()? })
}

impl Drop for Spandsp {
    fn drop(&mut self) {
        // The end of its input is its end.
        self.input = None;
        self.child.wait().ok();
    }
}

/// The ears of one thread.
pub(super) struct Ears {
    informed: Spandsp,
    deaf: Spandsp,
}

impl Ears {
    fn new() -> Result<Self> {
        Ok(Self { informed: Spandsp::start(Loss::Told)?, deaf: Spandsp::start(Loss::Silent)? })
    }

    /// What spandsp makes of a line.
    pub(super) fn theirs(&mut self, line: &Line, loss: Loss) -> Result<Vec<Told>> {
        match loss {
            Loss::Told => self.informed.hear(line),
            Loss::Silent => self.deaf.hear(line),
        }
    }
}

/// As many ears as there are cores.
pub(super) struct Crew {
    ears: Vec<Ears>,
    trials: usize,
    /// Another one for each point of each curve.
    seed: u64,
}

impl Crew {
    pub(super) fn new(trials: usize) -> Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { ears: (0..cores).map(|_| Ears::new()).collect::<Result<_>>()?, trials, seed: 0 })
    }

    /// How many trials a point has.
    pub(super) fn trials(&self) -> usize {
        self.trials
    }

    /// Makes the trials of a point, each with chances of its own that depend on nothing but its number, and tells what each brought,
    /// in no order.
    pub(super) fn point<T: Send>(
        &mut self,
        each: impl Fn(&mut Ears, &mut Chance) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let numbers: Vec<usize> = (0..self.trials).collect();
        self.seed += 1;
        let seed = self.seed * 1_000_003;
        self.work(&numbers, |ears, number| each(ears, &mut Chance::new(seed + *number as u64)))
    }

    /// Shares work out.
    pub(super) fn work<J: Sync, T: Send>(
        &mut self,
        jobs: &[J],
        each: impl Fn(&mut Ears, &J) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let (each, crew) = (&each, self.ears.len());
        thread::scope(|scope| {
            let workers = self.ears.iter_mut().enumerate().map(|(place, ears)| {
                let mine = jobs.iter().skip(place).step_by(crew);
                scope.spawn(move || mine.map(|job| each(ears, job)).collect::<Result<Vec<T>>>())
            });
            // All of them work before the first is waited for.
            let workers: Vec<_> = workers.collect();
            let mut all = Vec::with_capacity(jobs.len());
            for worker in workers {
                all.extend(worker.join().map_err(|_| anyhow::anyhow!("a worker has panicked"))??);
            }
            Ok(all)
        })
    }
}
