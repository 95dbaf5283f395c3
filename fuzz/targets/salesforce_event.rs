#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| backends::fuzzing::salesforce_event(bytes));
