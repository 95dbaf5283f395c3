//! The better local voices as `make voices` installs them: two workers of one program, one that speaks and one that
//! listens.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    engine::EngineFailure,
    piper::Piper,
    whisper::Whisper,
    worker::{Worker, WorkerOptions},
};

/// Longest that a model may take to load, on a busy machine.
const LOADING: Duration = Duration::from_secs(60);
/// How often the deadline of an answer a whole prompt may take: whoever asks gives up earlier, but a long line that is
/// nearly rendered is no reason to end the worker.
const LONG_LINE: u32 = 4;
/// Requests at a time of each worker, those that wait included.
const REQUESTS: usize = 64;
/// Most bytes of a text that was heard.
const LONGEST_TEXT: usize = 4_096;
/// Most bytes of a sound: two minutes at 22 kHz.
const LONGEST_SOUND: usize = 6_000_000;

/// Why the voices cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VoicesError {
    /// A part of them is not installed.
    #[error("{}: {error}; run `make voices`, or take `models` out of [speech] to use the Debian engines", path.display())]
    Missing {
        /// What is not there.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// A model does not load.
    #[error(
        "the {0} of the voices does not load within {seconds} seconds; run `make voices` again, or take `models` out of \
         [speech] to use the Debian engines",
        seconds = LOADING.as_secs()
    )]
    Load(&'static str),
}

/// An installation.
#[derive(Clone, Debug)]
pub struct Voices {
    python: PathBuf,
    script: PathBuf,
    identity: String,
}

/// The engines of an installation, with their models loaded.
pub struct Loaded {
    /// The synthesiser.
    pub piper: Arc<Piper>,
    /// The recogniser.
    pub whisper: Arc<Whisper>,
    /// What keeps the workers; ends with them.
    pub tasks: Vec<JoinHandle<()>>,
}

impl Voices {
    /// The installation in a directory.
    ///
    /// # Errors
    /// Where a part of it is missing.
    pub fn find(directory: &Path) -> Result<Self, VoicesError> {
        let missing = |path: &Path, error| VoicesError::Missing { path: path.to_owned(), error };
        // A child does not start in a directory of its own, but a path without a slash would be looked for elsewhere.
        let directory = directory.canonicalize().map_err(|error| missing(directory, error))?;
        let (python, script) = (directory.join("venv/bin/python"), directory.join("worker.py"));
        python.metadata().map_err(|error| missing(&python, error))?;
        let read = |path: &Path| fs::read(path).map_err(|error| missing(path, error));
        // The packages, models and all, are pinned by the hashes in this list, and it is put there last.
        let pinned = [read(&script)?, read(&directory.join("requirements.txt"))?].concat();
        let hash = super::prompt::sha256(&pinned);
        Ok(Self { python, script, identity: format!("piper en_US-joe-medium {hash}") })
    }

    /// Starts the workers, which run until `stop`, and waits until they are loaded. `deadline` is how long one answer
    /// may take.
    ///
    /// # Errors
    /// Where one of them does not load.
    pub async fn start(&self, deadline: Duration, stop: &CancellationToken) -> Result<Loaded, VoicesError> {
        let options = |child, work: &str, deadline, most_bytes| WorkerOptions {
            child,
            program: self.python.clone(),
            // Without the user's own packages and without what the environment says.
            arguments: vec!["-I".to_owned(), self.script.display().to_string(), work.to_owned()],
            loading: LOADING,
            deadline,
            requests: REQUESTS,
            most_bytes,
        };
        let speaking = options("synthesiser_worker", "speak", deadline * LONG_LINE, LONGEST_SOUND);
        let listening = options("recogniser_worker", "listen", deadline, LONGEST_TEXT);
        let (speaker, speaking) = Worker::start(speaking, stop.clone());
        let (listener, listening) = Worker::start(listening, stop.clone());
        let (can_speak, can_listen) = tokio::join!(speaker.loaded(), listener.loaded());
        can_speak.map_err(|_: EngineFailure| VoicesError::Load("synthesiser"))?;
        can_listen.map_err(|_: EngineFailure| VoicesError::Load("recogniser"))?;
        let piper = Piper { worker: Arc::new(speaker), identity: self.identity.clone() };
        let whisper = Whisper { worker: Arc::new(listener) };
        Ok(Loaded { piper: Arc::new(piper), whisper: Arc::new(whisper), tasks: vec![speaking, listening] })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use dialogue::GrammarId;

    use super::*;
    use crate::speech::{Decoder, Grammar, RecognitionEngine, Utterance, Voice, polish::polish};

    #[test]
    fn what_is_missing_is_named_with_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let complaint = |path: &Path| Voices::find(path).unwrap_err().to_string();
        assert!(complaint(&directory.path().join("voices")).contains("make voices"));
        fs::create_dir_all(directory.path().join("venv/bin")).unwrap();
        fs::write(directory.path().join("venv/bin/python"), "").unwrap();
        assert!(complaint(directory.path()).contains("worker.py"));
        fs::write(directory.path().join("worker.py"), "").unwrap();
        assert!(complaint(directory.path()).contains("requirements.txt"), "an installation that was broken off");
    }

    #[test]
    fn another_installation_is_another_voice() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("venv/bin")).unwrap();
        let identities: Vec<String> = ["one", "one", "two"]
            .map(|list| {
                for file in ["venv/bin/python", "worker.py", "requirements.txt"] {
                    fs::write(directory.path().join(file), list).unwrap();
                }
                Voices::find(directory.path()).unwrap().identity
            })
            .to_vec();
        assert_eq!(identities[0], identities[1]);
        assert_ne!(identities[0], identities[2]);
    }

    /// Where the voices are, if they are: `TONEGATE_VOICES`, or the place where `make voices` puts them.
    fn installed() -> Option<Voices> {
        let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../var/voices");
        let directory = std::env::var_os("TONEGATE_VOICES").map_or(default, PathBuf::from);
        Voices::find(&directory).ok()
    }

    /// The one test here that may have nothing to test: the voices are 250 MB that `make test` does not fetch.
    #[tokio::test]
    async fn the_real_voice_speaks_and_the_real_recogniser_understands() {
        let Some(voices) = installed() else {
            let why =
                "left out: the better local voices are not installed (make voices, or TONEGATE_VOICES=directory)\n";
            std::io::stderr().write_all(why.as_bytes()).ok();
            return;
        };
        let stop = CancellationToken::new();
        let loaded = voices.start(Duration::from_secs(20), &stop).await.unwrap();
        for (id, text) in
            [(GrammarId::PayInFull, "I need more time."), (GrammarId::PostalCode, "Four, oh, two, one, nine.")]
        {
            let (one, two) = (loaded.piper.say(text).await.unwrap(), loaded.piper.say(text).await.unwrap());
            assert!(one.samples == two.samples, "the same text sounds the same, bit for bit");
            let utterance = Utterance { hertz: 8_000, samples: polish(&one).unwrap() };
            let decoder: Box<dyn Decoder> = loaded.whisper.prepare(&Grammar::from(id)).unwrap();
            let heard = decoder.decode(utterance).await.unwrap().expect("it was understood");
            assert_eq!(id.parse(&heard), id.parse(text), "{text}");
        }
        stop.cancel();
        futures_util::future::join_all(loaded.tasks).await;
    }
}
