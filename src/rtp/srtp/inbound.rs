//! From protected packets to plain ones.

use super::cipher::{Cipher, Place};
use super::replay::Window;
use super::{ENCRYPTED, MasterKey, word};
use crate::Rejection;
use crate::packet::header_length;

/// Most SSRCs one key may bring in: each had to be authenticated to count. Forgetting one would let its packets be
/// played again.
const MAX_STREAMS: usize = 32;

/// One SSRC that has been heard.
struct Stream {
    ssrc: u32,
    rtp: Window,
    rtcp: Window,
}

/// Opens what comes under one master key.
pub struct Inbound {
    rtp: Cipher,
    rtcp: Cipher,
    streams: Vec<Stream>,
}

impl Inbound {
    /// Nothing has come yet.
    #[must_use]
    pub fn new(key: &MasterKey) -> Self {
        let (rtp, rtcp) = key.ciphers();
        Self { rtp, rtcp, streams: Vec::new() }
    }

    /// Opens an SRTP packet in place and returns its length without the tag.
    ///
    /// # Errors
    /// Why it is refused; then `bytes` are as they were.
    pub fn unprotect_rtp(&mut self, bytes: &mut [u8]) -> Result<usize, Rejection> {
        let length = bytes.len().checked_sub(self.rtp.tag_bytes()).ok_or(Rejection::Short)?;
        let (packet, tag) = bytes.split_at_mut(length);
        let clear = header_length(packet)?;
        let ssrc = word(packet, 8).ok_or(Rejection::Short)?;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let window = self.window(ssrc, |stream| &stream.rtp)?;
        let index = window.estimate(sequence).filter(|&index| window.is_fresh(index)).ok_or(Rejection::Replay)?;
        self.rtp.open_rtp(Place { ssrc, index }, clear, packet, tag).map_err(|_| Rejection::Authentication)?;
        self.stream(ssrc).rtp.take(index);
        Ok(length)
    }

    /// Opens an SRTCP packet in place and returns its length without index and tag.
    ///
    /// # Errors
    /// Why it is refused; then `bytes` are as they were.
    pub fn unprotect_rtcp(&mut self, bytes: &mut [u8]) -> Result<usize, Rejection> {
        let (flagged, length) = self.rtcp.split_rtcp(bytes).ok_or(Rejection::Report)?;
        let ssrc = word(bytes, 4).ok_or(Rejection::Report)?;
        // Reports in clear were not agreed.
        if flagged & ENCRYPTED == 0 {
            return Err(Rejection::Report);
        }
        let index = u64::from(flagged & !ENCRYPTED);
        if !self.window(ssrc, |stream| &stream.rtcp)?.is_fresh(index) {
            return Err(Rejection::Replay);
        }
        let place = Place { ssrc, index };
        self.rtcp.open_rtcp(place, flagged.to_be_bytes(), length, bytes).map_err(|_| Rejection::Authentication)?;
        self.stream(ssrc).rtcp.take(index);
        Ok(length)
    }

    /// What is known of a stream; nothing is remembered of one before its first packet was authenticated.
    fn window(&self, ssrc: u32, which: impl Fn(&Stream) -> &Window) -> Result<Window, Rejection> {
        match self.streams.iter().find(|stream| stream.ssrc == ssrc) {
            Some(stream) => Ok(*which(stream)),
            None if self.streams.len() < MAX_STREAMS => Ok(Window::default()),
            None => Err(Rejection::Streams),
        }
    }

    fn stream(&mut self, ssrc: u32) -> &mut Stream {
        let known = self.streams.iter().position(|stream| stream.ssrc == ssrc);
        let position = known.unwrap_or_else(|| {
            self.streams.push(Stream { ssrc, rtp: Window::default(), rtcp: Window::default() });
            self.streams.len() - 1
        });
        &mut self.streams[position]
    }
}
