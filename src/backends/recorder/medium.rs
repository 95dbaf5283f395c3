//! What a recording is written to: a file in clear, or one sealed to a key.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use zeroize::Zeroizing;

use super::{
    Gaps,
    key::PublicKey,
    quota::Share,
    seal::{CHUNK, OVERHEAD, Sealer, TRAILER},
};

/// A file that grows. Bytes wait here until [`Medium::commit`] hands them to the kernel.
pub(super) struct Medium {
    file: File,
    share: Share,
    waiting: Zeroizing<Vec<u8>>,
    sealer: Option<Sealer>,
}

impl Medium {
    /// Makes the file, for its owner alone; sealed where there is a key, with `name` inside.
    pub(super) fn create(path: &Path, share: Share, seal_to: Option<&PublicKey>, name: &str) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        // With room for a whole chunk and its tag nothing is ever moved, so no copy is left behind.
        let waiting = Zeroizing::new(Vec::with_capacity(CHUNK + OVERHEAD as usize));
        let mut medium = Self { file, share, waiting, sealer: None };
        if let Some(key) = seal_to {
            let (sealer, header) = Sealer::new(key, name).map_err(io::Error::other)?;
            // The last chunk's own bytes are kept from the start: its end can always be marked.
            medium.take(header.len() as u64 + OVERHEAD + TRAILER as u64)?;
            medium.file.write_all(&header)?;
            medium.sealer = Some(sealer);
        }
        Ok(medium)
    }

    /// Whether only the holder of the private key can read it.
    pub(super) fn is_sealed(&self) -> bool {
        self.sealer.is_some()
    }

    /// Appends. [`io::ErrorKind::QuotaExceeded`], and nothing written, where the quota has no room.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.take(self.cost(bytes.len()))?;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            bytes = later;
            if self.waiting.len() == CHUNK {
                self.commit()?;
            }
        }
        Ok(())
    }

    /// Hands everything to the kernel, which keeps it whatever becomes of this process.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let length = match &mut self.sealer {
            Some(sealer) => sealer.seal(&mut self.waiting)?.to_vec(),
            None => Vec::new(),
        };
        self.hand_over(&length)
    }

    /// Overwrites what was committed at `place`. Nothing that is sealed can be overwritten.
    pub(super) fn overwrite(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        if self.is_sealed() {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(place))?;
        self.file.write_all(bytes)?;
        self.file.seek(SeekFrom::End(0)).map(drop)
    }

    /// Commits, marks the end and what is missing where it is sealed, and waits until all is on the disk.
    pub(super) fn finish(&mut self, gaps: Gaps) -> io::Result<()> {
        if self.waiting.len() + TRAILER > CHUNK {
            self.commit()?;
        }
        match self.sealer.take() {
            Some(sealer) => {
                let length = sealer.seal_last(&mut self.waiting, gaps)?;
                self.hand_over(&length)?;
            }
            None => self.commit()?,
        }
        self.file.sync_all()
    }

    fn hand_over(&mut self, before: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(before).and_then(|()| self.file.write_all(&self.waiting));
        self.waiting.clear();
        written
    }

    /// What so many bytes more will take, with what sealing adds.
    fn cost(&self, bytes: usize) -> u64 {
        if !self.is_sealed() {
            return bytes as u64;
        }
        let chunks = |bytes: usize| bytes.div_ceil(CHUNK) as u64;
        bytes as u64 + (chunks(self.waiting.len() + bytes) - chunks(self.waiting.len())) * OVERHEAD
    }

    fn take(&self, bytes: u64) -> io::Result<()> {
        if self.share.take(bytes) { Ok(()) } else { Err(io::ErrorKind::QuotaExceeded.into()) }
    }
}
