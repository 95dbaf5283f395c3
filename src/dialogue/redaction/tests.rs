use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::tests::beginning;

/// Numbers that each way of saying them is tried with.
const NUMBERS: u32 = 200;
/// From one turn to the next.
const TURN: Duration = Duration::from_secs(7);

/// Numbers that are different every time, and the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as u32) % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u32) as usize]
    }

    /// A card number that begins so and is so long.
    fn card(&mut self, begin: &str, length: usize) -> String {
        let mut digits: Vec<u8> = begin.bytes().map(|byte| byte - b'0').collect();
        while digits.len() < length - 1 {
            digits.push(self.below(10) as u8);
        }
        let whole = |check: u8| [digits.as_slice(), &[check]].concat();
        let check = (0..10).find(|check| is_card_number(&whole(*check))).expect("a check digit");
        whole(check).iter().map(|digit| char::from(b'0' + digit)).collect()
    }

    /// A card number of any of the large networks.
    fn any_card(&mut self) -> String {
        let kinds =
            [("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16), ("36", 14), ("62", 19), ("3528", 16)];
        let (begin, length) = kinds[self.below(kinds.len() as u32) as usize];
        self.card(begin, length)
    }
}

const DIGITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const PLURAL: [&str; 10] = ["zeros", "ones", "twos", "threes", "fours", "fives", "sixes", "sevens", "eights", "nines"];

fn word(digit: char) -> &'static str {
    DIGITS[digit.to_digit(10).unwrap() as usize]
}

fn one_by_one(number: &str) -> String {
    number.chars().map(word).collect::<Vec<_>>().join(" ")
}

fn groups(number: &str, between: &str) -> String {
    let digits: Vec<char> = number.chars().collect();
    digits.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(between)
}

/// Two digits as one number where there is such.
fn pairs(number: &str) -> String {
    let digits: Vec<char> = number.chars().collect();
    // Of an odd count the first stands alone: "twenty" before a last digit would be one number with it.
    let (alone, even) = digits.split_at(digits.len() % 2);
    let pair = |pair: &[char]| match pair {
        ['0', '0'] => "double oh".to_owned(),
        ['0', low] => format!("oh {}", word(*low)),
        [high, low] => crate::spoken::cardinal(u64::from(high.to_digit(10).unwrap() * 10 + low.to_digit(10).unwrap())),
        [single] => word(*single).to_owned(),
        _ => String::new(),
    };
    alone.chunks(1).chain(even.chunks(2)).map(pair).collect::<Vec<_>>().join(" ")
}

/// Digits that repeat told by how often.
fn counted(number: &str, name: impl Fn(usize, char) -> String) -> String {
    let digits: Vec<char> = number.chars().collect();
    let same = digits.chunk_by(|one, other| one == other).flat_map(|same| same.chunks(3));
    same.map(|same| if same.len() == 1 { word(same[0]).to_owned() } else { name(same.len(), same[0]) })
        .collect::<Vec<_>>()
        .join(" ")
}

fn fillers(number: &str, dice: &mut Dice) -> String {
    let said = [" ", " ", " uh ", " um ", ", and then ", " okay ", " dash ", ", and the next four are ", ", "];
    number.chars().fold(String::new(), |text, digit| format!("{text}{}{}", word(digit), dice.one(&said)))
}

/// Every way to say a number in one turn, by name.
fn ways(number: &str, dice: &mut Dice) -> [(&'static str, String); 14] {
    let oh = one_by_one(number).replace("zero", "oh");
    let hundreds = number.as_bytes().chunks(4).map(|group| {
        let value: u64 = std::str::from_utf8(group).unwrap().parse().unwrap();
        let is_hundreds =
            group.len() == 4 && value >= 1_000 && value.is_multiple_of(100) && !value.is_multiple_of(1_000);
        if is_hundreds {
            format!("{} hundred", crate::spoken::cardinal(value / 100))
        } else {
            one_by_one(std::str::from_utf8(group).unwrap())
        }
    });
    let times = |count: usize, digit| format!("{} {}", if count == 2 { "double" } else { "triple" }, word(digit));
    let plural =
        |count: usize, digit: char| format!("{} {}", DIGITS[count], PLURAL[digit.to_digit(10).unwrap() as usize]);
    [
        ("figures", number.to_owned()),
        ("figures in groups", groups(number, " ")),
        ("figures with hyphens", groups(number, "-")),
        ("figures with commas", groups(number, ", ")),
        ("figures one by one", number.chars().map(String::from).collect::<Vec<_>>().join(" ")),
        ("words one by one", one_by_one(number)),
        ("words with oh", oh),
        ("pairs", pairs(number)),
        ("pairs with hyphens", pairs(number).replace("ty ", "ty-")),
        ("double and triple", counted(number, times)),
        ("two fours", counted(number, plural)),
        ("hundreds", hundreds.collect::<Vec<_>>().join(" ")),
        ("fillers", fillers(number, dice)),
        ("in a sentence", format!("My card number is {}, expires 12 26, and the code is 123.", groups(number, " "))),
    ]
}

/// Digits that are left in a text.
fn digits_left(text: &str) -> usize {
    said(text).runs.iter().map(|run| run.digits.len()).sum()
}

/// What is found in turns that follow each other, and how many digits went on.
fn hear_all(turns: &[String]) -> (Option<Finding>, usize, usize) {
    let (mut redactor, mut now) = (Redactor::new(), beginning());
    let (mut worst, mut left, mut silenced) = (None, 0, std::collections::BTreeSet::new());
    for (nth, turn) in (0_u64..).zip(turns) {
        let heard = redactor.hear(now, turn.clone(), GrammarId::YesNo, nth * 100..nth * 100 + 50);
        worst = worst.max(heard.finding);
        left += digits_left(&heard.text);
        silenced.extend(heard.silence.into_iter().map(|place| place.start));
        now += TURN;
    }
    (worst, left, silenced.len())
}

#[test]
fn every_way_to_say_a_number_in_one_turn_is_found() {
    let mut dice = Dice(1);
    let mut found = std::collections::BTreeMap::<&str, u32>::new();
    for _ in 0..NUMBERS {
        let number = dice.any_card();
        for (way, text) in ways(&number, &mut dice) {
            let (finding, left, silenced) = hear_all(&[text]);
            let is_found = finding == Some(Finding::CardNumber) && left == 0 && silenced == 1;
            *found.entry(way).or_default() += u32::from(is_found);
        }
    }
    println!("said in one turn, found of {NUMBERS}: {found:?}");
    assert!(found.values().all(|found| *found == NUMBERS), "{found:?}");
}

#[test]
fn a_number_in_several_turns_is_found_in_the_last_and_five_digits_at_most_go_on() {
    let leads = ["", "yes ", "okay, then ", "and the next four are ", "uh "];
    let mut dice = Dice(2);
    let (mut found, mut all, mut most_left) = (0, 0, 0);
    for _ in 0..NUMBERS {
        let number = dice.any_card();
        for turns in 2..=4 {
            let way = dice.below(13) as usize;
            let digits: Vec<char> = number.chars().collect();
            let parts: Vec<String> = digits
                .chunks(digits.len().div_ceil(turns))
                .map(|part| {
                    let (_, said) = ways(&part.iter().collect::<String>(), &mut dice)[way].clone();
                    format!("{}{said}", dice.one(&leads))
                })
                .collect();
            let (finding, left, silenced) = hear_all(&parts);
            found += u32::from(finding == Some(Finding::CardNumber) && silenced == parts.len());
            all += 1;
            most_left = most_left.max(left);
        }
    }
    println!("said in 2 to 4 turns: found {found} of {all}; at most {most_left} digits went on");
    assert_eq!((found, most_left < TOO_MANY), (all, true));
}

#[test]
fn other_words_between_leave_numbers_of_the_large_networks() {
    let between = ["hold on, let me find my glasses", "did you get that", "sorry my dog is barking"];
    let mut dice = Dice(3);
    let mut found = 0;
    for _ in 0..NUMBERS {
        let number = dice.any_card();
        let (one, rest) = number.split_at(8);
        let turns = [one_by_one(one), dice.one(&between).to_owned(), one_by_one(rest)];
        found += u32::from(hear_all(&turns).0 == Some(Finding::CardNumber));
    }
    println!("said in two turns with another between: found {found} of {NUMBERS}");
    assert_eq!(found, NUMBERS);
}

#[test]
fn a_number_misheard_in_one_digit_is_taken_out_and_not_called_a_card() {
    let mut dice = Dice(4);
    let (mut called, mut left) = (0, 0);
    for _ in 0..NUMBERS {
        let number = dice.card("4", 16);
        let at = dice.below(16) as usize;
        let mut digits: Vec<u8> = number.bytes().collect();
        digits[at] = b'0' + (digits[at] - b'0' + 1 + dice.below(8) as u8) % 10;
        let text = one_by_one(std::str::from_utf8(&digits).unwrap());
        let (finding, digits, silenced) = hear_all(&[text]);
        assert!(finding >= Some(Finding::LongNumber) && silenced == 1);
        called += u32::from(finding == Some(Finding::CardNumber));
        left += digits;
    }
    println!("misheard in one digit: {called} of {NUMBERS} still look like a card, {left} digits left");
    assert_eq!(left, 0);
}

/// What callers say that is no card, by what they were asked.
const INNOCENT: &[(GrammarId, &str)] = &[
    (GrammarId::YesNo, "yes"),
    (GrammarId::YesNo, "no, i have two kids and one on the way"),
    (GrammarId::YesNo, "i called twice on the twenty first and nobody answered for 45 minutes"),
    (GrammarId::YesNo, "i paid 120 dollars in 2019 and another 50 in march"),
    (GrammarId::YesNo, "call me at five or six o'clock"),
    (GrammarId::YesNo, "stop calling me"),
    (GrammarId::Name, "this is she"),
    (GrammarId::Name, "no one by that name lives at 12 oak street"),
    (GrammarId::DateOfBirth, "march third nineteen eighty one"),
    (GrammarId::DateOfBirth, "it's the twenty first of december nineteen seventy five"),
    (GrammarId::DateOfBirth, "03/03/1981"),
    (GrammarId::DateOfBirth, "March 3rd, 1981."),
    (GrammarId::Reference, "four zero zero one seven seven three one"),
    (GrammarId::Reference, "my reference is 40017731"),
    (GrammarId::Reference, "4001 7731"),
    (GrammarId::Reference, "forty double zero seventeen seventy three"),
    (GrammarId::PostalCode, "four oh two one nine"),
    (GrammarId::PostalCode, "um, my zip code is 40219, thank you"),
    (GrammarId::PostalCode, "nine oh two ten"),
    (GrammarId::LastFour, "it ends in seventy three nineteen"),
    (GrammarId::LastFour, "7 3 1 9"),
    (GrammarId::PayInFull, "i can pay 1250 dollars 40 cents"),
    (GrammarId::PayInFull, "can i pay fifty a month"),
    (GrammarId::PayInFull, "how about twelve payments of a hundred and twenty dollars"),
    (GrammarId::PayInFull, "one thousand two hundred and fifty"),
    (GrammarId::PayInFull, "yes"),
    (GrammarId::PayInFull, "no i lost my job in 2024"),
    (GrammarId::PlanTerms, "fifty dollars a month"),
    (GrammarId::PlanTerms, "six monthly payments"),
    (GrammarId::PlanTerms, "120"),
    (GrammarId::PlanTerms, "two hundred fifty five every two weeks"),
    (GrammarId::AcceptPlan, "no, one fifty a month"),
    (GrammarId::AcceptPlan, "yes that works"),
    (GrammarId::AcceptPlan, "can i do 75 every week"),
    (GrammarId::YesNo, "i make 12 dollars an hour and i work 30 hours"),
    (GrammarId::YesNo, "my son is 4 and my daughter is 2"),
    (GrammarId::YesNo, "you said 100 and 50, and then nothing"),
    (GrammarId::Name, "he moved out in 1998"),
    (GrammarId::PayInFull, "i get paid on the first and the fifteenth"),
];

#[test]
fn what_is_no_card_goes_on_as_it_is() {
    let mut redactor = Redactor::new();
    let mut now = beginning();
    for round in 0..3 {
        for (grammar, text) in INNOCENT {
            let heard = redactor.hear(now, (*text).to_owned(), *grammar, 0..1);
            assert_eq!((heard.text.as_str(), heard.finding), (*text, None), "round {round}");
            now += TURN;
        }
    }
    println!("innocent sentences hit: 0 of {}", 3 * INNOCENT.len());
}

/// The price of taking six digits in a row for a part of a number.
#[test]
fn counts_that_follow_each_other_can_be_hit() {
    let text = "you said 100 then 200 then nothing".to_owned();
    let heard = Redactor::new().hear(beginning(), text, GrammarId::YesNo, 0..1);
    assert_eq!((heard.text.as_str(), heard.finding), ("you said [withheld] then nothing", Some(Finding::Digits)));
}

/// Whole identifications and offers, as the collector asks for them, with numbers by chance. The only ones that may be hit are
/// references given twice, which can together look like a number of a network.
#[test]
fn whole_calls_are_verified_and_arranged_without_a_hit() {
    let mut dice = Dice(5);
    let (mut hits, mut turns) = (0, 0);
    for _ in 0..NUMBERS * 10 {
        let (mut redactor, mut now) = (Redactor::new(), beginning());
        let mut digits = |count: usize| (0..count).map(|_| char::from(b'0' + dice.below(10) as u8)).collect::<String>();
        let (reference, again, postal, last) = (digits(8), digits(8), digits(5), digits(4));
        let said = [
            (GrammarId::Reference, one_by_one(&reference)),
            (GrammarId::YesNo, "no".to_owned()),
            (GrammarId::Reference, again),
            (GrammarId::Name, "yes".to_owned()),
            (GrammarId::DateOfBirth, "march third nineteen eighty one".to_owned()),
            (GrammarId::YesNo, "yes".to_owned()),
            (GrammarId::PostalCode, pairs(&postal)),
            (GrammarId::LastFour, one_by_one(&last)),
            (GrammarId::PayInFull, "can i pay fifty a month".to_owned()),
            (GrammarId::AcceptPlan, "no sixty five a month".to_owned()),
            (GrammarId::AcceptPlan, "seventy five a month".to_owned()),
        ];
        for (grammar, text) in said {
            let before = grammar.parse(&text);
            let heard = redactor.hear(now, text, grammar, 0..1);
            hits += u32::from(heard.finding.is_some() || grammar.parse(&heard.text) != before);
            turns += 1;
            now += TURN;
        }
    }
    println!("turns of whole calls hit: {hits} of {turns}");
    assert!(f64::from(hits) / f64::from(turns) < 0.005, "{hits} of {turns}");
}

#[test]
fn a_telephone_number_that_nobody_asked_for_is_taken_out_and_not_called_a_card() {
    let mut redactor = Redactor::new();
    let text = "you can reach me at two oh two five five five oh one four three".to_owned();
    let heard = redactor.hear(beginning(), text, GrammarId::YesNo, 0..1);
    assert_eq!((heard.text.as_str(), heard.finding), ("you can reach me at [withheld]", Some(Finding::Digits)));
    assert!(heard.silence.is_empty());
}

#[test]
fn an_interruption_beside_a_number_is_still_heard() {
    let mut redactor = Redactor::new();
    let text = "stop calling me, 4242 4242 4242 4242".to_owned();
    let heard = redactor.hear(beginning(), text, GrammarId::LastFour, 0..1);
    assert_eq!(heard.finding, Some(Finding::CardNumber));
    assert!(matches!(GrammarId::LastFour.parse(&heard.text), Understood::Interruption(_)));
}

#[test]
fn a_security_code_after_a_number_is_taken_out_and_later_counts_are_not() {
    let (mut redactor, now) = (Redactor::new(), beginning());
    let hear =
        |redactor: &mut Redactor, at, text: &str| redactor.hear(at, text.to_owned(), GrammarId::YesNo, 0..1).finding;
    assert_eq!(hear(&mut redactor, now, "4242 4242 4242 4242"), Some(Finding::CardNumber));
    assert_eq!(hear(&mut redactor, now + TURN, "one two three"), Some(Finding::Digits));
    assert_eq!(hear(&mut redactor, now + 4 * TURN, "one two three"), None);
}

#[test]
fn digits_are_forgotten_and_their_sound_is_kept_back_no_longer() {
    let (mut redactor, now) = (Redactor::new(), beginning());
    let _ = redactor.hear(now, "4242 4242".to_owned(), GrammarId::YesNo, 700..900);
    assert_eq!((redactor.kept_back_from(), redactor.poll_timeout()), (Some(700), Some(now + REMEMBERED)));
    redactor.handle_timeout(now + REMEMBERED - Duration::from_millis(1));
    assert_eq!(redactor.kept_back_from(), Some(700));
    redactor.handle_timeout(now + REMEMBERED);
    assert_eq!((redactor.kept_back_from(), redactor.poll_timeout()), (None, None));
    let heard = redactor.hear(now + REMEMBERED, "4242 4242".to_owned(), GrammarId::YesNo, 0..1);
    assert_eq!(heard.finding, Some(Finding::Digits));
}

#[test]
fn the_sound_of_answers_and_of_small_counts_is_not_kept_back() {
    let mut redactor = Redactor::new();
    let _ = redactor.hear(beginning(), "40017731".to_owned(), GrammarId::Reference, 0..9);
    let _ = redactor.hear(beginning(), "i have two kids".to_owned(), GrammarId::YesNo, 10..19);
    assert_eq!(redactor.kept_back_from(), None);
}

#[test]
fn at_most_eighteen_digits_are_remembered_and_none_is_printed() {
    let mut redactor = Redactor::new();
    for nth in 0..50 {
        let text = format!("and {}", "1 ".repeat(nth));
        let heard = redactor.hear(beginning(), text, GrammarId::YesNo, 0..1);
        let remembered: usize = redactor.pieces.iter().map(|piece| piece.digits.len()).sum();
        assert!(remembered <= MOST_REMEMBERED && redactor.pieces.len() <= MOST_REMEMBERED);
        let shown = format!("{redactor:?}{heard:?}");
        assert!(!shown.contains(|character: char| character.is_ascii_digit()), "{shown}");
    }
}

proptest! {
    #[test]
    fn any_words_can_be_heard(texts in prop::collection::vec("([a-z]{1,8} |[0-9]{1,5}[ ,.-]|.){0,30}", 1..4)) {
        let mut redactor = Redactor::new();
        for text in texts {
            let whole = text.clone();
            let heard = redactor.hear(beginning(), text, GrammarId::YesNo, 0..1);
            prop_assert_eq!(heard.finding.is_some(), heard.text != whole);
        }
    }

    #[test]
    fn numbers_in_words_are_the_digits_they_are_written_with(number in 1_u64..100_000) {
        let runs = said(&crate::spoken::cardinal(number)).runs;
        let digits: Vec<String> = runs.iter().flat_map(|run| run.digits.iter().map(u8::to_string)).collect();
        prop_assert_eq!(digits.concat(), number.to_string());
    }
}
