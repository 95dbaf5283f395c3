//! Builds for use have no deliberate faults: the feature that brings them is asked for by nobody. And no fault is there for nothing:
//! each is tried.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may name the feature: the crates that have it, and the trial that builds with it.
const HAVE_IT: &[&str] = &["src/frame/Cargo.toml", "src/edge/Cargo.toml", "src/backends/Cargo.toml"];

fn manifests(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            manifests(&path, found);
        } else if path.ends_with("Cargo.toml") {
            found.push(path);
        }
    }
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// The words between quotation marks, each time that some text stands before them.
fn quoted(text: &str, before: &str) -> BTreeSet<String> {
    let rests = text.split(before).skip(1);
    rests.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[test]
fn every_fault_is_tried_and_no_other_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut sources, mut built_in) = (Vec::new(), BTreeSet::new());
    files(&root.join("src"), &mut sources);
    for path in sources.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        built_in.extend(quoted(&fs::read_to_string(path).unwrap(), "sabotaged(\""));
    }
    let trial = fs::read_to_string(root.join("tests/system/prove.rs")).unwrap();
    let list = trial.split("const FAULTS").nth(1).and_then(|rest| rest.split("];").next());
    assert_eq!(built_in, quoted(list.expect("a list of faults"), "(\""));
}

#[test]
fn no_build_for_use_has_the_faults() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("Cargo.toml")];
    manifests(&root.join("src"), &mut found);
    for path in &found {
        let text = fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
        assert!(!text.contains("sabotage") || HAVE_IT.contains(&name), "{name} asks for deliberate faults");
        assert!(!text.contains("default = ["), "{name} has default features, which might bring them");
    }
    let mut makers = vec![root.join("Makefile"), root.join(".ci/run")];
    files(&root.join("deploy"), &mut makers);
    assert!(makers.len() > 20, "what builds and deploys is read");
    for maker in makers {
        let bytes = fs::read(&maker).unwrap();
        let is_there = String::from_utf8_lossy(&bytes).contains("sabotage");
        assert!(!is_there, "{} builds with deliberate faults", maker.display());
    }
}

#[test]
fn this_build_has_none() {
    assert!(!frame::sabotaged("log_key"));
}
