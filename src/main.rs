//! The Tonegate binary.
#[allow(dead_code, unused_imports, reason = "read by the start-up that is to come")]
mod config;
fn main() {}
