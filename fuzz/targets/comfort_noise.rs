#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| audio::fuzzing::comfort_noise(bytes));
