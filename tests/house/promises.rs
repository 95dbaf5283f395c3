//! Every promise of the media path and of the card path names files and tests that are there.

use std::fs;
use std::path::Path;

/// The text of every source file below a directory, one after the other.
fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// What stands in backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Fails where a cell names no test, or one that is not there.
fn assert_tests(row: &str, cell: &str, text: &str) {
    assert!(names(cell).next().is_some(), "no test: {row}");
    for test in names(cell).filter(|name| !name.starts_with("make ")) {
        assert!(text.contains(&format!("fn {test}(")), "no test is called {test}");
    }
}

/// The text of everything that may hold a test.
fn tests() -> String {
    let mut text = String::new();
    sources(&root().join("src"), &mut text);
    sources(&root().join("tests"), &mut text);
    text
}

#[test]
fn the_card_paths_promises_name_tests_that_are_there() {
    let page = fs::read_to_string(root().join("src/pci/README.md")).unwrap();
    let text = tests();
    let table = page.lines().skip_while(|line| !line.starts_with("| what senders and networks do |"));
    let rows: Vec<&str> = table.skip(2).take_while(|line| line.starts_with("| ")).collect();
    assert!(rows.len() > 10, "the table is read");
    for row in rows {
        assert_tests(row, row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default(), &text);
    }
}

#[test]
fn the_media_paths_promises_name_what_is_there() {
    let page = fs::read_to_string(root().join("src/rtp/README.md")).unwrap();
    let text = tests();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 20, "the table is read");
    for row in rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [_, places, tests] = cells.as_slice() else { panic!("a row of three cells: {row}") };
        for place in names(places) {
            assert!(root().join("src").join(place).exists(), "src/{place} is not there");
        }
        assert_tests(row, tests, &text);
    }
}
