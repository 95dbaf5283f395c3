#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| backends::fuzzing::processor_reading(bytes));
