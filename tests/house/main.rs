//! The house's own rules, checked against what is really built: layers, and what may be linked where; and against what is
//! kept: the corpora of the fuzz targets, and the tests that promises name.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fuzzing;
mod layers;
mod promises;
