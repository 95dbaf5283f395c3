//! An Ogg Opus file (RFC 7845) that can be played while it grows.
//!
//! The two sides are two Opus streams of their own in one, so that nothing of one is ever heard on the other, as it is where
//! a codec joins them. They are coded without prediction from speech (CELT alone, RFC 6716 §4.3), because only that has a frame for silence
//! that is decoded to zeros. So a capture is exact silence here too, at a price: the caller is silent in one more frame before and
//! after it, in which the codec's memory of what was before it dies away, and what comes after it cannot yet be heard.

use std::{collections::VecDeque, io};

use ::ogg::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Bitrate, MSEncoder};
use rand::Rng;
use zeroize::{Zeroize, Zeroizing};

use super::{Encoding, Gaps, HERTZ, Pair, medium::Medium};

/// Samples of each side in a packet: 20 ms.
const FRAME: usize = HERTZ as usize / 50;
/// Ogg Opus counts samples at 48 kHz (RFC 7845 §4), this many to one of ours.
const GRANULES: u64 = 48_000 / HERTZ as u64;
/// Frames before a mute that are silent with it: in them the decoder comes to rest.
const REST: usize = 1;
/// Bits a second of each side, on average.
const BITS_PER_SECOND: i32 = 24_000;
/// Effort, 0 to 10.
const COMPLEXITY: i32 = 5;
/// Most bytes of a packet: two frames with their lengths.
const MOST_PACKET_BYTES: usize = 2 * 1_277;
/// The sides are two streams, none of them coupled, the first the left channel.
const MAPPING: [u8; 2] = [0, 1];

/// Both sides of 20 ms, sample by sample.
#[derive(Default)]
struct Frame {
    samples: Vec<i16>,
    /// Whether the gate has muted the caller in it.
    is_muted: bool,
    /// Whether the caller is silent in it because of a mute, in it or beside it.
    is_hushed: bool,
}

impl Frame {
    fn hush(&mut self) {
        self.samples.iter_mut().step_by(2).for_each(|sample| *sample = 0);
        self.is_hushed = true;
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.samples.zeroize();
    }
}

/// A file being written.
pub(super) struct OpusFile {
    medium: Medium,
    encoder: MSEncoder,
    pages: PacketWriter<'static, Vec<u8>>,
    serial: u32,
    /// Samples at 48 kHz that a player leaves out: the encoder's delay.
    pre_skip: u64,
    samples: u64,
    filling: Frame,
    waiting: VecDeque<Frame>,
    was_muted: bool,
    /// Whether the last frame that was encoded was hushed.
    is_at_rest: bool,
    /// The last packet, which is the last of its page where the file is flushed now.
    packet: Option<Vec<u8>>,
    packets: u64,
}

impl OpusFile {
    /// Begins the file with its headers.
    pub(super) fn create(medium: Medium) -> io::Result<Self> {
        let (encoder, pre_skip) = encoder().map_err(io::Error::other)?;
        let mut file = Self {
            medium,
            encoder,
            pages: PacketWriter::new(Vec::new()),
            serial: rand::rng().random(),
            pre_skip,
            samples: 0,
            filling: Frame::default(),
            waiting: VecDeque::new(),
            was_muted: false,
            is_at_rest: false,
            packet: None,
            packets: 0,
        };
        for header in [head(pre_skip), tags()] {
            file.pages.write_packet(header, file.serial, PacketWriteEndInfo::EndPage, 0)?;
        }
        file.write_pages()?;
        file.medium.commit()?;
        Ok(file)
    }

    /// The caller is mute: nothing of them that is not yet encoded will be.
    fn hush(&mut self) {
        self.filling.is_muted = true;
        self.filling.hush();
        self.waiting.iter_mut().for_each(Frame::hush);
    }

    fn filled(&mut self) -> io::Result<()> {
        let mut frame = std::mem::take(&mut self.filling);
        if frame.is_muted || self.was_muted {
            frame.hush();
        }
        self.was_muted = frame.is_muted;
        self.waiting.push_back(frame);
        if self.waiting.len() > REST { self.encode_next() } else { Ok(()) }
    }

    fn encode_next(&mut self) -> io::Result<()> {
        let Some(frame) = self.waiting.pop_front() else { return Ok(()) };
        if frame.is_hushed && !self.is_at_rest {
            // Its filters would go on sounding for a quarter of a second.
            self.encoder.reset_state().map_err(io::Error::other)?;
        }
        self.is_at_rest = frame.is_hushed;
        let packet = self.encoder.encode_vec(&frame.samples, MOST_PACKET_BYTES).map_err(io::Error::other)?;
        self.write_packet(PacketWriteEndInfo::NormalPacket, self.encoded())?;
        self.packet = Some(packet);
        self.packets += 1;
        Ok(())
    }

    /// Samples at 48 kHz of all packets (RFC 7845 §4).
    fn encoded(&self) -> u64 {
        self.packets * FRAME as u64 * GRANULES
    }

    /// Samples at 48 kHz of a file that ends here.
    fn end(&self) -> u64 {
        self.pre_skip + self.samples * GRANULES
    }

    fn write_packet(&mut self, end: PacketWriteEndInfo, position: u64) -> io::Result<()> {
        if let Some(packet) = self.packet.take() {
            self.pages.write_packet(packet, self.serial, end, position)?;
        }
        self.write_pages()
    }

    /// Hands over the pages that are full, whole ones only.
    fn write_pages(&mut self) -> io::Result<()> {
        let pages = Zeroizing::new(std::mem::take(self.pages.inner_mut()));
        if pages.is_empty() { Ok(()) } else { self.medium.write(&pages) }
    }

    /// Encodes what waits, and what the encoder still holds back, to the last sample.
    fn end_stream(&mut self) -> io::Result<()> {
        let end = self.end();
        while self.encoded() < end {
            self.filling.samples.resize(2 * FRAME, 0);
            self.filled()?;
            while !self.waiting.is_empty() && self.encoded() < end {
                self.encode_next()?;
            }
        }
        self.write_packet(PacketWriteEndInfo::EndStream, end)
    }
}

impl Encoding for OpusFile {
    fn append(&mut self, pairs: &[Pair]) -> io::Result<()> {
        for (caller, sent) in pairs {
            if caller.is_none() {
                self.hush();
            }
            self.filling.samples.extend([caller.unwrap_or(0), *sent]);
            self.samples += 1;
            if self.filling.samples.len() == 2 * FRAME {
                self.filled()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.write_packet(PacketWriteEndInfo::EndPage, self.encoded());
        // What was written before goes out, whatever became of the last page.
        self.medium.commit().and(written)
    }

    fn finish(&mut self, is_whole: bool, gaps: Gaps) -> io::Result<()> {
        if is_whole {
            self.end_stream()?;
        }
        self.medium.finish(gaps)
    }

    fn samples(&self) -> u64 {
        self.samples
    }
}

/// The encoder of both sides, and its delay in samples at 48 kHz.
fn encoder() -> opus::Result<(MSEncoder, u64)> {
    let streams = MAPPING.len() as u8;
    let mut encoder = MSEncoder::new(HERTZ, streams, 0, &MAPPING, Application::LowDelay)?;
    encoder.set_bitrate(Bitrate::Bits(BITS_PER_SECOND * i32::from(streams)))?;
    encoder.set_complexity(COMPLEXITY)?;
    let delay = encoder.get_lookahead()?;
    Ok((encoder, u64::from(delay.unsigned_abs()) * GRANULES))
}

/// The identification header (RFC 7845 §5.1), with the two sides as left and right (§5.1.1.2).
fn head(pre_skip: u64) -> Vec<u8> {
    let (version, family, coupled) = (1, 1, 0);
    let mut bytes = b"OpusHead".to_vec();
    bytes.extend([version, MAPPING.len() as u8]);
    bytes.extend(u16::try_from(pre_skip).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend(HERTZ.to_le_bytes());
    // No gain.
    bytes.extend([0, 0]);
    bytes.extend([family, MAPPING.len() as u8, coupled]);
    bytes.extend(MAPPING);
    bytes
}

/// The comment header (RFC 7845 §5.2).
fn tags() -> Vec<u8> {
    let comments = ["ENCODER=tonegate", "DESCRIPTION=left: the caller; right: what was sent to them"];
    let mut bytes = b"OpusTags".to_vec();
    bytes.extend(text(opus::version()));
    bytes.extend((comments.len() as u32).to_le_bytes());
    bytes.extend(comments.into_iter().flat_map(text));
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

#[cfg(test)]
mod tests;
