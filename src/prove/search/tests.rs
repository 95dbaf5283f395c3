//! Every form is found wherever it is, and nothing is found where there is none.

use proptest::prelude::*;
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};

use super::*;
use crate::canary::{DIGITS, RUN, draw};

fn cards(count: usize) -> Vec<Canary> {
    draw(count, &mut StdRng::seed_from_u64(21), 2026)
}

/// Bytes in which no form can be.
fn hay(length: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; length];
    StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

fn names(hits: &[Hit]) -> Vec<(usize, Encoding)> {
    hits.iter().map(|hit| (hit.canary, hit.encoding)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_form_is_found_wherever_it_is(seed: u64, place in 0..3 * CHUNK, piece in 1..2 * CHUNK, which: usize) {
        let cards = cards(3);
        let searcher = Searcher::new(&cards, Depth::Written, 0xa5).unwrap();
        let number = which % cards.len();
        let all = forms(&cards[number], Depth::Written);
        let form = &all[which / cards.len() % all.len()];
        let mut bytes = hay(3 * CHUNK + 4_096, seed);
        // What is beside it is no digit.
        bytes[place + 1..=place + form.bytes.len()].copy_from_slice(&form.bytes);
        bytes[place] = b' ';
        bytes[place + 1 + form.bytes.len()] = b' ';
        let mut search = searcher.begin();
        bytes.chunks(piece).for_each(|piece| search.push(piece));
        let hits = search.finish();
        let hit = hits.iter().find(|hit| (hit.canary, hit.encoding) == (number, form.encoding));
        prop_assert!(hit.is_some_and(|hit| hit.offset == place as u64 + 1), "{:?}", form.encoding);
    }
}

#[test]
fn random_bytes_and_digits_hold_no_canary() {
    let cards = cards(4);
    let mut random = StdRng::seed_from_u64(5);
    for depth in [Depth::Written, Depth::Memory] {
        let searcher = Searcher::new(&cards, depth, 0x99).unwrap();
        assert!(searcher.search(&hay(4 * CHUNK, 6)).is_empty());
        assert!(searcher.search(&vec![0; CHUNK]).is_empty() && searcher.search(&[]).is_empty());
        let text: Vec<u8> = (0..CHUNK).map(|_| b"0123456789 ,.:-"[random.random_range(0..15)]).collect();
        assert!(searcher.search(&text).is_empty());
    }
}

#[test]
fn a_run_within_a_longer_number_is_chance_and_one_alone_is_not() {
    let cards = cards(1);
    let searcher = Searcher::new(&cards, Depth::Written, 0xff).unwrap();
    let whole: String = (0..DIGITS).map(|place| char::from(b'0' + cards[0].digit(place))).collect();
    let backwards: String = whole.chars().rev().collect();
    let other = |digit: u8| char::from(b'0' + (digit - b'0' + 1) % 10);
    for (text, encoding) in [(&whole, Encoding::Text), (&backwards, Encoding::Reversed)] {
        for begin in 5..=6 {
            let end = begin + RUN;
            let (run, before, after) = (&text[begin..end], text.as_bytes()[begin - 1], text.as_bytes()[end]);
            assert_eq!(names(&searcher.search(format!("n={run};").as_bytes())), [(0, encoding)]);
            assert_eq!(names(&searcher.search(run.as_bytes())), [(0, encoding)], "at the ends of what there is");
            assert!(searcher.search(format!("0.{run}{}", other(after)).as_bytes()).is_empty());
            assert!(searcher.search(format!("{}{run}", other(before)).as_bytes()).is_empty());
            let longer = format!(
                "{}{}",
                &text[begin - 1..end + 2],
                other(text.as_bytes().get(end + 2).copied().unwrap_or(b'0'))
            );
            assert_eq!(names(&searcher.search(longer.as_bytes())), [(0, encoding)], "ten of them are no accident");
        }
        // A field that follows without a gap hides nothing.
        assert_eq!(names(&searcher.search(format!("{text}0530").as_bytes())), [(0, encoding)]);
    }
}

#[test]
fn a_run_within_a_hash_or_a_uuid_is_chance_and_one_beside_a_few_letters_is_not() {
    let cards = cards(1);
    let searcher = Searcher::new(&cards, Depth::Written, 0x81).unwrap();
    let run: String = (4..4 + RUN).map(|place| char::from(b'0' + cards[0].digit(place))).collect();
    for hidden in
        [format!("\"{}a{run}f{}\"", "9c".repeat(14), "0e".repeat(14)), format!("0a1b2c3d-4e5f-4a6b-8c7d-de{run}abc;")]
    {
        assert!(searcher.search(hidden.as_bytes()).is_empty());
    }
    let rule = "-".repeat(40);
    for told in
        [format!("id=ab{run}cd"), format!("{rule}{run}{rule}"), format!("2026-11-05-10-20-30-40-50-{run}-60-70")]
    {
        assert_eq!(names(&searcher.search(told.as_bytes())), [(0, Encoding::Text)]);
    }
}

#[test]
fn groups_within_a_uuid_are_chance_and_groups_alone_are_not() {
    let cards = cards(1);
    let searcher = Searcher::new(&cards, Depth::Written, 0x93).unwrap();
    let digits = |from: usize, to: usize| -> String {
        (from..to).map(|place| char::from(b'0' + cards[0].digit(place))).collect()
    };
    let (group, three) = (digits(4, 8), digits(8, 11));
    for chance in [
        format!("\"0a1b2c3d-{group}-{three}a-8c7d-de0f1a2b3c4d\""),
        format!("0a1b2c3d-4e5f-{group}-{three}b-de0f1a2b3c4d;"),
    ] {
        assert!(searcher.search(chance.as_bytes()).is_empty());
    }
    for told in [
        format!("n={group}-{three};"),
        format!("the card {group} {three} was"),
        format!("0a1b2c3d-{}-{group}-{}-{}", digits(0, 4), digits(8, 12), digits(12, 16)),
        format!("0a1b2c3d-4e5f-{group}-{}-deadbeefcafe", digits(8, 12)) + &format!("-{}", digits(4, 14)),
        format!("{group}%20{three}"),
        format!("q=%20{group}%20{three}%20"),
        (0..DIGITS).map(|place| format!("%20{}", cards[0].digit(place))).collect(),
        format!("7.{group}.{three}5"),
    ] {
        let found = names(&searcher.search(told.as_bytes()));
        assert!(found.contains(&(0, Encoding::Spaced)) || found.contains(&(0, Encoding::Text)), "{found:?}");
    }
    let whole = format!("0a1b2c3d-4e5f-{}-{group}-{}-{}", digits(0, 4), digits(8, 12), digits(12, 16));
    assert_eq!(names(&searcher.search(whole.as_bytes())), [(0, Encoding::Spaced)]);
}

#[test]
fn a_fraction_of_a_second_is_chance() {
    let cards = cards(1);
    let searcher = Searcher::new(&cards, Depth::Written, 0x97).unwrap();
    let run = |to: usize| -> String { (5..to).map(|place| char::from(b'0' + cards[0].digit(place))).collect() };
    let backwards = |to: usize| -> String { run(to).chars().rev().collect() };
    let (seven, nine) = (run(5 + RUN), run(14));
    for clock in [
        format!("2026-12-01T03:03:43.{seven}Z"),
        format!("03:03:43.{nine}+01:00"),
        format!("03:03:43.{}\"", backwards(13)),
    ] {
        assert!(searcher.search(clock.as_bytes()).is_empty());
    }
    for told in
        [format!("03:03:43.{}Z", run(15)), format!("3:43.{seven}"), format!("x.{seven}"), format!("03:03:43 {seven}")]
    {
        assert_eq!(names(&searcher.search(told.as_bytes())), [(0, Encoding::Text)]);
    }
}

#[test]
fn records_that_hold_one_value_each_are_found() {
    let cards = cards(2);
    for depth in [Depth::Written, Depth::Memory] {
        let searcher = Searcher::new(&cards, depth, 0x80).unwrap();
        for stride in STRIDES {
            let mut bytes = vec![0xee; 64];
            for place in 0..DIGITS {
                bytes.push(cards[1].digit(place));
                bytes.resize(64 + stride * (place + 1), 0x8a);
            }
            assert_eq!(names(&searcher.search(&bytes)), [(1, Encoding::Strided)], "{stride} apart");
        }
    }
}

#[test]
fn the_lists_of_places_in_a_database_s_pages_are_no_card() {
    let cards = cards(8);
    let searcher = Searcher::new(&cards, Depth::Written, 0x80).unwrap();
    // Seven digits of a card as such a list has them (SQLite file format, 1.6): sixteen bits each, the higher byte first.
    let list: Vec<u8> = (4..4 + RUN).flat_map(|place| [cards[3].digit(place), 0xd7]).collect();
    assert!(searcher.search(&list).is_empty());
}

#[test]
fn events_in_packets_are_found_and_repetitions_count_once() {
    let cards = cards(2);
    let searcher = Searcher::new(&cards, Depth::Written, 0xc3).unwrap();
    let mut bytes = Vec::new();
    for place in 0..DIGITS {
        for copy in 0..5_u8 {
            bytes.extend([0x45, 0x00, 0x99, 0x80, 101, 0, copy, 1, 2, 3, place as u8, 9, 9, 9, 9]);
            bytes.extend([cards[0].digit(place), 0x0a, 0, 40 * (copy + 1)]);
        }
    }
    assert_eq!(names(&searcher.search(&bytes)), [(0, Encoding::Events)]);
}
