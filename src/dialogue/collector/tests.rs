//! The collector in whole talks.

mod properties;
mod scenarios;
mod talk;
