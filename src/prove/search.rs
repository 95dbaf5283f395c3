//! Looks for canaries in any bytes, as they come: bounded memory, and nothing is missed where two pieces meet.
//!
//! Everything is searched masked: patterns and the bytes that go through them have the same bits flipped, so that no needle is
//! ever whole in this process.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    ops::Range,
};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use zeroize::Zeroize;

use crate::{
    canary::{Canary, DIGITS},
    encoding::{Depth, Encoding, forms},
    events::Packets,
};

/// Bytes searched at a time.
const CHUNK: usize = 1 << 20;
/// Bytes kept on either side of what is judged: a digit's neighbours, and values that lie eight apart.
const MARGIN: usize = 80;
/// A run of text this long needs no look at its neighbours.
const BEYOND_CHANCE: usize = 10;
/// Hexadecimal text of this length is a hash, a signature or a name, in which shorter runs turn up by chance: a UUID has as
/// many digits, and hyphens between groups of four of them as a card has.
const HEXADECIMAL: isize = 32;
/// So many of its digits at the least are letters; less than one in a million has fewer.
const LETTERS: usize = 3;
/// How far apart values may lie in wider records, and how many must be there: a database's pages begin with lists of places, whose
/// bytes are such values.
const STRIDES: [usize; 3] = [2, 4, 8];
const STRIDED_RUN: usize = 11;

/// Something that was found. It names the form and the place, never the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Which canary, by its place in the list.
    pub canary: usize,
    /// How it was written.
    pub encoding: Encoding,
    /// Where the first one begins, in bytes from the beginning.
    pub offset: u64,
    /// How many there are.
    pub count: u64,
}

/// Why nothing can be searched.
#[derive(Debug, thiserror::Error)]
#[error("the search cannot be set up: {0}")]
pub struct SearchError(#[from] aho_corasick::BuildError);

/// The patterns of every canary.
pub struct Searcher<'a> {
    canaries: &'a [Canary],
    depth: Depth,
    mask: u8,
    automaton: AhoCorasick,
    patterns: Vec<Pattern>,
    longest: usize,
    /// The runs of values by their first digit: canary and place.
    runs: [Vec<(usize, usize)>; 10],
}

#[derive(Clone, Copy)]
struct Pattern {
    canary: usize,
    encoding: Encoding,
    begin: usize,
}

impl<'a> Searcher<'a> {
    /// Builds the patterns. `mask` is any byte, best a random one; its highest bit is set here.
    ///
    /// # Errors
    /// Where there are too many patterns for the automaton.
    pub fn new(canaries: &'a [Canary], depth: Depth, mask: u8) -> Result<Self, SearchError> {
        let mask = mask | 0x80;
        let (mut patterns, mut bytes) = (Vec::new(), Vec::new());
        let mut runs: [Vec<(usize, usize)>; 10] = Default::default();
        for (number, canary) in canaries.iter().enumerate() {
            for mut form in forms(canary, depth) {
                form.bytes.iter_mut().for_each(|byte| *byte ^= mask);
                patterns.push(Pattern { canary: number, encoding: form.encoding, begin: form.begin });
                bytes.push(std::mem::take(&mut *form.bytes));
            }
            for begin in Canary::runs(STRIDED_RUN) {
                runs[usize::from(canary.digit(begin))].push((number, begin));
            }
        }
        let longest = bytes.iter().map(Vec::len).max().unwrap_or_default();
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::Standard).kind(Some(AhoCorasickKind::ContiguousNFA)).prefilter(false);
        let automaton = builder.build(&bytes)?;
        Ok(Self { canaries, depth, mask, automaton, patterns, longest, runs })
    }

    /// A search that has seen nothing.
    #[must_use]
    pub fn begin(&self) -> Search<'_> {
        Search {
            searcher: self,
            buffer: Vec::new(),
            base: 0,
            judged: 0,
            hits: BTreeMap::new(),
            packets: Packets::new(self.canaries),
        }
    }

    /// Searches bytes that are all there.
    #[must_use]
    pub fn search(&self, bytes: &[u8]) -> Vec<Hit> {
        let mut search = self.begin();
        search.push(bytes);
        search.finish()
    }

    /// Searches what a reader gives, to its end.
    ///
    /// # Errors
    /// Where the reader fails: then it was not searched.
    pub fn search_all(&self, mut reader: impl Read) -> io::Result<Vec<Hit>> {
        let mut search = self.begin();
        let mut room = vec![0; CHUNK / 4];
        loop {
            match reader.read(&mut room) {
                Ok(0) => break,
                Ok(read) => search.push(&room[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        room.zeroize();
        Ok(search.finish())
    }
}

/// One search under way.
pub struct Search<'a> {
    searcher: &'a Searcher<'a>,
    /// Masked.
    buffer: Vec<u8>,
    /// Where the buffer begins in all that was pushed.
    base: u64,
    /// Bytes at the beginning of the buffer at which nothing more can begin that was not judged.
    judged: usize,
    hits: BTreeMap<(usize, Encoding), (u64, u64)>,
    packets: Packets<'a>,
}

impl Search<'_> {
    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(CHUNK) {
            self.buffer.extend(piece.iter().map(|byte| byte ^ self.searcher.mask));
            if self.buffer.len() >= CHUNK {
                self.judge(self.buffer.len() - self.ahead());
                self.forget();
            }
        }
    }

    /// Nothing more comes. What was found, by canary and form.
    #[must_use]
    pub fn finish(mut self) -> Vec<Hit> {
        self.judge(self.buffer.len());
        let hits = std::mem::take(&mut self.hits).into_iter();
        hits.map(|((canary, encoding), (offset, count))| Hit { canary, encoding, offset, count }).collect()
    }

    /// Bytes that must follow a place before it can be judged.
    fn ahead(&self) -> usize {
        self.searcher.longest + MARGIN
    }

    /// Judges whatever begins before `end` and was not judged yet.
    fn judge(&mut self, end: usize) {
        let begin = self.judged;
        if begin >= end {
            return;
        }
        let searcher = self.searcher;
        let until = (end + self.ahead()).min(self.buffer.len());
        for found in searcher.automaton.find_overlapping_iter(&self.buffer[begin..until]) {
            let (start, stop) = (begin + found.start(), begin + found.end());
            let pattern = searcher.patterns[found.pattern().as_usize()];
            let in_text = matches!(pattern.encoding, Encoding::Text | Encoding::Spaced | Encoding::Reversed);
            if start < end && (!in_text || self.is_beyond_chance(pattern, start, stop)) {
                note(&mut self.hits, pattern.canary, pattern.encoding, self.base + start as u64);
            }
        }
        for start in begin..end {
            self.judge_values(start);
        }
        if searcher.depth == Depth::Written {
            for start in begin..end {
                if let Some(canary) = self.packets.look(&self.buffer[start..], searcher.mask) {
                    note(&mut self.hits, canary, Encoding::Events, self.base + start as u64);
                }
            }
        }
        self.judged = end;
    }

    /// Whether a run of digits is no accident: longer than that, or standing alone. A longer number that happens to hold the
    /// run has other digits beside it; a hash has digits and letters, a UUID hyphens as well. Of digits with something between
    /// them the last alone may be chance: what is between them may end in a digit itself, as `%20` does.
    fn is_beyond_chance(&self, pattern: Pattern, start: usize, stop: usize) -> bool {
        // Places are counted from where the run starts.
        let character = |place: isize| {
            let byte = self.buffer.get(start.checked_add_signed(place)?)?;
            Some(char::from(byte ^ self.searcher.mask))
        };
        let length = stop.saturating_sub(start).cast_signed();
        let (before, first) = self.follow(pattern, Way::Back, 0, character);
        let (after, last) = self.follow(pattern, Way::On, length - 1, character);
        if before + self.searcher.depth.run() + after >= BEYOND_CHANCE {
            return true;
        }
        if is_in_a_name(length, character) {
            return false;
        }
        let is_digit = |place| character(place).is_some_and(|character| character.is_ascii_digit());
        let is_in_a_number = is_digit(first - 1) || is_digit(last + 1);
        pattern.encoding == Encoding::Spaced || !(is_in_a_number || is_fraction_of_a_second(first, character))
    }

    /// How many more digits of the canary stand beyond a run's end at `place`, a hyphen between them or none, and where the last of
    /// them is.
    fn follow(
        &self,
        pattern: Pattern,
        way: Way,
        mut place: isize,
        character: impl Fn(isize) -> Option<char>,
    ) -> (usize, isize) {
        let canary = &self.searcher.canaries[pattern.canary];
        let step = if way == Way::On { 1 } else { -1 };
        let is_upwards = (way == Way::On) != (pattern.encoding == Encoding::Reversed);
        let end = pattern.begin + self.searcher.depth.run();
        let digits = if is_upwards { end..DIGITS } else { 0..pattern.begin };
        let mut known = 0;
        while known < digits.len() {
            let digit = if is_upwards { digits.start + known } else { digits.end - 1 - known };
            let is_next = |place| character(place) == Some(char::from(b'0' + canary.digit(digit)));
            place += match character(place + step) {
                _ if is_next(place + step) => step,
                Some('-') if is_next(place + 2 * step) => 2 * step,
                _ => break,
            };
            known += 1;
        }
        (known, place)
    }

    /// Looks for values that lie apart from each other.
    fn judge_values(&mut self, start: usize) {
        let Some(runs) = self.searcher.runs.get(usize::from(self.buffer[start] ^ self.searcher.mask)) else { return };
        for &(number, begin) in runs {
            let canary = &self.searcher.canaries[number];
            let is_digit = |stride: usize, place: usize| {
                let byte = self.buffer.get(start + stride * place).map(|byte| byte ^ self.searcher.mask);
                byte == Some(canary.digit(begin + place))
            };
            if STRIDES.into_iter().any(|stride| (1..STRIDED_RUN).all(|place| is_digit(stride, place))) {
                note(&mut self.hits, number, Encoding::Strided, self.base + start as u64);
            }
        }
    }

    /// Drops what cannot be part of anything that is still to be judged.
    fn forget(&mut self) {
        let past = self.judged.saturating_sub(MARGIN);
        self.buffer.drain(..past);
        self.base += past as u64;
        self.judged -= past;
    }
}

/// Which way a run is followed in the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Back,
    On,
}

/// Whether what stands from 0 to `length` is part of long hexadecimal text.
fn is_in_a_name(length: isize, character: impl Fn(isize) -> Option<char>) -> bool {
    let is_hexadecimal =
        |place: isize| character(place).is_some_and(|character| character.is_ascii_hexdigit() || character == '-');
    if !(0..length).all(is_hexadecimal) {
        return false;
    }
    let around = stretch(length, is_hexadecimal);
    let length = around.end - around.start;
    let letters = around.filter(|place| character(*place).is_some_and(|character| character.is_ascii_alphabetic()));
    length >= HEXADECIMAL && letters.count() >= LETTERS
}

/// Whether what begins at `first` follows the seconds of a time of day: the digits of a clock are any, and stores are full of them.
fn is_fraction_of_a_second(first: isize, character: impl Fn(isize) -> Option<char>) -> bool {
    let is_digit = |place| character(place).is_some_and(|character| character.is_ascii_digit());
    let is_number = |place| is_digit(place) && is_digit(place + 1);
    character(first - 1) == Some('.')
        && is_number(first - 3)
        && character(first - 4) == Some(':')
        && is_number(first - 6)
        && character(first - 7) == Some(':')
        && is_number(first - 9)
}

/// The places from 0 to `length`, and those before and after for as long as they fit, a margin at most.
fn stretch(length: isize, fits: impl Fn(isize) -> bool) -> Range<isize> {
    let most = MARGIN.cast_signed();
    let before = (1..=most).take_while(|before| fits(-before)).count().cast_signed();
    let after = (length..length + most).take_while(|place| fits(*place)).count().cast_signed();
    -before..length + after
}

fn note(hits: &mut BTreeMap<(usize, Encoding), (u64, u64)>, canary: usize, encoding: Encoding, offset: u64) {
    let (first, count) = hits.entry((canary, encoding)).or_insert((offset, 0));
    *first = (*first).min(offset);
    *count += 1;
}

#[cfg(test)]
mod tests;
