//! Scores what was heard: PESQ by its program, the delay by correlation.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use testkit::{
    likeness::{Comparer, quantile},
    speech::{Piece, Script},
};

/// From this likeness on it is known where a window was heard.
const ALIKE: f32 = 0.7;

/// What was heard of a script.
pub(crate) struct Hearing {
    /// By whom; a name for a file.
    pub(crate) who: String,
    /// From the moment the first packet was sent.
    pub(crate) samples: Vec<i16>,
}

/// How it sounded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Score {
    /// PESQ of each piece.
    pub(crate) pieces: Vec<f64>,
    /// The median delay in milliseconds; none where nothing could be recognised.
    pub(crate) delay: Option<f64>,
    /// The delay of each piece that could be recognised, in milliseconds.
    pub(crate) delays: Vec<Option<f64>>,
}

impl Score {
    pub(crate) fn mean(&self) -> f64 {
        self.pieces.iter().sum::<f64>() / self.pieces.len().max(1) as f64
    }

    pub(crate) fn worst(&self) -> f64 {
        self.pieces.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// Whoever scores.
pub(crate) struct Judge<'a> {
    pub(crate) script: &'a Script,
    /// A Python that has the package `pesq`.
    pub(crate) python: &'a Path,
    /// Where files go.
    pub(crate) directory: &'a Path,
}

impl Judge<'_> {
    /// Scores all of them, in the same order.
    pub(crate) fn score(&self, hearings: &[Hearing]) -> Result<Vec<Score>> {
        let mut lines = String::new();
        let mut scores = Vec::new();
        let references: Vec<PathBuf> =
            (0..self.script.pieces.len()).map(|number| self.directory.join(format!("said-{number}.raw"))).collect();
        for (path, &piece) in references.iter().zip(&self.script.pieces) {
            save(path, self.script.piece(piece))?;
        }
        let comparer = Comparer::new();
        for hearing in hearings {
            let delays: Vec<_> =
                self.script.pieces.iter().map(|&piece| self.delays(&comparer, hearing, piece)).collect();
            let median = |delays: &Vec<f64>| (!delays.is_empty()).then(|| quantile(delays.clone(), 0.5));
            let overall = median(&delays.concat());
            for (number, (&piece, delays)) in self.script.pieces.iter().zip(&delays).enumerate() {
                let delay = median(delays).or(overall).unwrap_or(0.0);
                let path = self.directory.join(format!("{}-{number}.raw", hearing.who));
                save(&path, cut(&hearing.samples, piece, delay))?;
                lines.push_str(&format!("{}\t{}\n", references[number].display(), path.display()));
            }
            let millis = |delay: f64| delay / 8.0;
            scores.push(Score {
                pieces: Vec::new(),
                delay: overall.map(millis),
                delays: delays.iter().map(|delays| median(delays).map(millis)).collect(),
            });
        }
        let mut points = self.pesq(&lines)?.into_iter();
        for score in &mut scores {
            score.pieces = points.by_ref().take(self.script.pieces.len()).collect();
        }
        Ok(scores)
    }

    /// The delays in samples of all of a piece that can be recognised.
    fn delays(&self, comparer: &Comparer, hearing: &Hearing, piece: Piece) -> Vec<f64> {
        let heard = hearing.samples.get(piece.at..).unwrap_or_default();
        let windows = comparer.windows(self.script.piece(piece), heard);
        windows.iter().filter(|window| window.likeness >= ALIKE).map(|window| window.delay as f64).collect()
    }

    fn pesq(&self, lines: &str) -> Result<Vec<f64>> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quality/score.py");
        let mut child = Command::new(self.python)
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}: `make quality` installs it", self.python.display()))?;
        // It reads everything before it says anything.
        child.stdin.take().context("its input")?.write_all(lines.as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "PESQ left with {}", output.status);
        let points: Vec<f64> = String::from_utf8(output.stdout)?.lines().map(str::parse).collect::<Result<_, _>>()?;
        ensure!(points.len() == lines.lines().count(), "PESQ gave {} scores", points.len());
        Ok(points)
    }
}

/// The piece as it was heard, after so many samples.
fn cut(heard: &[i16], piece: Piece, delay: f64) -> &[i16] {
    let from = (piece.at + delay as usize).min(heard.len());
    &heard[from..(from + piece.length).min(heard.len())]
}

fn save(path: &Path, samples: &[i16]) -> Result<()> {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    fs::write(path, bytes).with_context(|| path.display().to_string())
}
