//! The forms in which somebody might have written a number down.
//!
//! What is looked for is any run of [`RUN`] digits of it, not only the whole: a log that shows the middle has shown the card.
//! Hashes are of the whole number, which is what a program would have hashed.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use md5::Md5;
use ring::digest;
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use crate::canary::{Canary, DIGITS, RUN};

/// How a number was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    /// Digits in a row, in ASCII.
    Text,
    /// Digits in ASCII with something between them: each, or in groups of four.
    Spaced,
    /// Words, such as `nine two`.
    Words,
    /// UTF-16, of either byte order.
    Utf16,
    /// Bytes from 0 to 9.
    Values,
    /// Such bytes two, four or eight apart: wider integers, or records.
    Strided,
    /// Packed decimals: two digits a byte.
    Packed,
    /// The whole number as one binary integer, of either byte order.
    Integer,
    /// Backwards, in ASCII.
    Reversed,
    /// Within base64 text, at any of its three alignments.
    Base64,
    /// The ASCII codes as hexadecimal or decimal text.
    Codes,
    /// Escapes of URLs, JSON, C or XML.
    Escapes,
    /// MD5, SHA-1 or SHA-256 of the number: bytes, hexadecimal or base64.
    Digest,
    /// Telephone-events in RTP packets (RFC 4733).
    Events,
    /// One digit a line, or one a record.
    OneByOne,
}

impl Encoding {
    /// Its name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Spaced => "text with separators",
            Self::Words => "words",
            Self::Utf16 => "UTF-16",
            Self::Values => "byte values",
            Self::Strided => "values in wider records",
            Self::Packed => "packed decimal",
            Self::Integer => "binary integer",
            Self::Reversed => "reversed text",
            Self::Base64 => "base64",
            Self::Codes => "character codes",
            Self::Escapes => "escapes",
            Self::Digest => "hash",
            Self::Events => "telephone-events",
            Self::OneByOne => "one digit a line",
        }
    }
}

/// One form of a part of a number.
pub(crate) struct Form {
    pub(crate) encoding: Encoding,
    /// The first digit of the number that it shows.
    pub(crate) begin: usize,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// What may stand between two digits.
const BETWEEN: [&str; 12] = [" ", "-", ".", ",", ", ", "\",\"", "\", \"", "', '", "','", "/", "+", "%20"];
/// What may stand between groups of four.
const BETWEEN_GROUPS: [&str; 5] = [" ", "-", ".", "+", "%20"];
/// What may stand between two words.
const BETWEEN_WORDS: [&str; 4] = [" ", "-", ", ", ","];
const WORDS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// What is looked for in a kind of sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Every form of every run of [`RUN`] digits: what is written down.
    Written,
    /// The same of runs of nine digits: memory, which holds so much that shorter runs turn up in it by chance.
    Memory,
}

impl Depth {
    pub(crate) const fn run(self) -> usize {
        match self {
            Self::Written => RUN,
            Self::Memory => 9,
        }
    }

    /// Digits of a packed decimal: six bytes or seven. Fewer turn up by chance, for the digits and most letters of hexadecimal text are
    /// packed decimals too, and a store is full of that.
    const fn packed_run(self) -> usize {
        match self {
            Self::Written => 12,
            Self::Memory => 14,
        }
    }
}

/// Every form of a number that is found by its bytes alone.
pub(crate) fn forms(canary: &Canary, depth: Depth) -> Vec<Form> {
    let mut forms = Forms(Vec::new());
    for begin in Canary::runs(depth.run()) {
        let digits: Zeroizing<Vec<u8>> =
            Zeroizing::new((begin..begin + depth.run()).map(|place| canary.digit(place)).collect());
        forms.common(begin, &digits);
        forms.written(begin, &digits);
    }
    for begin in Canary::runs(depth.packed_run()) {
        forms.packed(begin, depth.packed_run(), canary);
    }
    forms.integer(canary);
    forms.digests(canary);
    forms.0
}

struct Forms(Vec<Form>);

impl Forms {
    fn add(&mut self, encoding: Encoding, begin: usize, bytes: impl IntoIterator<Item = u8>) {
        let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(bytes.into_iter().collect());
        if !self.0.iter().any(|form| form.begin == begin && *form.bytes == *bytes) {
            self.0.push(Form { encoding, begin, bytes });
        }
    }

    /// Digits, each as `write` writes it, with `between` between them.
    fn join(
        &mut self,
        encoding: Encoding,
        begin: usize,
        digits: &[u8],
        between: &str,
        write: impl Fn(u8, &mut Vec<u8>),
    ) {
        let mut bytes = Zeroizing::new(Vec::new());
        for (place, digit) in digits.iter().enumerate() {
            if place > 0 {
                bytes.extend_from_slice(between.as_bytes());
            }
            write(*digit, &mut bytes);
        }
        self.add(encoding, begin, bytes.iter().copied());
    }

    fn common(&mut self, begin: usize, digits: &[u8]) {
        self.add(Encoding::Text, begin, digits.iter().map(|digit| b'0' + digit));
        self.add(Encoding::Values, begin, digits.iter().copied());
        // From the first digit to the last both byte orders are the same.
        let wide: Zeroizing<Vec<u8>> = Zeroizing::new(digits.iter().flat_map(|digit| [b'0' + digit, 0]).collect());
        self.add(Encoding::Utf16, begin, wide[..wide.len() - 1].iter().copied());
    }

    fn written(&mut self, begin: usize, digits: &[u8]) {
        self.add(Encoding::Reversed, begin, digits.iter().rev().map(|digit| b'0' + digit));
        for between in BETWEEN {
            self.join(Encoding::Spaced, begin, digits, between, |digit, out| out.push(b'0' + digit));
        }
        for between in BETWEEN_GROUPS {
            self.grouped(begin, digits, between);
        }
        self.words(begin, digits);
        self.codes(begin, digits);
        self.escapes(begin, digits);
        for before in 0..3 {
            self.base64(begin, digits, before);
        }
    }

    /// As on a card: groups of four.
    fn grouped(&mut self, begin: usize, digits: &[u8], between: &str) {
        let mut bytes = Zeroizing::new(Vec::new());
        for (place, digit) in digits.iter().enumerate() {
            if place > 0 && (begin + place).is_multiple_of(4) {
                bytes.extend_from_slice(between.as_bytes());
            }
            bytes.push(b'0' + digit);
        }
        self.add(Encoding::Spaced, begin, bytes.iter().copied());
    }

    fn words(&mut self, begin: usize, digits: &[u8]) {
        let plain = |digit: u8| WORDS[usize::from(digit)].to_owned();
        let with_oh = |digit: u8| if digit == 0 { "oh".to_owned() } else { plain(digit) };
        let cases: [fn(&str) -> String; 3] = [str::to_owned, capitalised, str::to_uppercase];
        for between in BETWEEN_WORDS {
            for case in cases {
                self.join(Encoding::Words, begin, digits, between, |digit, out| {
                    out.extend(case(&plain(digit)).bytes());
                });
                self.join(Encoding::Words, begin, digits, between, |digit, out| {
                    out.extend(case(&with_oh(digit)).bytes());
                });
            }
        }
    }

    /// The codes of ASCII digits are 0x30 to 0x39, and 48 to 57.
    fn codes(&mut self, begin: usize, digits: &[u8]) {
        let hexadecimal = |digit: u8, out: &mut Vec<u8>| out.extend([b'3', b'0' + digit]);
        for between in ["", " ", ":", "-", ",", ", "] {
            self.join(Encoding::Codes, begin, digits, between, hexadecimal);
        }
        for between in [", 0x", ",0x", " 0x"] {
            self.join(Encoding::Codes, begin, digits, between, hexadecimal);
        }
        for between in [", ", ",", " "] {
            self.join(Encoding::Codes, begin, digits, between, |digit, out| {
                out.extend((48 + digit).to_string().bytes());
            });
        }
        // Byte values in hexadecimal.
        self.join(Encoding::Codes, begin, digits, "", |digit, out| out.extend([b'0', b'0' + digit]));
        self.join(Encoding::Codes, begin, digits, " ", |digit, out| out.extend([b'0', b'0' + digit]));
    }

    fn escapes(&mut self, begin: usize, digits: &[u8]) {
        for (before, after) in [("%3", ""), ("\\u003", ""), ("\\x3", ""), ("&#x3", ";")] {
            self.join(Encoding::Escapes, begin, digits, "", |digit, out| {
                out.extend(before.bytes());
                out.push(b'0' + digit);
                out.extend(after.bytes());
            });
        }
        self.join(Encoding::Escapes, begin, digits, "", |digit, out| out.extend(format!("&#{};", 48 + digit).bytes()));
    }

    /// The characters that depend on the digits alone where so many bytes come before them within three. None of them is one
    /// in which the two alphabets differ.
    fn base64(&mut self, begin: usize, digits: &[u8], before: usize) {
        let mut bytes = Zeroizing::new(vec![0; before]);
        bytes.extend(digits.iter().map(|digit| b'0' + digit));
        let text = Zeroizing::new(STANDARD_NO_PAD.encode(&*bytes));
        let (first, last) = ((8 * before).div_ceil(6), 8 * bytes.len() / 6);
        self.add(Encoding::Base64, begin, text.as_bytes()[first..last].iter().copied());
    }

    /// Two digits a byte, in either order of the halves. An odd beginning is another run's.
    fn packed(&mut self, begin: usize, run: usize, canary: &Canary) {
        let pair = |place: usize| (canary.digit(place), canary.digit(place + 1));
        let pairs = || (begin..begin + run).step_by(2).map(pair);
        self.add(Encoding::Packed, begin, pairs().map(|(first, second)| first << 4 | second));
        self.add(Encoding::Packed, begin, pairs().map(|(first, second)| second << 4 | first));
    }

    /// Sixteen digits take 54 bits: the eighth byte says nothing.
    fn integer(&mut self, canary: &Canary) {
        let number = (0..DIGITS).fold(0_u64, |number, place| number * 10 + u64::from(canary.digit(place)));
        self.add(Encoding::Integer, 0, number.to_le_bytes()[..7].iter().copied());
        self.add(Encoding::Integer, 0, number.to_be_bytes()[1..].iter().copied());
    }

    fn digests(&mut self, canary: &Canary) {
        let number: Zeroizing<Vec<u8>> = Zeroizing::new((0..DIGITS).map(|place| b'0' + canary.digit(place)).collect());
        let hashes: [Vec<u8>; 3] = [
            Md5::digest(&*number).to_vec(),
            Sha1::digest(&*number).to_vec(),
            digest::digest(&digest::SHA256, &number).as_ref().to_vec(),
        ];
        for hash in hashes {
            let hexadecimal: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            self.add(Encoding::Digest, 0, hexadecimal.to_uppercase().into_bytes());
            self.add(Encoding::Digest, 0, hexadecimal.into_bytes());
            self.add(Encoding::Digest, 0, STANDARD_NO_PAD.encode(&hash).into_bytes());
            self.add(Encoding::Digest, 0, URL_SAFE_NO_PAD.encode(&hash).into_bytes());
            self.add(Encoding::Digest, 0, hash);
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::canary::{Field, draw};

    #[test]
    fn every_run_has_every_form() {
        let card = draw(1, &mut StdRng::seed_from_u64(3), 2026).remove(0);
        let written = forms(&card, Depth::Written);
        let count = |encoding| written.iter().filter(|form| form.encoding == encoding).count();
        let runs = Canary::runs(RUN).count();
        assert_eq!((runs, count(Encoding::Text), count(Encoding::Values)), (8, 8, 8));
        assert_eq!((count(Encoding::Utf16), count(Encoding::Base64)), (8, 24));
        // The two alphabets of base64 often agree.
        assert!((12..=15).contains(&count(Encoding::Digest)));
        assert!(written.iter().all(|form| form.bytes.len() >= 5));
        let memory = forms(&card, Depth::Memory);
        assert!(memory.iter().all(|form| form.bytes.len() >= 7));
        let kinds = |forms: &[Form]| forms.iter().map(|form| form.encoding).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(kinds(&memory), kinds(&written), "memory is searched for whatever files are");
    }

    #[test]
    fn a_number_in_a_column_of_integers_is_found() {
        let card = draw(1, &mut StdRng::seed_from_u64(5), 2026).remove(0);
        let number: u64 = card.keys(Field::Number).fold(0, |number, key| number * 10 + u64::from(key - b'0'));
        let integers: Vec<_> =
            forms(&card, Depth::Memory).into_iter().filter(|form| form.encoding == Encoding::Integer).collect();
        for bytes in [number.to_le_bytes(), number.to_be_bytes()] {
            assert!(integers.iter().any(|form| bytes.windows(7).any(|window| window == form.bytes.as_slice())));
        }
    }

    #[test]
    fn base64_of_digits_is_found_wherever_it_begins() {
        let card = draw(1, &mut StdRng::seed_from_u64(4), 2026).remove(0);
        let number: Vec<u8> = (0..DIGITS).map(|place| b'0' + card.digit(place)).collect();
        for before in 0..7 {
            let text = STANDARD_NO_PAD.encode([&b"{\"n\": \""[..before], &number, b"\"}"].concat());
            let all = forms(&card, Depth::Written);
            let found = all
                .iter()
                .filter(|form| form.encoding == Encoding::Base64)
                .filter(|form| text.as_bytes().windows(form.bytes.len()).any(|window| window == form.bytes.as_slice()));
            assert_eq!(found.count(), Canary::runs(RUN).count(), "{before} bytes before");
        }
    }
}
