//! A stereo WAV file that can be read while it grows.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Bytes of the header.
const HEADER: u64 = 44;
/// Bytes of one sample of both sides.
const PAIR: u64 = 4;
/// The most bytes of audio that the header can state.
const LONGEST: u64 = u32::MAX as u64 - HEADER;

/// A file being written.
pub(super) struct WaveFile {
    file: BufWriter<File>,
    samples: u64,
    room: u64,
}

impl WaveFile {
    /// Makes the file, for its owner alone; it may take `quota` bytes.
    pub(super) fn create(path: &Path, hertz: u32, quota: u64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut file = Self { file: BufWriter::new(file), samples: 0, room: quota.min(LONGEST) };
        file.file.write_all(&header(hertz))?;
        file.flush()?;
        Ok(file)
    }

    /// Appends samples of both sides. Returns false where the quota has no room for them.
    pub(super) fn append(&mut self, pairs: &[(i16, i16)]) -> io::Result<bool> {
        if HEADER + (self.samples + pairs.len() as u64) * PAIR > self.room {
            return Ok(false);
        }
        for (left, right) in pairs {
            self.file.write_all(&left.to_le_bytes())?;
            self.file.write_all(&right.to_le_bytes())?;
        }
        self.samples += pairs.len() as u64;
        Ok(true)
    }

    /// Writes everything out and lets the header say so.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let bytes = u32::try_from(self.samples * PAIR).unwrap_or(u32::MAX);
        for (place, value) in [(4, bytes.saturating_add(HEADER as u32 - 8)), (HEADER - 4, bytes)] {
            self.file.seek(SeekFrom::Start(place))?;
            self.file.write_all(&value.to_le_bytes())?;
        }
        self.file.seek(SeekFrom::Start(HEADER + u64::from(bytes)))?;
        Ok(())
    }

    /// Waits until the file is on the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.get_ref().sync_all()
    }

    /// Samples of each side so far.
    pub(super) fn samples(&self) -> u64 {
        self.samples
    }
}

fn header(hertz: u32) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt ".to_vec();
    bytes.extend(16_u32.to_le_bytes());
    // PCM, two channels.
    bytes.extend([1, 0, 2, 0]);
    bytes.extend(hertz.to_le_bytes());
    bytes.extend((hertz * PAIR as u32).to_le_bytes());
    // Bytes a pair, bits a sample.
    bytes.extend([PAIR as u8, 0, 16, 0]);
    bytes.extend(b"data\0\0\0\0");
    bytes
}
