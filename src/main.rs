//! The Tonegate binary.
#[allow(dead_code, unused_imports, reason = "served by the start-up that is to come")]
mod admin;
#[allow(dead_code, unused_imports, reason = "served by the start-up that is to come")]
mod api;
#[allow(dead_code, unused_imports, reason = "read by the start-up that is to come")]
mod config;
#[allow(dead_code, unused_imports, reason = "started by the start-up that is to come")]
mod sandbox;
fn main() {}
