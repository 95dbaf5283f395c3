//! The RTCP packets of RFC 3550 §6, as bytes. What is written is compound; reduced-size packets (RFC 5506) are read too.

use crate::extended::{Answer, Blocks, EXTENDED_REPORT, VoipMetrics};

const VERSION: u8 = 2;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const CNAME: u8 = 1;
const BLOCK_BYTES: usize = 24;
/// Packet types of RTCP (RFC 5761 §4).
const KINDS: std::ops::RangeInclusive<u8> = 192..=223;
/// The longest canonical name an item can carry.
const MAX_CNAME: usize = 255;

/// What a sender says about its stream, beside its SSRC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SenderInfo {
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

/// What a receiver says about one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) ssrc: u32,
    pub(crate) fraction_lost: u8,
    pub(crate) lost: i32,
    pub(crate) highest: u32,
    pub(crate) jitter: u32,
    pub(crate) last_report: u32,
    pub(crate) delay: u32,
}

/// Whose streams are told apart in a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parties {
    /// The SSRC we send under.
    pub(crate) ours: u32,
    /// The SSRC that is heard.
    pub(crate) theirs: Option<u32>,
}

/// What matters to us in a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    /// Who reports.
    pub(crate) sender: Option<u32>,
    /// The middle 32 bits of the sender's NTP time, where it sends.
    pub(crate) sender_ntp: Option<u32>,
    /// The block about our stream.
    pub(crate) about_us: Option<Block>,
    /// The middle 32 bits of the NTP time of a receiver that asks for an answer, and its SSRC (RFC 3611 §4.4).
    pub(crate) reference: Option<(u32, u32)>,
    /// The answer to a reference time of ours (RFC 3611 §4.5).
    pub(crate) answer: Option<Answer>,
    /// How our stream is heard (RFC 3611 §4.7).
    pub(crate) metrics: Option<VoipMetrics>,
    /// Whether the stream that is heard is over (§6.6).
    pub(crate) goodbye: bool,
}

/// Not RTCP as RFC 3550 A.2 demands it, save that any packet may come first (RFC 5506 §3.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// Reads a compound or reduced-size packet, taking what concerns the parties.
pub(crate) fn read(bytes: &[u8], parties: Parties) -> Result<Digest, Broken> {
    let mut digest = Digest::default();
    let mut rest = bytes;
    loop {
        let (header, tail) = rest.split_first_chunk::<4>().ok_or(Broken)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]])) * 4;
        let (body, later) = tail.split_at_checked(length).ok_or(Broken)?;
        if header[0] >> 6 != VERSION || !KINDS.contains(&header[1]) {
            return Err(Broken);
        }
        let body = if header[0] & 0x20 == 0 { body } else { without_padding(body, later.is_empty())? };
        read_packet(header[1], header[0] & 0x1f, body, parties, &mut digest)?;
        if later.is_empty() {
            return Ok(digest);
        }
        rest = later;
    }
}

/// Only the last packet may be padded; the last byte counts the padding (§6.4.1).
fn without_padding(body: &[u8], is_last: bool) -> Result<&[u8], Broken> {
    let padding = body.last().copied().filter(|&count| is_last && count > 0).ok_or(Broken)?;
    let length = body.len().checked_sub(padding.into()).ok_or(Broken)?;
    body.get(..length).ok_or(Broken)
}

fn read_packet(kind: u8, count: u8, body: &[u8], parties: Parties, digest: &mut Digest) -> Result<(), Broken> {
    match kind {
        SENDER_REPORT | RECEIVER_REPORT => read_report(kind, count, body, parties.ours, digest),
        GOODBYE => {
            let leaving = body.get(..usize::from(count) * 4).ok_or(Broken)?;
            let mut leaving = leaving.as_chunks::<4>().0.iter().map(|ssrc| u32::from_be_bytes(*ssrc));
            digest.goodbye |= leaving.any(|ssrc| Some(ssrc) == parties.theirs);
            Ok(())
        }
        EXTENDED_REPORT => {
            let (sender, blocks) = body.split_first_chunk().ok_or(Broken)?;
            take_blocks(u32::from_be_bytes(*sender), Blocks::read(blocks, parties), digest);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn take_blocks(sender: u32, blocks: Blocks, digest: &mut Digest) {
    digest.sender.get_or_insert(sender);
    digest.reference = blocks.reference.map(|time| ((time >> 16) as u32, sender)).or(digest.reference);
    digest.answer = blocks.answer.or(digest.answer);
    digest.metrics = blocks.metrics.map(|(_, metrics)| metrics).or(digest.metrics);
}

fn read_report(kind: u8, count: u8, body: &[u8], ours: u32, digest: &mut Digest) -> Result<(), Broken> {
    let information = if kind == SENDER_REPORT { 24 } else { 4 };
    let blocks = body.get(information..).ok_or(Broken)?;
    digest.sender = Some(u32::from_be_bytes([body[0], body[1], body[2], body[3]]));
    if kind == SENDER_REPORT {
        digest.sender_ntp = Some(u32::from_be_bytes([body[6], body[7], body[8], body[9]]));
    }
    let blocks = blocks.get(..usize::from(count) * BLOCK_BYTES).ok_or(Broken)?;
    for block in blocks.as_chunks::<BLOCK_BYTES>().0 {
        let block = read_block(block);
        if block.ssrc == ours {
            digest.about_us = Some(block);
        }
    }
    Ok(())
}

fn read_block(bytes: &[u8; BLOCK_BYTES]) -> Block {
    let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Block {
        ssrc: word(0),
        fraction_lost: bytes[4],
        // A signed number of 24 bits.
        lost: (word(4) << 8).cast_signed() >> 8,
        highest: word(8),
        jitter: word(12),
        last_report: word(16),
        delay: word(20),
    }
}

/// What goes out at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Compound<'a> {
    /// Whose reports these are.
    pub(crate) ssrc: u32,
    pub(crate) sender: Option<SenderInfo>,
    pub(crate) block: Option<Block>,
    pub(crate) cname: &'a str,
    pub(crate) extended: Blocks,
    /// Whether it is the last.
    pub(crate) bye: bool,
}

/// Writes a sender's report, or a receiver's where nothing was sent, a canonical name, perhaps an extended report and perhaps
/// a goodbye (§6.1).
pub(crate) fn write(compound: &Compound<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_report(&mut out, compound.ssrc, compound.sender.as_ref(), compound.block.as_ref());
    write_name(&mut out, compound.ssrc, compound.cname);
    if !compound.extended.are_empty() {
        begin(&mut out, 0, EXTENDED_REPORT, 1 + compound.extended.words());
        out.extend(compound.ssrc.to_be_bytes());
        compound.extended.write(&mut out);
    }
    if compound.bye {
        begin(&mut out, 1, GOODBYE, 1);
        out.extend(compound.ssrc.to_be_bytes());
    }
    out
}

fn write_report(out: &mut Vec<u8>, ssrc: u32, sender: Option<&SenderInfo>, block: Option<&Block>) {
    let count = u8::from(block.is_some());
    let words = 1 + if sender.is_some() { 5 } else { 0 } + u16::from(count) * 6;
    begin(out, count, if sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT }, words);
    out.extend(ssrc.to_be_bytes());
    if let Some(sender) = sender {
        out.extend(sender.ntp.to_be_bytes());
        for word in [sender.timestamp, sender.packets, sender.octets] {
            out.extend(word.to_be_bytes());
        }
    }
    if let Some(block) = block {
        let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff).cast_unsigned() & 0xff_ffff;
        let loss = u32::from(block.fraction_lost) << 24 | lost;
        for word in [block.ssrc, loss, block.highest, block.jitter, block.last_report, block.delay] {
            out.extend(word.to_be_bytes());
        }
    }
}

/// One chunk with one item, closed by at least one zero and filled to a whole word (§6.5).
fn write_name(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let name = &cname.as_bytes()[..cname.len().min(MAX_CNAME)];
    let item = 2 + name.len();
    let words = item / 4 + 1;
    begin(out, 1, SOURCE_DESCRIPTION, 1 + words as u16);
    out.extend(ssrc.to_be_bytes());
    out.extend([CNAME, name.len() as u8]);
    out.extend(name);
    out.resize(out.len() + words * 4 - item, 0);
}

/// The header of a packet of so many words after it.
fn begin(out: &mut Vec<u8>, count: u8, kind: u8, words: u16) {
    out.extend([VERSION << 6 | count, kind]);
    out.extend(words.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extended::tests as figures;

    const BLOCK: Block =
        Block { ssrc: 7, fraction_lost: 12, lost: -3, highest: 99, jitter: 5, last_report: 0x1234_5678, delay: 65_536 };
    const PLAIN: Compound<'_> = Compound {
        ssrc: 42,
        sender: None,
        block: None,
        cname: "x",
        extended: Blocks { reference: None, answer: None, metrics: None },
        bye: false,
    };

    fn read_as(bytes: &[u8], ours: u32) -> Result<Digest, Broken> {
        read(bytes, Parties { ours, theirs: Some(42) })
    }

    #[test]
    fn a_senders_report_reads_as_written() {
        let sender = Some(SenderInfo { ntp: 0x0000_0001_8000_0000, timestamp: 160, packets: 1, octets: 160 });
        for (cname, bye) in [("", false), ("a", true), ("ab", false), ("abc", true), ("abcd", false)] {
            let bytes = write(&Compound { sender, block: Some(BLOCK), cname, bye, ..PLAIN });
            assert_eq!(bytes.len() % 4, 0);
            let expected = Digest {
                sender: Some(42),
                sender_ntp: Some(0x0001_8000),
                about_us: Some(BLOCK),
                goodbye: bye,
                ..Digest::default()
            };
            assert_eq!(read_as(&bytes, 7), Ok(expected), "{cname}");
        }
    }

    #[test]
    fn an_extended_report_follows_the_name_and_the_goodbye_comes_last() {
        let bytes = write(&Compound { extended: figures::BLOCKS, bye: true, ..PLAIN });
        let extended = &bytes[8 + 12..];
        assert_eq!(extended[..8], [0x80, 207, 0, 17, 0, 0, 0, 42]);
        assert_eq!(extended[8..72], figures::BYTES);
        assert_eq!(extended[72..], [0x81, 203, 0, 1, 0, 0, 0, 42]);
        let digest = read_as(&bytes, 7).unwrap();
        assert_eq!(digest.reference, Some((0x3344_5566, 42)));
        assert_eq!((digest.answer, digest.metrics), (figures::BLOCKS.answer, Some(figures::METRICS)));
        assert_eq!(read_as(&bytes, 8).unwrap().metrics, None, "about another stream");
    }

    #[test]
    fn a_packet_of_reduced_size_is_read() {
        let compound = write(&Compound { extended: figures::BLOCKS, bye: true, ..PLAIN });
        let extended = read_as(&compound[20..20 + 72], 7).unwrap();
        assert_eq!((extended.sender, extended.metrics), (Some(42), Some(figures::METRICS)));
        assert!(read_as(&compound[20 + 72..], 7).unwrap().goodbye, "a goodbye alone");
        let nack = [0x81, 205, 0, 3, 0, 0, 0, 42, 0, 0, 0, 7, 0, 9, 0, 0];
        assert_eq!(read_as(&nack, 7), Ok(Digest::default()), "feedback (RFC 4585) asks nothing of us");
    }

    #[test]
    fn the_last_packet_may_be_padded_and_no_other() {
        let goodbye = [0x81, 203, 0, 1, 0, 0, 0, 42];
        let padded = [0xa1, 203, 0, 2, 0, 0, 0, 42, 0, 0, 0, 4];
        assert!(read_as(&padded, 7).unwrap().goodbye);
        assert!(read_as(&[&goodbye[..], &padded[..]].concat(), 7).unwrap().goodbye);
        assert_eq!(read_as(&[&padded[..], &goodbye[..]].concat(), 7), Err(Broken));
        for count in [0, 5, 8, 9, 255] {
            let mut wrong = padded;
            wrong[11] = count;
            assert_eq!(read_as(&wrong, 7), Err(Broken), "{count}");
        }
    }

    #[test]
    fn only_who_is_heard_can_say_goodbye() {
        let bytes = write(&Compound { bye: true, ..PLAIN });
        assert!(!read(&bytes, Parties { ours: 7, theirs: Some(41) }).unwrap().goodbye);
        assert!(!read(&bytes, Parties { ours: 7, theirs: None }).unwrap().goodbye);
        assert_eq!(read_as(&[0x82, 203, 0, 1, 0, 0, 0, 42], 7), Err(Broken), "two are named and one is there");
    }

    #[test]
    fn a_block_about_another_stream_is_not_ours() {
        let bytes = write(&Compound { block: Some(BLOCK), ..PLAIN });
        assert_eq!(read_as(&bytes, 8), Ok(Digest { sender: Some(42), ..Digest::default() }));
    }

    #[test]
    fn broken_compounds_are_refused() {
        let bytes = write(&Compound { bye: true, ..PLAIN });
        assert_eq!(read_as(&[], 7), Err(Broken));
        assert_eq!(read_as(&bytes[..bytes.len() - 1], 7), Err(Broken));
        for (at, byte) in [(0, 0x40), (1, 191), (1, 224)] {
            let mut other = bytes.clone();
            other[at] = byte;
            assert_eq!(read_as(&other, 7), Err(Broken), "{byte}");
        }
    }

    #[test]
    fn a_count_of_blocks_beyond_the_packet_is_refused() {
        let mut bytes = write(&PLAIN);
        bytes[0] |= 3;
        assert_eq!(read_as(&bytes, 7), Err(Broken));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = read_as(&bytes, 7);
        }

        #[test]
        fn any_blocks_are_read(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..50)) {
            let mut packet = vec![0x80, 207, 0, 1 + (bytes.len() / 4) as u8, 0, 0, 0, 42];
            packet.extend(&bytes[..bytes.len() / 4 * 4]);
            proptest::prop_assert!(read_as(&packet, 7).is_ok());
        }
    }
}
