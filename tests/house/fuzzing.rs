//! Every fuzz target has a corpus that the tests play, and every corpus has a target.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Most bytes of all corpora together: they are for reading and playing, not for keeping everything.
const MOST_BYTES: u64 = 1_000_000;

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Where the function that a target calls is written.
fn module(call: &str) -> String {
    match call.split("::").next().unwrap() {
        zone @ ("gate" | "vault") if Path::new("fuzz/pci").join(zone).with_extension("rs").exists() => {
            format!("fuzz/pci/{zone}.rs")
        }
        zone => format!("src/{zone}/fuzzing.rs"),
    }
}

#[test]
fn every_target_has_a_corpus_that_the_tests_play() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let targets = names(&root.join("fuzz/targets"));
    assert_eq!(targets, names(&root.join("fuzz/corpus")), "targets on the left, corpora on the right");
    let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
    for target in &targets {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not built");
        let text = fs::read_to_string(root.join("fuzz/targets").join(target).with_extension("rs")).unwrap();
        let call = text.split_once("|bytes: &[u8]| ").unwrap_or_else(|| panic!("{target} takes no bytes")).1;
        assert!(call.contains(&format!("::fuzzing::{target}(bytes)")), "{target} calls the function of its name");
        let zone = fs::read_to_string(root.join(module(call))).unwrap();
        let played = zone.split_once("replay!(").and_then(|(_, rest)| rest.split_once(')')).unwrap().0;
        assert!(played.split(',').any(|name| name.trim() == target), "no test plays the corpus of {target}");
    }
}

#[test]
fn corpora_are_small_and_named_by_their_content() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut bytes = 0;
    for target in names(&corpora) {
        for entry in fs::read_dir(corpora.join(&target)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let is_hash = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_hash, "{target}/{name} is not named by its hash");
            bytes += entry.metadata().unwrap().len();
        }
    }
    assert!(bytes < MOST_BYTES, "{bytes} bytes of corpora; cargo fuzz cmin makes them smaller");
}
