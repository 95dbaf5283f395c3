//! The house's own rules, checked against what is really built: layers, and what may be linked where.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod layers;
