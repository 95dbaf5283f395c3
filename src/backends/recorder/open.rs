//! Opens a sealed recording, and says whether all of it is there.

use std::io::{self, Read, Seek, SeekFrom, Write};

use zeroize::Zeroizing;

use super::{
    Gaps,
    key::PrivateKey,
    seal::{CHUNK, ENCAPSULATED, LAST, LENGTH, MAGIC, SEALED_KEY, TAG, Unsealer, WITH_GAPS},
    wave,
};

/// The length of a last chunk that says what is missing has both.
const LAST_WITH_GAPS: u32 = LAST | WITH_GAPS;

/// Why a sealed recording cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It does not begin as one.
    #[error("this is no sealed recording")]
    NotSealed,
    /// It is sealed to another key.
    #[error("it is sealed to another key than this one")]
    OtherKey,
    /// Its header was changed.
    #[error("its header is not as it was written, so nothing of it can be opened")]
    Header,
    /// It cannot be read, or the output not be written.
    #[error(transparent)]
    File(#[from] io::Error),
}

/// How a sealed recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As it was written, all of it.
    Whole,
    /// As it was written, all of it, and this was missing then.
    Gaps(Gaps),
    /// Its end is missing: the gateway died while writing it, or somebody cut it.
    Missing,
    /// From this byte on it is not what was written in its place.
    Changed(u64),
}

/// What was opened: all of it was written as it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened {
    /// The name of the recording, which is its call's.
    pub name: String,
    /// Bytes of content.
    pub bytes: u64,
    /// What came after them.
    pub end: End,
}

/// Opens `input` with `key` into `output`, as far as it is as it was written.
///
/// # Errors
/// Where it is not sealed to this key, or a file fails. Then `output` is not to be used.
pub fn open(input: &mut impl Read, key: &PrivateKey, output: &mut (impl Write + Seek)) -> Result<Opened, OpenError> {
    let mut input = Input { input, at: 0 };
    let (name, mut unsealer) = begin(&mut input, key)?;
    let mut chunk = Zeroizing::new(Vec::with_capacity(CHUNK + TAG));
    let (mut start, mut bytes) = (Vec::new(), 0);
    let end = loop {
        let end = next(&mut input, &mut unsealer, &mut chunk)?;
        if matches!(end, None | Some(End::Whole | End::Gaps(_))) {
            output.write_all(&chunk)?;
            bytes += chunk.len() as u64;
            start.extend(chunk.iter().take(wave::RECOGNISED.saturating_sub(start.len())));
        }
        if let Some(end) = end {
            break end;
        }
    };
    for (place, value) in wave::corrections(&start, bytes).into_iter().flatten() {
        output.seek(SeekFrom::Start(place))?;
        output.write_all(&value)?;
    }
    output.flush()?;
    Ok(Opened { name, bytes, end })
}

/// Opens the next chunk. Where it is the last one, or there is none, returns how the recording ends.
fn next(
    input: &mut Input<'_, impl Read>,
    unsealer: &mut Unsealer,
    chunk: &mut Zeroizing<Vec<u8>>,
) -> io::Result<Option<End>> {
    let changed = End::Changed(input.at);
    let mut prefix = [0; LENGTH];
    if input.read(&mut prefix)? < LENGTH {
        return Ok(Some(End::Missing));
    }
    let prefix = u32::from_be_bytes(prefix);
    let (flags, length) = (prefix & LAST_WITH_GAPS, (prefix & !LAST_WITH_GAPS) as usize);
    if prefix == 0 && input.rest_is_zero()? {
        // A machine that lost its power can leave a file longer than what was written.
        return Ok(Some(End::Missing));
    }
    if !(TAG..=CHUNK + TAG).contains(&length) {
        return Ok(Some(changed));
    }
    chunk.resize(length, 0);
    if input.read(chunk)? < length {
        return Ok(Some(End::Missing));
    }
    Ok(match flags {
        0 => (!unsealer.open(chunk)).then_some(changed),
        _ if input.read(&mut [0])? > 0 => Some(changed),
        LAST => Some(if unsealer.open_last(chunk) { End::Whole } else { changed }),
        LAST_WITH_GAPS => Some(unsealer.open_last_with_gaps(chunk).map_or(changed, End::Gaps)),
        _ => Some(changed),
    })
}

/// Reads the header: the recording's name, and what opens its chunks.
fn begin(input: &mut Input<'_, impl Read>, key: &PrivateKey) -> Result<(String, Unsealer), OpenError> {
    let mut bound = vec![0; MAGIC.len() + key.public().fingerprint().len() + 1];
    if input.read(&mut bound)? < bound.len() || !bound.starts_with(&MAGIC) {
        return Err(OpenError::NotSealed);
    }
    if bound[MAGIC.len()..bound.len() - 1] != key.public().fingerprint() {
        return Err(OpenError::OtherKey);
    }
    let fixed = bound.len();
    bound.resize(fixed + usize::from(bound[fixed - 1]), 0);
    let mut keys = [0; ENCAPSULATED + SEALED_KEY];
    let is_there = input.read(&mut bound[fixed..])? == bound.len() - fixed && input.read(&mut keys)? == keys.len();
    let (encapsulated, sealed) = keys.split_at(ENCAPSULATED);
    let unsealer = if is_there { Unsealer::new(key, &bound, encapsulated, sealed) } else { None };
    let name = String::from_utf8(bound.split_off(fixed)).ok();
    name.zip(unsealer).ok_or(OpenError::Header)
}

/// Reads as much as there is, and counts it.
struct Input<'input, R> {
    input: &'input mut R,
    at: u64,
}

impl<R: Read> Input<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }

    fn rest_is_zero(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4_096];
        loop {
            let read = self.read(&mut buffer)?;
            if buffer[..read].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            if read < buffer.len() {
                return Ok(true);
            }
        }
    }
}
