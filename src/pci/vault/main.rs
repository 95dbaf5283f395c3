//! The vault's own process.
fn main() {}
