#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dtls::fuzzing::dtls_handshake(bytes));
