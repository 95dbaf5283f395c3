//! Whole calls: what `make demo` shows, with other people, voices and words.

use std::{fs, process::Command, time::Duration};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::plant::{alone, directory, example, run};

/// Longest one call may take, start and end of the gateway included.
const LIMIT: Duration = Duration::from_secs(330);

#[test]
fn the_whole_call_comes_to_the_same_with_either_account_book() {
    let both = || ["sqlite", "salesforce"].map(|book| hold(2, book));
    let day = today();
    let held = both();
    // Payments fall due by the day of the call: where that ended meanwhile, both calls are held again.
    let [embedded, salesforce] = if today() == day { held } else { both() };
    assert_eq!(embedded, salesforce);
}

/// The day where the accounts are, unless they say otherwise.
fn today() -> Date {
    let zone = TimeZone::get("America/New_York").expect("time-zone data");
    Timestamp::now().to_zoned(zone).date()
}

#[test]
fn the_whole_call_is_held_with_seed_3() {
    hold(3, "sqlite");
}

/// Holds a call, and says what it left in the account book.
fn hold(seed: u64, book: &str) -> String {
    let _alone = alone();
    let output = directory(&format!("calls-{seed}-{book}")).join("output.txt");
    let place = format!("target/system/demo-{seed}-{book}");
    let mut demo = Command::new(example("demo"));
    demo.args(["--seed", &seed.to_string(), "--book", book, "--directory", &place]);
    let status = run(&mut demo, &output, LIMIT);
    let text = fs::read_to_string(&output).unwrap_or_default();
    assert!(status.is_some_and(|status| status.success()), "seed {seed} ended with {status:?}:\n{text}");
    fs::read_to_string(format!("{place}/outcome.json")).expect("an outcome")
}
