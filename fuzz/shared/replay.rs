//! Plays the committed corpora to a zone's fuzz targets, as plain tests: `replay!(target, …)`.

#![allow(clippy::disallowed_methods, reason = "the corpora are files")]

use std::path::{Path, PathBuf};

/// Makes a test of each target: every input that was kept goes through the function of that name.
macro_rules! replay {
    ($($target:ident),+ $(,)?) => { $(
        #[test]
        fn $target() {
            super::replay::play(stringify!($target), super::$target);
        }
    )+ };
}
pub(super) use replay;

/// Hands every file of the target's corpus to `target`. The last file that is named is the culprit.
pub(super) fn play(name: &str, target: fn(&[u8])) {
    let files = corpus(name);
    assert!(!files.is_empty(), "{name} has no corpus");
    for file in files {
        println!("{}", file.display());
        target(&std::fs::read(&file).expect("a file that can be read"));
    }
}

fn corpus(name: &str) -> Vec<PathBuf> {
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let fuzz = above.find_map(|directory| Some(directory.join("fuzz/corpus")).filter(|path| path.is_dir()));
    let directory = fuzz.expect("the workspace has corpora").join(name);
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}
