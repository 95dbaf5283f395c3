//! A number that leaks one digit at a time: a log line, a record, or a field of one for each key.
//!
//! Lines that are alike but for their numbers are taken together. In each place where they differ, the values that follow each
//! other are looked at as if they stood in a row.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    canary::{Canary, DIGITS, RUN},
    encoding::Encoding,
    search::Hit,
};

/// Places of all kinds of lines that are told apart, of about 100 bytes each. Lines of kinds that come then are left out.
const MOST_COLUMNS: usize = 1_000_000;

/// What looking at a text showed.
#[derive(Debug, Default)]
pub struct Looked {
    /// What was found, the offset being that of the line that completed it.
    pub hits: Vec<Hit>,
    /// Lines that were not looked at, for want of room.
    pub left_out: usize,
}

/// The values that stood in one place of alike lines.
#[derive(Default)]
struct Column {
    /// Each.
    every: VecDeque<u8>,
    /// Each that differs from the one before it: a press that is told several times.
    changes: VecDeque<u8>,
}

impl Column {
    fn take(&mut self, value: Option<u8>) {
        let Some(value) = value else {
            self.every.clear();
            self.changes.clear();
            return;
        };
        push(&mut self.every, value);
        if self.changes.back() != Some(&value) {
            push(&mut self.changes, value);
        }
    }
}

fn push(values: &mut VecDeque<u8>, value: u8) {
    if values.len() == DIGITS {
        values.pop_front();
    }
    values.push_back(value);
}

/// Looks at lines of text.
pub struct Columns<'a> {
    canaries: &'a [Canary],
    /// The runs of each number without repetitions.
    changes: Vec<Vec<[u8; RUN]>>,
    kinds: HashMap<u64, Vec<Column>>,
    /// Columns that there is room for.
    room: usize,
    looked: Looked,
}

impl<'a> Columns<'a> {
    /// Has seen no line yet.
    #[must_use]
    pub fn new(canaries: &'a [Canary]) -> Self {
        let changes = canaries.iter().map(runs_of_changes).collect();
        Self { canaries, changes, kinds: HashMap::new(), room: MOST_COLUMNS, looked: Looked::default() }
    }

    /// Looks at a whole text: its lines, and the objects of JSON within them.
    #[must_use]
    pub fn search(mut self, text: &[u8]) -> Looked {
        let mut offset = 0;
        for line in text.split_inclusive(|byte| matches!(byte, b'\n' | b'}')) {
            self.line(offset, line);
            offset += line.len() as u64;
        }
        self.looked
    }

    fn line(&mut self, offset: u64, line: &[u8]) {
        let mut kind = DefaultHasher::new();
        let mut values = Vec::new();
        for piece in line.chunk_by(|one, other| one.is_ascii_digit() == other.is_ascii_digit()) {
            if piece[0].is_ascii_digit() {
                0_u8.hash(&mut kind);
                values.push(value(piece));
            } else {
                piece.hash(&mut kind);
            }
        }
        let kind = kind.finish();
        if values.is_empty() {
            return;
        }
        if !self.kinds.contains_key(&kind) {
            let Some(room) = self.room.checked_sub(values.len()) else {
                self.looked.left_out += 1;
                return;
            };
            self.room = room;
        }
        // Lines of a kind have as many numbers.
        let columns = self.kinds.entry(kind).or_default();
        columns.resize_with(values.len(), Column::default);
        for (column, value) in columns.iter_mut().zip(values) {
            column.take(value);
            let found = if value.is_some() { leaks(self.canaries, &self.changes, column) } else { None };
            if let Some(canary) = found {
                note(&mut self.looked.hits, canary, offset);
            }
        }
    }
}

/// A digit: as itself, or as its ASCII code.
fn value(number: &[u8]) -> Option<u8> {
    match number {
        [digit] => Some(digit - b'0'),
        [b'4', last @ (b'8' | b'9')] => Some(last - b'8'),
        [b'5', last @ b'0'..=b'7'] => Some(last - b'0' + 2),
        _ => None,
    }
}

fn runs_of_changes(canary: &Canary) -> Vec<[u8; RUN]> {
    let mut changes: Vec<u8> = (0..DIGITS).map(|place| canary.digit(place)).collect();
    changes.dedup();
    changes.windows(RUN).filter_map(|run| run.try_into().ok()).collect()
}

fn leaks(canaries: &[Canary], changes: &[Vec<[u8; RUN]>], column: &Column) -> Option<usize> {
    let last = |values: &VecDeque<u8>| -> Option<[u8; RUN]> {
        let first = values.len().checked_sub(RUN)?;
        values.range(first..).copied().collect::<Vec<_>>().try_into().ok()
    };
    let changed = last(&column.changes);
    let by_changes = || changed.and_then(|last| changes.iter().position(|runs| runs.contains(&last)));
    crate::events::ends_with_a_run(canaries, &column.every).or_else(by_changes)
}

fn note(hits: &mut Vec<Hit>, canary: usize, offset: u64) {
    match hits.iter_mut().find(|hit| hit.canary == canary) {
        Some(hit) => hit.count += 1,
        None => hits.push(Hit { canary, encoding: Encoding::OneByOne, offset, count: 1 }),
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::canary::draw;

    fn cards() -> Vec<Canary> {
        draw(3, &mut StdRng::seed_from_u64(11), 2026)
    }

    fn found(cards: &[Canary], text: &str) -> Vec<usize> {
        Columns::new(cards).search(text.as_bytes()).hits.iter().map(|hit| hit.canary).collect()
    }

    #[test]
    fn a_digit_a_line_is_found_among_other_lines() {
        let cards = cards();
        let line = |place: usize, digit: u8| {
            format!(
                "{{\"timestamp\":\"12:00:{place:02}.1{place:05}\",\"fields\":{{\"message\":\"key\",\"code\":{digit}}}}}\nother {place}\n"
            )
        };
        let text: String = (0..DIGITS).map(|place| line(place, cards[1].digit(place))).collect();
        assert_eq!(found(&cards, &text), [1]);
    }

    #[test]
    fn a_press_that_is_told_three_times_and_by_its_code_is_found() {
        let cards = cards();
        let told = |digit: u8| format!("received {} bytes, byte {}\n", 4, 48 + digit).repeat(3);
        let text: String = (0..DIGITS).map(|place| told(cards[2].digit(place))).collect();
        assert_eq!(found(&cards, &text), [2]);
    }

    #[test]
    fn a_list_of_json_with_one_entry_a_key_is_found() {
        let cards = cards();
        let entry =
            |digit: u8| format!("{{\"at_ms\":{},\"kind\":\"key\",\"detail\":\"{digit}\"}},", 1_000 + u32::from(digit));
        let text: String = (0..DIGITS).map(|place| entry(cards[0].digit(place))).collect();
        assert_eq!(found(&cards, &format!("[{text}]")), [0]);
    }

    #[test]
    fn a_long_line_with_many_numbers_is_looked_at_and_what_there_is_no_room_for_is_counted() {
        let cards = cards();
        let line = |place: usize| format!("{} key {}\n", "0 ".repeat(20_000), cards[0].digit(place));
        let text: String = (0..DIGITS).map(line).collect();
        assert_eq!(found(&cards, &text), [0]);
        let mut columns = Columns::new(&cards);
        columns.room = 3;
        let looked = columns.search(b"1 a 2\n3 b 4\n5 a 6\n7\n");
        assert_eq!(looked.left_out, 1, "the second kind had no room; the third had");
    }

    #[test]
    fn digits_of_nobody_are_not_found() {
        let mut random = StdRng::seed_from_u64(12);
        let text: String = (0..20_000).map(|_| format!("key {}\n", random.random_range(0..10))).collect();
        assert!(found(&cards(), &text).is_empty());
    }
}
