//! How many lines of code an auditor of the card path has to read: every line of a `.rs` file but blank ones, lines of
//! comment alone, and tests, which lie in files `tests.rs`. Tests anywhere else are counted.

use std::fs;
use std::path::{Path, PathBuf};

/// Most lines of code of the card path.
const MOST_LINES: usize = 2_500;

fn code_lines(text: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

/// Every source file below a directory, but for tests.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn an_auditor_reads_no_more_than_was_promised() {
    let (mut files, mut total) = (Vec::new(), 0);
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pci"), &mut files);
    for file in &files {
        let lines = code_lines(&fs::read_to_string(file).unwrap());
        println!("{lines:5} {}", file.display());
        total += lines;
    }
    println!("{total:5} in all");
    assert!(files.len() > 20, "the directory was read");
    assert!(total <= MOST_LINES, "{total} lines of code in src/pci, and {MOST_LINES} were promised");
}

#[test]
fn what_is_no_code_is_not_counted_and_tests_beside_code_are() {
    let text = "//! A file.\n\nuse std::fs;\n\n/// One.\n#[derive(Debug)]\nstruct One;\n\nimpl One {\n    // Nothing.\n    \
        fn two() {} // 2\n}\n\n#[cfg(test)]\nmod tests;\n";
    assert_eq!(code_lines(text), 8);
}
