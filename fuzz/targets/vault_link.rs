#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gate::fuzzing::vault_link(bytes));
