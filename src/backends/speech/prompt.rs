//! What the gateway says, rendered once and kept by its hash.
//!
//! Fixed lines are kept for good: a legal line is the same to the bit in every call. Lines with data of a call are kept
//! until the next start, in a directory of their own, and at most a bounded number of them. All files are readable by
//! their owner alone, and named by the voice that rendered them: what another voice says where the first one fails is
//! never taken for the first one's. A fixed line is never said by another voice.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use call::port::Prompt;
use tokio::sync::{OnceCell, Semaphore};

use super::{
    breaker::Breaker,
    engine::{EngineFailure, Voice},
    manifest::{self, ManifestEntry, PromptKind},
    polish,
};

/// The `child` label of the voice, and of the one that speaks where it fails.
const CHILD: &str = "synthesiser";
const FALLBACK: &str = "synthesiser_fallback";
/// How many times the deadline a fixed line may take where there are two voices: nobody waits for it.
const UNHURRIED: u32 = 4;
/// The directory of lines with data of a call, inside the store's own.
const CALLS: &str = "calls";

/// What a prompt store may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptBounds {
    /// Synthesisers at a time.
    pub at_a_time: usize,
    /// From the request to the prompt, the wait for a synthesiser included.
    pub deadline: Duration,
    /// Most lines with data of a call that are kept.
    pub most_of_calls: usize,
}

impl Default for PromptBounds {
    fn default() -> Self {
        Self { at_a_time: 2, deadline: Duration::from_secs(3), most_of_calls: 1_000 }
    }
}

/// Why there is no prompt.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The synthesiser failed, or is being left alone after it did.
    #[error("no synthesiser speaks")]
    Engine,
    /// It took too long.
    #[error("the prompt was not rendered in time")]
    Late,
    /// The sound cannot be converted, or is empty.
    #[error("the synthesiser's sound cannot be used")]
    Sound,
    /// The cache cannot be read or written.
    #[error("the prompt cache {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
}

/// A prompt by the name of its phrase and the hash of its text.
type Key = (&'static str, String);

/// A line to be said: the name of its phrase, and its text.
pub(crate) type Line = (&'static str, String);

/// Renders prompts and keeps them.
pub struct PromptStore {
    directory: PathBuf,
    speaker: Speaker,
    fallback: Option<Speaker>,
    bounds: PromptBounds,
    places: Semaphore,
    fixed: Vec<Line>,
    kept: Mutex<Kept>,
    list: Mutex<()>,
}

/// A voice, left alone for a while when it fails.
struct Speaker {
    voice: Arc<dyn Voice>,
    identity: String,
    breaker: Breaker,
}

impl Speaker {
    fn new(voice: Arc<dyn Voice>, child: &'static str) -> Self {
        let identity = format!("{} polish {}", voice.identity(), polish::VERSION);
        Self { voice, identity, breaker: Breaker::new(child) }
    }

    /// The file of a text in this voice.
    fn file(&self, text_hash: &str, kind: PromptKind) -> String {
        let hash = sha256(format!("{} {text_hash}", self.identity).as_bytes());
        match kind {
            PromptKind::Fixed => format!("{hash}.wav"),
            PromptKind::Call => format!("{CALLS}/{hash}.wav"),
        }
    }
}

#[derive(Default)]
struct Kept {
    prompts: HashMap<Key, Arc<OnceCell<Arc<Prompt>>>>,
    of_calls: VecDeque<Key>,
    fixed: HashSet<Key>,
}

impl PromptStore {
    /// Opens the store in `directory`, which is made where it is missing. What is left of earlier calls is removed.
    /// `fixed` are the lines that hold no data of a call: all others are kept until the next start only.
    ///
    /// # Errors
    /// Where the directory cannot be used.
    pub fn open(
        directory: PathBuf,
        voice: Arc<dyn Voice>,
        bounds: PromptBounds,
        fixed: Vec<Line>,
    ) -> Result<Self, PromptError> {
        let calls = directory.join(CALLS);
        if calls.exists() {
            fs::remove_dir_all(&calls).map_err(|error| at(&calls, error))?;
        }
        fs::create_dir_all(&calls).map_err(|error| at(&calls, error))?;
        keep_fixed(&directory.join(manifest::FILE))?;
        Ok(Self {
            directory,
            speaker: Speaker::new(voice, CHILD),
            fallback: None,
            places: Semaphore::new(bounds.at_a_time),
            bounds,
            kept: Mutex::new(Kept { fixed: fixed.iter().map(key).collect(), ..Kept::default() }),
            fixed,
            list: Mutex::default(),
        })
    }

    /// Has another voice say the lines with data of a call where the first one fails.
    #[must_use]
    pub fn with_fallback(mut self, voice: Arc<dyn Voice>) -> Self {
        self.fallback = Some(Speaker::new(voice, FALLBACK));
        self
    }

    /// Renders the lines that no call can do without, ahead of the first call. They are fixed from now on.
    ///
    /// # Errors
    /// At the first that cannot be rendered.
    pub async fn warm(&self, lines: &[Line]) -> Result<(), PromptError> {
        self.kept().fixed.extend(lines.iter().map(key));
        // As many at once as there are places, so that no line's deadline passes while it waits for another.
        for group in lines.chunks(self.bounds.at_a_time.max(1)) {
            futures_util::future::try_join_all(group.iter().map(|(name, text)| self.find(name, text))).await?;
        }
        Ok(())
    }

    /// Renders every fixed line, one after the other so that calls keep a synthesiser. How many could not be rendered:
    /// each of those is tried again when a call needs it.
    pub async fn warm_rest(&self) -> usize {
        let mut failed = 0;
        for (name, text) in &self.fixed {
            failed += usize::from(self.find(name, text).await.is_err());
        }
        failed
    }

    /// A prompt: from memory, from the disk, or rendered now.
    ///
    /// # Errors
    /// Where it cannot be had in time.
    pub async fn prompt(&self, name: &'static str, text: &str) -> Result<Arc<Prompt>, PromptError> {
        let began = Instant::now();
        let key = (name, sha256(text.as_bytes()));
        let is_fixed = self.kept().fixed.contains(&key);
        let mut prompt = self.find(name, text).await;
        if let (Err(PromptError::Engine | PromptError::Late | PromptError::Sound), Some(fallback), false) =
            (&prompt, &self.fallback, is_fixed)
        {
            metrics::counter!("tonegate_speech_fallbacks_total", "child" => CHILD).increment(1);
            // Not kept in memory: the next time, the first voice is asked again.
            prompt = self.load_or_render(fallback, name, text, &key.1, PromptKind::Call).await;
        }
        let result = if prompt.is_ok() { "ok" } else { "failed" };
        metrics::histogram!("tonegate_prompt_seconds", "result" => result).record(began.elapsed().as_secs_f64());
        prompt
    }

    /// The prompt under its key; two that ask at once wait for one rendering.
    async fn find(&self, name: &'static str, text: &str) -> Result<Arc<Prompt>, PromptError> {
        let text_hash = sha256(text.as_bytes());
        let key = (name, text_hash.clone());
        let kind = if self.kept().fixed.contains(&key) { PromptKind::Fixed } else { PromptKind::Call };
        let cell = self.cell(key, kind);
        let speaking = || self.load_or_render(&self.speaker, name, text, &text_hash, kind);
        cell.get_or_try_init(speaking).await.map(Arc::clone)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn cell(&self, key: Key, kind: PromptKind) -> Arc<OnceCell<Arc<Prompt>>> {
        let mut kept = self.kept();
        if let Some(cell) = kept.prompts.get(&key) {
            return Arc::clone(cell);
        }
        if kind == PromptKind::Call {
            kept.of_calls.push_back(key.clone());
            if kept.of_calls.len() > self.bounds.most_of_calls
                && let Some(oldest) = kept.of_calls.pop_front()
            {
                kept.prompts.remove(&oldest);
                for speaker in [Some(&self.speaker), self.fallback.as_ref()].into_iter().flatten() {
                    // It may be gone already, or never have been rendered.
                    fs::remove_file(self.directory.join(speaker.file(&oldest.1, PromptKind::Call))).ok();
                }
            }
        }
        Arc::clone(kept.prompts.entry(key).or_default())
    }

    async fn load_or_render(
        &self,
        speaker: &Speaker,
        name: &'static str,
        text: &str,
        text_hash: &str,
        kind: PromptKind,
    ) -> Result<Arc<Prompt>, PromptError> {
        let file = speaker.file(text_hash, kind);
        let path = self.directory.join(&file);
        let samples = match load(&path) {
            Some(samples) => samples,
            None => {
                let samples = self.render(speaker, text, kind).await?;
                save(&path, &samples).map_err(|error| at(&path, error))?;
                samples
            }
        };
        let pcm_hash = sha256(&samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>());
        self.list(&ManifestEntry {
            name: name.to_owned(),
            kind,
            text_hash: text_hash.to_owned(),
            pcm_hash: pcm_hash.clone(),
            file,
            samples: samples.len(),
            text: (kind == PromptKind::Fixed).then(|| text.to_owned()),
        })?;
        Ok(Arc::new(Prompt { name, text_hash: text_hash.to_owned(), pcm_hash, samples: samples.into() }))
    }

    /// How long a voice may take. A third of the deadline is kept for the other voice, where there is one.
    fn patience(&self, kind: PromptKind) -> Duration {
        match (&self.fallback, kind) {
            (None, _) => self.bounds.deadline,
            (Some(_), PromptKind::Fixed) => self.bounds.deadline * UNHURRIED,
            (Some(_), PromptKind::Call) => self.bounds.deadline * 2 / 3,
        }
    }

    async fn render(&self, speaker: &Speaker, text: &str, kind: PromptKind) -> Result<Vec<i16>, PromptError> {
        let patience = self.patience(kind);
        let rendering = async {
            let _place = self.places.acquire().await.map_err(|_| PromptError::Engine)?;
            if !speaker.breaker.is_open(Instant::now()) {
                return Err(PromptError::Engine);
            }
            let said = tokio::time::timeout(patience, speaker.voice.say(text)).await;
            let sound = match said.unwrap_or(Err(EngineFailure::Hung)) {
                Ok(sound) => sound,
                Err(failure) => {
                    speaker.breaker.failed(Instant::now(), failure);
                    return Err(PromptError::Engine);
                }
            };
            speaker.breaker.succeeded();
            let polished = tokio::task::spawn_blocking(move || polish::polish(&sound)).await;
            polished.ok().and_then(Result::ok).ok_or(PromptError::Sound)
        };
        // Two waits: one for a place, one for the synthesiser.
        let samples = tokio::time::timeout(patience * 2, rendering).await.map_err(|_| PromptError::Late)??;
        if samples.iter().all(|&sample| sample == 0) { Err(PromptError::Sound) } else { Ok(samples) }
    }

    /// Appends to the list in one write, so that a reader sees whole lines.
    fn list(&self, entry: &ManifestEntry) -> Result<(), PromptError> {
        let path = self.directory.join(manifest::FILE);
        let line = serde_json::to_string(entry).map_err(io::Error::from).map_err(|error| at(&path, error))?;
        let _one_at_a_time = self.list.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if entry.kind == PromptKind::Fixed
            && fs::read_to_string(&path).is_ok_and(|text| text.lines().any(|old| old == line))
        {
            return Ok(());
        }
        let mut file = private().append(true).open(&path).map_err(|error| at(&path, error))?;
        file.write_all(format!("{line}\n").as_bytes()).map_err(|error| at(&path, error))
    }
}

/// Rewrites the list with its fixed lines alone.
fn keep_fixed(path: &Path) -> Result<(), PromptError> {
    let Ok(text) = fs::read_to_string(path) else { return Ok(()) };
    let is_fixed =
        |line: &&str| serde_json::from_str::<ManifestEntry>(line).is_ok_and(|entry| entry.kind == PromptKind::Fixed);
    let kept: String = text.lines().filter(is_fixed).flat_map(|line| [line, "\n"]).collect();
    replace(path, kept.as_bytes()).map_err(|error| at(path, error))
}

/// The samples of a rendering that is on the disk and whole.
fn load(path: &Path) -> Option<Vec<i16>> {
    let reader = hound::WavReader::open(path).ok()?;
    let spec = reader.spec();
    let fits = spec.channels == 1 && spec.sample_rate == polish::HERTZ && spec.bits_per_sample == 16;
    let samples: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().ok()?;
    (fits && !samples.is_empty()).then_some(samples)
}

fn save(path: &Path, samples: &[i16]) -> io::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: polish::HERTZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = io::Cursor::new(Vec::new());
    let written = (|| {
        let mut writer = hound::WavWriter::new(&mut bytes, spec)?;
        samples.iter().try_for_each(|&sample| writer.write_sample(sample))?;
        writer.finalize()
    })();
    written.map_err(io::Error::other)?;
    replace(path, bytes.get_ref())
}

/// Puts a file in its place whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension(format!("{}.partial", uuid::Uuid::new_v4().simple()));
    let written = private().truncate(true).write(true).open(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let placed = written.and_then(|()| fs::rename(&partial, path));
    if placed.is_err() {
        // The first error is the one to report.
        fs::remove_file(&partial).ok();
    }
    placed
}

fn private() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

fn at(path: &Path, error: io::Error) -> PromptError {
    PromptError::File { path: path.to_owned(), error }
}

fn key((name, text): &Line) -> Key {
    (name, sha256(text.as_bytes()))
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
