//! PocketSphinx from Debian's packages, one process an utterance.
//!
//! `pocketsphinx_batch` is used and not `pocketsphinx_continuous`, because only it normalises the cepstral mean over the
//! whole utterance: on telephone audio that is the difference between half of all answers understood and nine in ten.
//! The process is started when the caller begins to speak, loads its model, and waits on its standard input for the name
//! of the audio: a memory file that it holds as its standard error. `-bestpath no`, because the search for the best path
//! through a lattice of a digit loop takes minutes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
};

use dialogue::redaction;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};
use zeroize::Zeroizing;

use super::{
    engine::{BoxFuture, Decoder, EngineFailure, RecognitionEngine, Utterance},
    grammar::Grammar,
    memory::MemoryFile,
    program,
};

/// The rate of the acoustic model.
const MODEL_HERTZ: u32 = 16_000;
/// Frames a second of the acoustic model's features.
const FEATURES_PER_SECOND: f64 = 100.0;
/// The name by which the child opens the memory file that it was given as its standard error.
const AUDIO: &str = "2";
/// Digits that no answer has.
const DIGITS_OF_A_NUMBER: usize = 10;
/// Most bytes of an answer that are read.
const LONGEST_ANSWER: u64 = 4_096;

/// Where the program and its English model are.
#[derive(Clone, Debug)]
pub struct Model {
    /// `pocketsphinx_batch`.
    pub program: PathBuf,
    /// The directory of the acoustic model.
    pub acoustic: PathBuf,
    /// The pronouncing dictionary.
    pub dictionary: PathBuf,
}

impl Default for Model {
    /// As Debian's `pocketsphinx` and `pocketsphinx-en-us` install them; another program of that name on `PATH` comes first.
    fn default() -> Self {
        let model = Path::new("/usr/share/pocketsphinx/model/en-us");
        Self {
            program: program::find("pocketsphinx_batch"),
            acoustic: model.join("en-us"),
            dictionary: model.join("cmudict-en-us.dict"),
        }
    }
}

/// Why recognition cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A part of the model is missing.
    #[error("{} is missing: install the Debian packages pocketsphinx and pocketsphinx-en-us", .0.display())]
    Missing(PathBuf),
    /// A word of a grammar has no pronunciation.
    #[error("the grammar {grammar} has the word \"{word}\", which the pronouncing dictionary does not")]
    UnknownWord {
        /// The grammar.
        grammar: &'static str,
        /// The word.
        word: String,
    },
    /// The dictionary cannot be read, or the grammar's files cannot be written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
}

/// A recogniser for a fixed set of grammars.
pub struct PocketSphinx {
    model: Model,
    directory: PathBuf,
}

impl PocketSphinx {
    /// Writes each grammar, and a dictionary cut to its words so that a process loads in a tenth of a second, into
    /// `directory`.
    ///
    /// # Errors
    /// Where a part of the model is missing, a word is unknown, or a file cannot be read or written.
    pub fn new(model: Model, directory: PathBuf, grammars: &[Grammar]) -> Result<Self, StartError> {
        for part in [&model.program, &model.acoustic, &model.dictionary] {
            if !part.exists() {
                return Err(StartError::Missing(part.clone()));
            }
        }
        let at = |path: &Path, error| StartError::File { path: path.to_owned(), error };
        fs::create_dir_all(&directory).map_err(|error| at(&directory, error))?;
        let words: BTreeSet<&str> = grammars.iter().flat_map(|grammar| &grammar.words).map(String::as_str).collect();
        let dictionary = pronunciations(&model.dictionary, &words).map_err(|error| at(&model.dictionary, error))?;
        for grammar in grammars {
            let cut = cut(&dictionary, grammar)?;
            for (extension, text) in [("gram", grammar.jsgf.as_str()), ("dict", cut.as_str())] {
                let path = directory.join(grammar.name).with_extension(extension);
                fs::write(&path, text).map_err(|error| at(&path, error))?;
            }
        }
        Ok(Self { model, directory })
    }

    fn command(&self, grammar: &Grammar) -> Command {
        let file = |extension: &str| self.directory.join(grammar.name).with_extension(extension);
        let mut command = Command::new(&self.model.program);
        command.arg("-hmm").arg(&self.model.acoustic);
        command.arg("-jsgf").arg(file("gram")).arg("-dict").arg(file("dict"));
        command.args(["-bestpath", "no", "-cmn", "batch", "-wip", "0.1", "-adcin", "yes"]);
        command.args(["-ctl", "/dev/stdin", "-cepdir", "/proc/self/fd", "-cepext", "", "-hyp", "/dev/stdout"]);
        command.args(["-logfn", "/dev/null"]);
        command.env_clear().kill_on_drop(true);
        command
    }
}

impl RecognitionEngine for PocketSphinx {
    fn prepare(&self, grammar: &Grammar) -> Result<Box<dyn Decoder>, EngineFailure> {
        let audio = MemoryFile::new().map_err(|_| EngineFailure::Start)?;
        let handed = audio.stdio().map_err(|_| EngineFailure::Start)?;
        let mut command = self.command(grammar);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(handed);
        let child = command.spawn().map_err(|_| EngineFailure::Start)?;
        let Grammar { floor, number_floor, .. } = *grammar;
        Ok(Box::new(Process { child, audio, floor, number_floor }))
    }
}

/// A recogniser that has loaded its model, or is about to.
struct Process {
    child: Child,
    audio: MemoryFile,
    floor: Option<f64>,
    number_floor: Option<f64>,
}

impl Decoder for Process {
    fn decode(mut self: Box<Self>, utterance: Utterance) -> BoxFuture<'static, Result<Option<String>, EngineFailure>> {
        Box::pin(async move {
            let features = utterance.span().as_secs_f64() * FEATURES_PER_SECOND;
            self.audio.write_samples(wide_band(&utterance)).map_err(|_| EngineFailure::Start)?;
            drop(utterance);
            let answer = self.ask().await?;
            let (words, score) = parse(&answer).ok_or(EngineFailure::Protocol)?;
            let is_number = redaction::digits_said(words) >= DIGITS_OF_A_NUMBER;
            let floor = self.number_floor.filter(|_| is_number).or(self.floor);
            let believed = floor.is_none_or(|floor| score / features.max(1.0) >= floor);
            Ok((believed && !words.is_empty()).then(|| words.to_owned()))
        })
    }
}

impl Process {
    /// Names the audio to the child and reads what it makes of it.
    async fn ask(&mut self) -> Result<Zeroizing<String>, EngineFailure> {
        let (input, output) = (self.child.stdin.take(), self.child.stdout.take());
        let (Some(mut input), Some(output)) = (input, output) else { return Err(EngineFailure::Start) };
        input.write_all(format!("{AUDIO}\n").as_bytes()).await.map_err(|_| EngineFailure::Exit)?;
        drop(input);
        // It may hold a number that is to be taken out, and with this room it is never moved.
        let mut answer = Zeroizing::new(String::with_capacity(LONGEST_ANSWER as usize + 1));
        output.take(LONGEST_ANSWER).read_to_string(&mut answer).await.map_err(|_| EngineFailure::Protocol)?;
        match self.child.wait().await {
            Ok(status) if status.success() => Ok(answer),
            Ok(_) | Err(_) => Err(EngineFailure::Exit),
        }
    }
}

/// The samples at the model's rate. Each sample of narrow-band audio is simply repeated: the image that this leaves above
/// 4 kHz stands in for the speech that the telephone took away, and the mean normalisation takes the tilt away.
fn wide_band(utterance: &Utterance) -> impl Iterator<Item = i16> + Clone {
    let repeats = (MODEL_HERTZ / utterance.hertz).max(1) as usize;
    let step = (utterance.hertz / MODEL_HERTZ).max(1) as usize;
    utterance.samples.iter().step_by(step).flat_map(move |&sample| std::iter::repeat_n(sample, repeats))
}

/// The words and the score of a line such as `i need more time (2 -3329)`.
pub(super) fn parse(answer: &str) -> Option<(&str, f64)> {
    let (words, rest) = answer.trim_end().rsplit_once('(')?;
    let (name, score) = rest.strip_suffix(')')?.split_once(' ')?;
    (name == AUDIO).then_some((words.trim(), score.parse().ok()?))
}

/// The dictionary's lines for the given words, by word.
fn pronunciations(path: &Path, words: &BTreeSet<&str>) -> io::Result<BTreeMap<String, Vec<String>>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in BufReader::new(fs::File::open(path)?).lines() {
        let line = line?;
        let Some((entry, _)) = line.split_once(' ') else { continue };
        let word = entry.split_once('(').map_or(entry, |(word, _)| word);
        if words.contains(word) {
            found.entry(word.to_owned()).or_default().push(line);
        }
    }
    Ok(found)
}

fn cut(dictionary: &BTreeMap<String, Vec<String>>, grammar: &Grammar) -> Result<String, StartError> {
    let mut text = String::new();
    for word in &grammar.words {
        let unknown = || StartError::UnknownWord { grammar: grammar.name, word: word.clone() };
        for line in dictionary.get(word).ok_or_else(unknown)? {
            text.push_str(line);
            text.push('\n');
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
