//! Whoever sets an org up finds every refusal that the gateway can print in the guide.

use std::{collections::BTreeSet, fs};

use backends::salesforce::{SalesforceError, SignInError};
use book::salesforce::Fault;

/// The first column of the guide's table of refusals, in which what is literal stands between backticks.
fn told() -> BTreeSet<String> {
    let guide = fs::read_to_string("deploy/salesforce/README.md").expect("the guide");
    let table = guide.split("| it says | look at |").nth(1).expect("a table").split("\n\n").next().expect("its rows");
    let cells = table.lines().filter_map(|row| row.strip_prefix("| `")?.split_once(" | ").map(|(cell, _)| cell));
    cells.flat_map(|cell| cell.split('`').step_by(2)).map(str::to_owned).collect()
}

#[test]
fn every_refusal_of_an_org_stands_in_the_guide() {
    let told = told();
    for fault in Fault::ALL {
        let refused = format!("Salesforce refuses: {}", fault.name());
        assert!(told.contains(&refused) || told.contains(fault.name()), "{refused}");
    }
}

#[test]
fn every_reason_why_nobody_is_signed_in_stands_in_the_guide() {
    let (dots, why) = ("…", || "…".to_owned());
    let sign_ins =
        [SignInError::Silent(why()), SignInError::Malformed, SignInError::Waiting].map(|error| error.to_string());
    let codes = ["invalid_grant", "invalid_client_id", "app_not_found", "invalid_request"];
    let refused = codes.map(|code| SignInError::Refused(code.into()).to_string());
    let others =
        [SalesforceError::Unreached, SalesforceError::Resting, SalesforceError::Lost, SalesforceError::Malformed];
    let files = ["book.key_file", "book.ca"].map(|setting| {
        SalesforceError::File { setting, file: dots.into(), why: why() }.to_string().replace("…: …", dots)
    });
    let others = others.map(|error| error.to_string());
    for line in sign_ins.iter().chain(&refused).chain(&others).chain(&files) {
        assert!(told().contains(line), "{line}");
    }
}
