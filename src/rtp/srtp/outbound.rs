//! From plain packets to protected ones.

use super::cipher::{Cipher, Place};
use super::replay::MAX_RTP_INDEX;
use super::{ENCRYPTED, MasterKey, word};
use crate::packet::header_length;

/// Most SSRCs one key may send under, one after the other.
const MAX_STREAMS: usize = 32;

/// Seals what one stream at a time sends under one master key.
pub struct Outbound {
    rtp: Cipher,
    rtcp: Cipher,
    /// The last packet's SSRC and index.
    last: Option<(u32, u64)>,
    /// SSRCs that were left: their indices were used.
    left: Vec<u32>,
    /// The next report's.
    next_report: u32,
}

impl Outbound {
    /// Nothing has been sent yet.
    #[must_use]
    pub fn new(key: &MasterKey) -> Self {
        let (rtp, rtcp) = key.ciphers();
        Self { rtp, rtcp, last: None, left: Vec::new(), next_report: 0 }
    }

    /// Seals the RTP packet in the first `length` bytes of `buffer`, which needs [`super::MAX_RTP_TRAILER`] bytes more, and
    /// returns its new length. Packets come in the order of their sequence numbers. Another SSRC than before begins another
    /// rollover counter, at 0 as at the far end (RFC 3711 §3.2.3), and no SSRC comes back.
    ///
    /// `None` where that is broken: nothing may be sent twice under one index, nor beyond 2^48 packets (RFC 3711 §9.2).
    pub fn protect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let end = length.checked_add(self.rtp.tag_bytes())?;
        let (packet, tag) = buffer.get_mut(..end)?.split_at_mut_checked(length)?;
        let clear = header_length(packet).ok()?;
        let ssrc = word(packet, 8)?;
        let index = self.index(ssrc, u16::from_be_bytes([packet[2], packet[3]]))?;
        self.rtp.seal_rtp(Place { ssrc, index }, clear, packet, tag).ok()?;
        if let Some((before, _)) = self.last.replace((ssrc, index))
            && before != ssrc
        {
            self.left.push(before);
        }
        Some(end)
    }

    /// Seals the RTCP packet in the first `length` bytes of `buffer`, which needs [`super::MAX_RTCP_TRAILER`] bytes more,
    /// and returns its new length. `None` where it does not fit or 2^31 reports were sent.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let index = self.next_report;
        if index & ENCRYPTED != 0 {
            return None;
        }
        let place = Place { ssrc: word(buffer, 4)?, index: u64::from(index) };
        let end = self.rtcp.seal_rtcp(place, (index | ENCRYPTED).to_be_bytes(), length, buffer).ok()?;
        self.next_report += 1;
        Some(end)
    }

    /// The index of the next packet: its sequence number lies ahead of the last, or it is the first of its stream.
    fn index(&self, ssrc: u32, sequence: u16) -> Option<u64> {
        let Some(last) = self.last.filter(|(before, _)| *before == ssrc).map(|(_, index)| index) else {
            let is_new = !self.left.contains(&ssrc) && self.left.len() < MAX_STREAMS;
            return is_new.then_some(u64::from(sequence));
        };
        let ahead = sequence.wrapping_sub(last as u16);
        let index = last + u64::from(ahead);
        (ahead != 0 && index <= MAX_RTP_INDEX).then_some(index)
    }
}
