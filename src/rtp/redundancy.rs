//! Redundant payloads (RFC 2198): what was sent before, again, and then what is sent now.

/// The bit of a block's header that says that another follows (RFC 2198 §3).
const FOLLOWED: u8 = 0x80;

/// One block of a redundant payload. It may hold a key, so it cannot be printed.
pub(crate) struct Block<'a> {
    pub(crate) payload_type: u8,
    /// By how much its timestamp is before the packet's. None in the primary block, which comes last.
    pub(crate) before: Option<u32>,
    pub(crate) payload: &'a [u8],
}

/// The blocks of a payload, oldest first.
#[derive(Clone)]
pub(crate) struct Blocks<'a> {
    headers: &'a [u8],
    data: &'a [u8],
}

impl<'a> Blocks<'a> {
    /// None where the payload is not whole.
    pub(crate) fn of(payload: &'a [u8]) -> Option<Self> {
        let (mut rest, mut length) = (payload, 0);
        while let [first, _, middle, low, after @ ..] = rest
            && first & FOLLOWED != 0
        {
            length += block_length(*middle, *low);
            rest = after;
        }
        let (last, data) = rest.split_first()?;
        let headers = &payload[..payload.len() - data.len()];
        (last & FOLLOWED == 0 && length <= data.len()).then_some(Self { headers, data })
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        if let [first, high, middle, low, after @ ..] = self.headers {
            let (payload, data) = self.data.split_at(block_length(*middle, *low));
            (self.headers, self.data) = (after, data);
            let before = Some(u32::from(*high) << 6 | u32::from(middle >> 2));
            return Some(Block { payload_type: first & !FOLLOWED, before, payload });
        }
        let (&payload_type, _) = self.headers.split_first()?;
        self.headers = &[];
        Some(Block { payload_type, before: None, payload: self.data })
    }
}

fn block_length(middle: u8, low: u8) -> usize {
    usize::from(middle & 3) << 8 | usize::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Payload type, how long before, and payload.
    type Read<'a> = (u8, Option<u32>, &'a [u8]);

    fn read(payload: &[u8]) -> Option<Vec<Read<'_>>> {
        Some(Blocks::of(payload)?.map(|block| (block.payload_type, block.before, block.payload)).collect())
    }

    #[test]
    fn blocks_come_oldest_first_and_the_primary_one_last() {
        // The figure of RFC 4733 §5.2.1: two earlier presses, 11,200 and 6,400 units ago, and the one under way.
        let offset = |units: u16, length: u8| {
            let [high, low] = (units << 2).to_be_bytes();
            [0x80 | 97, high, low, length]
        };
        let payload = [&offset(11_200, 4)[..], &offset(6_400, 4), &[97], &[9; 4], &[1; 4], &[1; 3]].concat();
        let expected: [Read<'_>; 3] = [(97, Some(11_200), &[9; 4]), (97, Some(6_400), &[1; 4]), (97, None, &[1; 3])];
        assert_eq!(read(&payload).unwrap(), expected);
        assert_eq!(read(&[0, 7, 7]).unwrap(), [(0, None, &[7, 7][..])], "no redundancy at all");
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        for payload in [&[][..], &[0xE1], &[0xE1, 0, 0], &[0xE1, 0, 0, 4], &[0xE1, 0, 0, 4, 97, 1, 2, 3]] {
            assert!(read(payload).is_none(), "{payload:?}");
        }
        assert_eq!(read(&[0xE1, 0, 0, 4, 97, 1, 2, 3, 4]).unwrap().len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_refused_or_lie_in_their_payload(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            let blocks = read(&bytes).unwrap_or_default();
            proptest::prop_assert!(blocks.iter().map(|(_, _, payload)| payload.len()).sum::<usize>() <= bytes.len());
        }
    }
}
