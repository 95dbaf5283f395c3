#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| book::fuzzing::salesforce_mapping(bytes));
