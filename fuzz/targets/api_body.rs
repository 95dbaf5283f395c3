#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| call::fuzzing::api_body(bytes));
