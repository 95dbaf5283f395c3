//! A file that lies in memory alone: how audio reaches a child process, and comes back, without touching a disk.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    process::Stdio,
};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use super::engine::little_endian;

/// A memory file, emptied when dropped: a child that still holds it finds nothing left.
pub(super) struct MemoryFile(File);

impl MemoryFile {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(File::from(memfd_create("tonegate-audio", MemfdFlags::CLOEXEC)?)))
    }

    /// The same file as a child's standard stream.
    pub(super) fn stdio(&self) -> io::Result<Stdio> {
        Ok(Stdio::from(self.0.try_clone()?))
    }

    /// Writes 16-bit little-endian samples.
    pub(super) fn write_samples(&mut self, samples: impl Iterator<Item = i16> + Clone) -> io::Result<()> {
        self.0.write_all(&little_endian(samples))
    }

    /// Everything in it.
    pub(super) fn read_all(&mut self) -> io::Result<Vec<u8>> {
        self.0.seek(SeekFrom::Start(0))?;
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        if let Err(error) = ftruncate(&self.0, 0) {
            tracing::warn!(%error, "audio in memory could not be emptied");
        }
    }
}
