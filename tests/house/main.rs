//! The house's own rules, checked against what is really built: layers, and what may be linked where; and against what is
//! kept: the corpora of the fuzz targets, the tests that promises name, how much an auditor has to read, what the
//! assessor's pages name, and what customers deploy in Salesforce.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod assessor;
mod fuzzing;
mod layers;
mod lines;
mod promises;
mod sabotage;
mod salesforce;
