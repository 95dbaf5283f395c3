//! The Tonegate binary.
fn main() {}
