use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::*;

const TODAY: Date = date(2026, 11, 23);
const SAMPLE_STRATEGIES: &[u8] = include_bytes!("../../../config/sample-strategies.csv");
const SAMPLE_ACCOUNTS: &[u8] = include_bytes!("../../../config/sample-accounts.csv");
const GOOD: &str =
    "A-1,40010001,Ana,Ruiz,+12025550101,1980-02-29,20001,100.00,USD,Northwind Credit,,en,America/New_York,standard";

fn import(rows: &[&str]) -> Import<crate::Account> {
    let text = format!("{}\n{}\n", ACCOUNT_COLUMNS.join(","), rows.join("\n"));
    accounts(text.as_bytes(), &strategies(SAMPLE_STRATEGIES).unwrap().rows, TODAY).unwrap()
}

/// The good row with one column replaced.
fn with(column: &str, value: &str) -> String {
    let place = ACCOUNT_COLUMNS.iter().position(|name| *name == column).unwrap();
    let mut values: Vec<&str> = GOOD.split(',').collect();
    values[place] = value;
    values.join(",")
}

#[test]
fn the_samples_are_clean() {
    let strategies = strategies(SAMPLE_STRATEGIES).unwrap();
    assert!(strategies.report.is_clean(), "{}", strategies.report);
    let accounts = accounts(SAMPLE_ACCOUNTS, &strategies.rows, TODAY).unwrap();
    assert!(accounts.report.is_clean(), "{}", accounts.report);
    assert!(accounts.rows.len() >= 24);
    for account in &accounts.rows {
        let digits = account.phone.as_e164();
        assert!(digits.get(5..10) == Some("55501"), "only numbers kept free for fiction");
    }
}

#[test]
fn a_bad_value_names_its_line_its_column_and_what_to_do() {
    let bad = [
        ("external_id", ""),
        ("external_id", "a b"),
        ("reference", "12"),
        ("given_name", " "),
        ("phone", "555"),
        ("date_of_birth", "29.02.1980"),
        ("date_of_birth", "1981-02-29"),
        ("date_of_birth", "2026-11-23"),
        ("date_of_birth", "2015-01-01"),
        ("postal_code", "1"),
        ("balance", "$100"),
        ("balance", "1.005"),
        ("currency", "DOLLAR"),
        ("currency", "EUR"),
        ("creditor", ""),
        ("flags", "stopped"),
        ("language", "English"),
        ("time_zone", "America/Nowhere"),
        ("strategy", "none"),
    ];
    for (column, value) in bad {
        let row = with(column, value);
        let import = import(&[GOOD, &row]);
        assert_eq!((import.report.read, import.report.accepted), (2, 1), "{column}");
        let problem = &import.report.problems[0];
        assert_eq!((problem.line, problem.column), (3, Some(column)), "{problem}");
        assert!(!problem.remedy.is_empty());
        assert!(value.trim().len() < 3 || !problem.to_string().contains(value), "{problem}");
    }
}

#[test]
fn every_problem_of_a_row_is_reported_at_once() {
    let row = with("phone", "555").replace("100.00", "many").replace("standard", "none");
    let columns: Vec<_> = import(&[&row]).report.problems.iter().filter_map(|problem| problem.column).collect();
    assert_eq!(columns, ["phone", "balance", "strategy"]);
}

#[test]
fn duplicates_are_named_and_a_shared_number_is_only_remarked() {
    let shared = with("external_id", "A-2").replace("40010001", "40010002");
    let import = import(&[GOOD, GOOD, &shared]);
    assert_eq!((import.report.accepted, import.report.rejected()), (2, 1));
    assert_eq!(import.report.problems.len(), 2, "id and reference");
    assert_eq!(
        import.report.problems[0].to_string().split(';').next(),
        Some("line 3, column external_id: line 2 has the same id")
    );
    assert_eq!(import.report.warnings.len(), 1);
    assert_eq!((import.report.warnings[0].line, import.report.warnings[0].column), (4, Some("phone")));
}

#[test]
fn rows_of_the_wrong_length_and_bytes_that_are_no_text_are_reported() {
    let mut text = format!("{}\nA-1,too,short\n{GOOD},extra\n", ACCOUNT_COLUMNS.join(",")).into_bytes();
    text.extend_from_slice(with("creditor", "#").replace('#', "\u{fffd}").as_bytes());
    let place = text.windows(3).position(|window| window == "\u{fffd}".as_bytes()).unwrap();
    text.splice(place..place + 3, [0xff]);
    let strategies = strategies(SAMPLE_STRATEGIES).unwrap().rows;
    let import = accounts(&text, &strategies, TODAY).unwrap();
    let places: Vec<_> = import.report.problems.iter().map(|problem| (problem.line, problem.column)).collect();
    assert_eq!(places, [(2, None), (3, None), (4, Some("creditor"))]);
    assert_eq!((import.report.read, import.report.accepted), (3, 0));
}

#[test]
fn a_minor_needs_the_flag() {
    let row = with("date_of_birth", "2015-01-01").replace(",,en,", ",minor,en,");
    assert_eq!(import(&[&row]).report.accepted, 1);
}

#[test]
fn a_wrong_header_refuses_the_file() {
    let refuse = |header: &str| accounts(header.as_bytes(), &[], TODAY).unwrap_err();
    let expected = ACCOUNT_COLUMNS.join(",");
    assert_eq!(refuse(""), ImportError::Empty { expected: expected.clone() });
    let missing = refuse(&expected.replace(",phone", ""));
    assert_eq!(missing, ImportError::MissingColumn { column: "phone", expected: expected.clone() });
    let unknown = refuse(&format!("{expected},nickname"));
    assert_eq!(unknown, ImportError::UnknownColumn { position: 15, expected: expected.clone() });
    assert_eq!(refuse(&format!("{expected},phone")), ImportError::RepeatedColumn { column: "phone" });
}

#[test]
fn a_byte_order_mark_and_quoted_commas_are_understood() {
    let strategies = strategies(SAMPLE_STRATEGIES).unwrap().rows;
    let row = GOOD.replace("Northwind Credit", "\"Northwind, Credit\"");
    let text = format!("\u{feff}{}\r\n{row}\r\n", ACCOUNT_COLUMNS.join(","));
    let import = accounts(text.as_bytes(), &strategies, TODAY).unwrap();
    assert_eq!(import.rows[0].creditor, "Northwind, Credit");
}

#[test]
fn a_strategy_that_contradicts_itself_is_left_out() {
    let header = STRATEGY_COLUMNS.join(",");
    let text = format!(
        "{header}\nx,X,USD,25.00,25.00,0,monthly,30,200,following,,,,\ny,Y,USD,25.00,0,6,daily,30,200,following,,50,,\n"
    );
    let import = strategies(text.as_bytes()).unwrap();
    let columns: Vec<_> = import.report.problems.iter().filter_map(|problem| problem.column).collect();
    let settlement = ["settlement_approval_under_percent", "settlement_valid_days"];
    assert_eq!(columns, ["id", "frequencies", settlement[0], settlement[1]]);
    assert_eq!(import.report.rejected(), 2);
}

#[test]
fn lines_are_counted_as_an_editor_counts_them_whatever_ends_them() {
    let strategies = strategies(SAMPLE_STRATEGIES).unwrap().rows;
    let rows =
        [ACCOUNT_COLUMNS.join(","), GOOD.to_owned(), "too,short".to_owned(), String::new(), "short,too".to_owned()];
    for end in ["\n", "\r\n"] {
        let import = accounts(rows.join(end).as_bytes(), &strategies, TODAY).unwrap();
        let lines: Vec<u64> = import.report.problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [3, 5], "{end:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic_and_every_row_is_accounted_for(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut text = format!("{}\n{GOOD}\n", ACCOUNT_COLUMNS.join(",")).into_bytes();
        // Lines end in a line feed; a lone carriage return ends a row but no line.
        text.extend(bytes.iter().filter(|byte| **byte != b'\r'));
        let strategies = strategies(SAMPLE_STRATEGIES).unwrap().rows;
        if let Ok(import) = accounts(&text, &strategies, TODAY) {
            prop_assert_eq!(import.rows.len() as u64, import.report.accepted);
            let lines: std::collections::BTreeSet<u64> = import.report.problems.iter().map(|problem| problem.line).collect();
            prop_assert_eq!(lines.len() as u64, import.report.rejected());
        }
    }
}

#[test]
fn a_card_number_is_left_out_with_its_row_in_every_column() {
    for column in ACCOUNT_COLUMNS {
        let import = import(&[&with(column, "9999 2718 2845 9041")]);
        let problem = &import.report.problems[0];
        assert_eq!((import.rows.len(), problem.column), (0, Some(*column)));
        assert!(problem.what.contains("card") && !import.report.to_string().contains("9041"), "{column}");
    }
}

#[test]
fn a_column_made_for_cards_refuses_the_file() {
    for name in ["blng__CardNumber__c", "blng__CVV__c", "CardNumber", "security_code"] {
        let text = format!("{},{name}\n", ACCOUNT_COLUMNS.join(","));
        let position = ACCOUNT_COLUMNS.len() + 1;
        assert_eq!(accounts(text.as_bytes(), &[], TODAY).unwrap_err(), ImportError::CardColumn { position });
    }
    for columns in [ACCOUNT_COLUMNS, STRATEGY_COLUMNS] {
        assert!(!columns.iter().any(|name| rules::account_data::is_forbidden_field(name)));
    }
}
