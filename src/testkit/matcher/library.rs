//! The prompts as files: a list that grows, and a WAV for each.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::search::{Filter, filter};

/// The list's file name.
const LIST: &str = "manifest.jsonl";

/// Why prompts cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The list cannot be read.
    #[error("{}: {error}", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
}

/// One line of the list.
#[derive(Deserialize)]
struct Entry {
    name: String,
    text_hash: String,
    pcm_hash: String,
    file: String,
}

/// A prompt to look for.
pub(super) struct Known {
    pub(super) name: String,
    pub(super) text_hash: String,
    pub(super) samples: Vec<f32>,
    pub(super) filter: Filter,
}

/// All prompts of a directory.
pub(super) struct Library {
    directory: PathBuf,
    read: u64,
    seen: HashSet<(String, String)>,
    prompts: Vec<Known>,
}

impl Library {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), read: 0, seen: HashSet::new(), prompts: Vec::new() }
    }

    pub(super) fn prompts(&self) -> &[Known] {
        &self.prompts
    }

    /// Reads what was added to the list. Lines that make no sense, and files that are gone, are passed over.
    pub(super) fn refresh(&mut self) -> Result<(), LibraryError> {
        let path = self.directory.join(LIST);
        let length = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(LibraryError::List { path, error }),
        };
        if length == self.read {
            return Ok(());
        }
        let text = fs::read_to_string(&path).map_err(|error| LibraryError::List { path, error })?;
        // The last line may not be whole yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        for line in whole.lines() {
            if let Ok(entry) = serde_json::from_str::<Entry>(line) {
                self.add(entry);
            }
        }
        self.read = whole.len() as u64;
        Ok(())
    }

    fn add(&mut self, entry: Entry) {
        let key = (entry.name.clone(), entry.pcm_hash.clone());
        if self.seen.contains(&key) {
            return;
        }
        let Some(samples) = read(&self.directory.join(&entry.file)) else { return };
        self.seen.insert(key);
        let filter = filter(&samples);
        self.prompts.push(Known { name: entry.name, text_hash: entry.text_hash, samples, filter });
    }
}

fn read(path: &Path) -> Option<Vec<f32>> {
    let reader = hound::WavReader::open(path).ok()?;
    reader.into_samples::<i16>().map(|sample| sample.ok().map(f32::from)).collect()
}
