//! Reads the bytes of a fuzzer as a script: numbers and strings until nothing is left.

#![allow(dead_code, reason = "each zone reads what its scripts are made of")]

use std::time::{Duration, Instant};

/// What is left of a script. Reading beyond its end yields zeros.
pub(super) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next step's number; `None` at the end.
    pub(super) fn step(&mut self) -> Option<u8> {
        (!self.0.is_empty()).then(|| self.byte())
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(super) fn word(&mut self) -> u16 {
        u16::from_be_bytes(self.take())
    }

    pub(super) fn long(&mut self) -> u32 {
        u32::from_be_bytes(self.take())
    }

    pub(super) fn millis(&mut self) -> Duration {
        Duration::from_millis(self.word().into())
    }

    /// Up to so many bytes.
    pub(super) fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// A string of up to 255 bytes, after its length.
    pub(super) fn string(&mut self) -> &'a [u8] {
        let length = self.byte();
        self.bytes(length.into())
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let bytes = self.bytes(N);
        out[..bytes.len()].copy_from_slice(bytes);
        out
    }
}

/// When a script begins. The results depend on no clock: times are only added to it.
#[allow(clippy::disallowed_methods, reason = "an Instant has no other beginning")]
pub(super) fn beginning() -> Instant {
    Instant::now()
}
