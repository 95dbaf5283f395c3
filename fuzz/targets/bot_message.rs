#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| backends::fuzzing::bot_message(bytes));
