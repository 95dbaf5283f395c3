#![no_main]
#![allow(dead_code, unused_imports, reason = "of the binary's module only the reading is fuzzed")]

#[path = "../../src/config/mod.rs"]
mod config;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| config::fuzzing::configuration(bytes));
