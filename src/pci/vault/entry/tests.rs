use gate::wire::{Brands, Currency, Holder, VERSION};
use proptest::prelude::*;

use super::*;

const VISA: &[u8] = b"4242424242424242";
const MASTERCARD: &[u8] = b"5555555555554444";
const AMEX: &[u8] = b"378282246310005";
const UNIONPAY: &[u8] = b"6205500000000000004";
const ROUTING: &[u8] = b"110000000";
const ACCOUNT: &[u8] = b"000123456789";
const SECOND: Duration = Duration::from_secs(1);
const TAP: Duration = Duration::from_millis(200);

/// When the gateway says that a prompt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prompts {
    EndAtOnce,
    /// Before the first key, which cuts it short: what the gate does.
    EndWithKey,
    NeverEnd,
}

/// An entry in virtual time.
struct Bench {
    entry: Entry,
    now: Instant,
    /// The step whose prompt is being played.
    prompt: Option<Step>,
    ends: Prompts,
    prompts: Vec<(Step, PromptReason)>,
    failed: Option<FailReason>,
    complete: Option<(SealedCard, Brand)>,
}

impl Bench {
    fn begin(open: Open, mode: Mode, ends: Prompts) -> Self {
        let now = Instant::now();
        let entry = Entry::new(open, mode, now).unwrap();
        let mut bench = Self { entry, now, prompt: None, ends, prompts: Vec::new(), failed: None, complete: None };
        bench.drain();
        bench
    }

    fn with(open: Open) -> Self {
        Self::begin(open, Mode::default(), Prompts::EndAtOnce)
    }

    fn in_mode(open: Open, mode: Mode) -> Self {
        Self::begin(open, mode, Prompts::EndAtOnce)
    }

    fn ahead() -> Self {
        Self::begin(open(), Mode::default(), Prompts::NeverEnd)
    }

    /// With the gate in front of it.
    fn behind_gate() -> Self {
        Self::begin(open(), Mode::default(), Prompts::EndWithKey)
    }

    fn new() -> Self {
        Self::with(open())
    }

    fn bank() -> Self {
        Self::with(Open { method: Method::Checking, ..open() })
    }

    fn drain(&mut self) {
        while let Some(output) = self.entry.poll_output() {
            match output {
                EntryOutput::Tell(FromVault::Prompt { step, reason }) => {
                    self.prompts.push((step, reason));
                    self.prompt = Some(step);
                    if self.ends == Prompts::EndAtOnce {
                        self.end_prompt();
                    }
                }
                EntryOutput::Tell(FromVault::Progress { step, count }) => {
                    assert!(count <= 19 && (step != Step::Code || count == 0));
                }
                EntryOutput::Tell(FromVault::ConnectionWanted | FromVault::Outcome(_) | FromVault::Wiped(_)) => {
                    panic!("an entry tells of prompts and progress only")
                }
                EntryOutput::Complete(card, brand) => self.complete = Some((card, brand)),
                EntryOutput::Failed(reason) => self.failed = Some(reason),
            }
        }
    }

    fn end_prompt(&mut self) {
        if let Some(step) = self.prompt.take() {
            self.entry.handle_input(self.now, VaultInput::PromptEnded(step));
        }
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.entry.poll_timeout().filter(|due| *due <= until) {
            self.now = due;
            self.entry.handle_timeout(due);
            self.drain();
        }
        self.now = until;
    }

    fn key(&mut self, key: u8) {
        let Ok(input) = VaultInput::decode(&[VERSION, 1, key, 0]) else { panic!("no key") };
        if self.ends == Prompts::EndWithKey {
            self.end_prompt();
        }
        self.entry.handle_input(self.now, input);
        self.drain();
    }

    fn keys(&mut self, keys: &[u8]) -> &mut Self {
        for &key in keys {
            self.wait(TAP);
            self.key(key);
        }
        self
    }

    fn last(&self) -> (Step, PromptReason) {
        *self.prompts.last().unwrap()
    }

    /// Whether the entry is complete and each of these fields holds what it should.
    fn is_complete_with(&self, fields: &[(Step, &[u8])]) -> bool {
        self.complete.as_ref().is_some_and(|(card, _)| {
            Step::ALL.iter().all(|&step| {
                let wanted = fields.iter().find(|(wanted, _)| *wanted == step).map_or(&b""[..], |(_, digits)| digits);
                card.expose(step).as_bytes() == wanted
            })
        })
    }

    fn is_card(&self, number: &[u8], code: &[u8]) -> bool {
        self.is_complete_with(&[(Step::Number, number), (Step::Expiry, b"1230"), (Step::Code, code)])
    }

    /// Whether nothing of any field is left in memory.
    fn is_wiped(&self) -> bool {
        self.entry.card.as_ref().is_none_or(SealedCard::is_zero)
    }
}

fn open() -> Open {
    Open {
        capture: [0; 16],
        payment: [0; 16],
        method: Method::Card,
        amount_minor: 4_200,
        currency: Currency::parse("USD").unwrap(),
        brands: Brands::all(),
        postal: Postal::None,
        year: 2026,
        month: 11,
        holder: Holder::parse("").unwrap(),
    }
}

fn retry(step: Step, error: EntryError) -> (Step, PromptReason) {
    (step, PromptReason::Retry(error))
}

#[test]
fn a_card_is_keyed_field_by_field() {
    let mut bench = Bench::with(Open { postal: Postal::Us, ..open() });
    bench.keys(VISA).keys(b"#1230#123#94107#");
    let fields: [(Step, &[u8]); 4] =
        [(Step::Number, VISA), (Step::Expiry, b"1230"), (Step::Code, b"123"), (Step::Postal, b"94107")];
    assert!(bench.is_complete_with(&fields) && bench.is_wiped());
    let steps: Vec<Step> = bench.prompts.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [Step::Number, Step::Expiry, Step::Code, Step::Postal]);
    assert!(bench.complete.is_some_and(|(_, brand)| brand == Brand::Visa));
    assert!(bench.entry.poll_timeout().is_none());
}

#[test]
fn keys_may_run_ahead_of_every_prompt() {
    for mut bench in [Bench::ahead(), Bench::behind_gate()] {
        bench.keys(MASTERCARD).keys(b"1230123#");
        assert!(bench.is_card(MASTERCARD, b"123"));
    }
}

#[test]
fn a_hash_after_a_field_that_ended_itself_is_the_same_end() {
    let mut bench = Bench::new();
    bench.keys(AMEX).keys(b"#1230#1234#");
    assert!(bench.is_card(AMEX, b"1234"));
    assert_eq!(bench.prompts.len(), 3);
}

#[test]
fn a_visa_of_sixteen_digits_waits_for_more_and_ends_with_the_pause() {
    let mut bench = Bench::new();
    bench.keys(VISA).wait(INTER_DIGIT - Duration::from_millis(100));
    assert_eq!(bench.last().0, Step::Number);
    bench.wait(Duration::from_millis(200));
    assert_eq!(bench.last(), (Step::Expiry, PromptReason::First));
}

#[test]
fn a_number_of_nineteen_digits_ends_by_itself() {
    let mut bench = Bench::new();
    bench.keys(UNIONPAY);
    assert_eq!(bench.last(), (Step::Expiry, PromptReason::First));
}

#[test]
fn pauses_just_short_of_the_limit_lose_nothing() {
    let mut bench = Bench::new();
    for &digit in VISA {
        bench.wait(Duration::from_millis(2_900));
        bench.key(digit);
    }
    bench.keys(b"#");
    assert_eq!(bench.last(), (Step::Expiry, PromptReason::First));
    bench.keys(b"12").wait(Duration::from_millis(4_900));
    bench.key(b'3');
    bench.wait(Duration::from_millis(5_100));
    assert_eq!(bench.last(), retry(Step::Expiry, EntryError::InvalidDate));
}

#[test]
fn wrong_numbers_are_named_and_the_third_ends_the_capture() {
    let mut bench = Bench::new();
    bench.keys(b"4242424242424243#");
    assert_eq!(bench.last(), retry(Step::Number, EntryError::InvalidNumber));
    bench.wait(SETTLE);
    bench.keys(b"37828224631000#");
    assert_eq!(bench.last(), retry(Step::Number, EntryError::InvalidNumber));
    bench.wait(SETTLE);
    bench.keys(b"4222222222222#");
    assert_eq!(bench.failed, Some(FailReason::TooManyAttempts));
    assert!(bench.is_wiped());
}

#[test]
fn a_brand_that_is_not_taken_is_named() {
    let mut bench = Bench::with(Open { brands: Brands::none().with(Brand::Visa), ..open() });
    bench.keys(AMEX);
    assert_eq!(bench.last(), retry(Step::Number, EntryError::DisallowedBrand));
}

#[test]
fn canaries_are_taken_only_where_they_are_enabled() {
    let canary = b"9999000000000004";
    let mut bench = Bench::new();
    bench.keys(canary);
    assert_eq!(bench.last(), retry(Step::Number, EntryError::InvalidNumber));
    let mut bench = Bench::in_mode(open(), Mode { canary: true, ..Mode::default() });
    bench.keys(canary);
    assert_eq!(bench.last(), (Step::Expiry, PromptReason::First));
}

#[test]
fn only_the_code_is_asked_again_when_its_length_is_wrong() {
    for (number, wrong, right) in [(AMEX, &b"123#"[..], &b"1234"[..]), (VISA, b"1234#", b"123")] {
        let mut bench = Bench::new();
        bench.keys(number).keys(b"#1230").keys(wrong);
        assert_eq!(bench.last(), retry(Step::Code, EntryError::InvalidCode));
        bench.wait(SETTLE);
        bench.keys(right).wait(SETTLE);
        assert!(bench.is_card(number, right));
    }
}

#[test]
fn a_code_of_the_right_length_ends_with_a_short_pause() {
    let mut bench = Bench::new();
    bench.keys(VISA).keys(b"#1230123").wait(SETTLE - TAP);
    assert!(bench.complete.is_none());
    bench.wait(TAP);
    assert!(bench.complete.is_some());
}

#[test]
fn one_star_clears_the_field_and_two_cancel() {
    let mut bench = Bench::new();
    bench.keys(b"42424*");
    assert!(bench.is_wiped());
    assert_eq!(bench.last(), (Step::Number, PromptReason::Cleared));
    bench.keys(MASTERCARD);
    assert_eq!(bench.last().0, Step::Expiry);
    bench.keys(b"1*1*");
    assert_eq!(bench.failed, None);
    bench.keys(b"*");
    assert_eq!(bench.failed, Some(FailReason::CancelledByCaller));
    assert!(bench.is_wiped());
}

#[test]
fn keys_meant_for_the_next_field_are_dropped_after_a_refusal() {
    for mut bench in [Bench::new(), Bench::ahead(), Bench::behind_gate()] {
        bench.keys(b"5555555555554445").keys(b"1230");
        assert_eq!(bench.last(), retry(Step::Number, EntryError::InvalidNumber));
        assert!(bench.is_wiped());
        bench.wait(SETTLE);
        bench.keys(MASTERCARD);
        assert_eq!(bench.last().0, Step::Expiry);
    }
}

#[test]
fn silence_is_asked_again_and_then_ends_the_capture() {
    let mut bench = Bench::new();
    bench.wait(FIRST_KEY);
    assert_eq!(bench.last(), retry(Step::Number, EntryError::Timeout));
    bench.wait(FIRST_KEY * 2);
    assert_eq!(bench.failed, Some(FailReason::TooManyAttempts));
}

#[test]
fn a_field_is_over_after_sixty_seconds_of_keys() {
    let mut bench = Bench::new();
    for _ in 0..13 {
        bench.keys(b"4").wait(Duration::from_millis(4_500));
    }
    assert_eq!(bench.last(), retry(Step::Number, EntryError::Timeout));
}

#[test]
fn a_session_is_over_after_three_hundred_seconds() {
    let mut bench = Bench::ahead();
    for _ in 0..31 {
        bench.keys(b"42*").wait(9 * SECOND);
    }
    assert_eq!(bench.failed, None);
    bench.wait(20 * SECOND);
    assert_eq!(bench.failed, Some(FailReason::SessionTimeout));
    assert!(bench.is_wiped());
}

#[test]
fn without_the_end_of_a_prompt_only_the_session_runs() {
    let mut bench = Bench::ahead();
    bench.wait(SESSION - SECOND);
    assert!(bench.failed.is_none() && bench.prompts.len() == 1);
}

#[test]
fn five_errors_in_all_end_the_capture() {
    let mut bench = Bench::new();
    let mut number = MASTERCARD.to_vec();
    number.extend(b"1300");
    for keys in [&b"1#"[..], b"2#", &number, b"0000", b"1230"] {
        bench.keys(keys).wait(SETTLE);
    }
    assert_eq!(bench.last(), (Step::Code, PromptReason::First));
    bench.keys(b"1#");
    assert_eq!(bench.failed, Some(FailReason::TooManyAttempts));
}

#[test]
fn a_withdrawn_capture_holds_nothing() {
    let mut bench = Bench::new();
    bench.keys(MASTERCARD).keys(b"12");
    bench.entry.handle_input(bench.now, VaultInput::Cancel);
    bench.drain();
    assert_eq!(bench.failed, Some(FailReason::Withdrawn));
    assert!(bench.is_wiped());
    bench.keys(b"30");
    assert!(bench.is_wiped());
}

#[test]
fn a_bank_account_is_keyed_twice() {
    let mut bench = Bench::bank();
    bench.keys(ROUTING).keys(ACCOUNT).keys(b"#").keys(ACCOUNT).keys(b"#");
    let fields = [(Step::Routing, ROUTING), (Step::Account, ACCOUNT), (Step::AccountAgain, ACCOUNT)];
    assert!(bench.is_complete_with(&fields));
    let steps: Vec<Step> = bench.prompts.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [Step::Routing, Step::Account, Step::AccountAgain]);
    let (card, brand) = bench.complete.as_ref().unwrap();
    assert!(*brand == Brand::BankAccount && card.last_four().is_some_and(|last| last.as_str() == "6789"));
}

#[test]
fn a_second_entry_that_differs_asks_for_both_again() {
    let mut bench = Bench::bank();
    bench.keys(ROUTING).keys(ACCOUNT).keys(b"#000123456780#");
    assert_eq!(bench.last(), retry(Step::Account, EntryError::Mismatch));
    let card = bench.entry.card.as_ref().unwrap();
    assert!(card.expose(Step::Account).is_empty() && card.expose(Step::AccountAgain).is_empty());
    bench.wait(SETTLE);
    bench.keys(ACCOUNT).keys(b"#").keys(ACCOUNT).keys(b"#");
    assert!(bench.complete.is_some());
}

#[test]
fn wrong_routing_and_account_numbers_are_named() {
    for wrong in [&b"110000001"[..], b"500000005", b"11000#"] {
        let mut bench = Bench::bank();
        bench.keys(wrong);
        assert_eq!(bench.last(), retry(Step::Routing, EntryError::InvalidRouting));
    }
    let mut bench = Bench::bank();
    bench.keys(ROUTING).keys(b"123#");
    assert_eq!(bench.last(), retry(Step::Account, EntryError::InvalidAccount));
    bench.wait(SETTLE);
    bench.keys(b"12345678901234567");
    assert_eq!(bench.last(), (Step::AccountAgain, PromptReason::First), "17 digits end by themselves");
    bench.keys(b"12345678901234567");
    assert!(bench.complete.is_some());
}

#[test]
fn a_postal_code_is_as_long_as_its_countrys() {
    for (postal, right, ends) in [
        (Postal::Us, &b"94107"[..], Some(SETTLE)),
        (Postal::Us, b"941071234", None),
        (Postal::Canada, b"101", None),
        (Postal::UnitedKingdom, b"11", Some(SETTLE)),
        (Postal::UnitedKingdom, b"551", None),
    ] {
        let mut bench = Bench::with(Open { postal, ..open() });
        bench.keys(AMEX).keys(b"12301234#").keys(right);
        assert_eq!(bench.complete.is_some(), ends.is_none(), "{postal:?}");
        bench.wait(ends.unwrap_or_default());
        assert!(bench.complete.is_some_and(|(card, _)| card.expose(Step::Postal).as_bytes() == right), "{postal:?}");
    }
    for (postal, wrong) in [(Postal::Us, &b"9410#"[..]), (Postal::Canada, b"10#"), (Postal::UnitedKingdom, b"1#")] {
        let mut bench = Bench::with(Open { postal, ..open() });
        bench.keys(AMEX).keys(b"12301234#").keys(wrong);
        assert_eq!(bench.last(), retry(Step::Postal, EntryError::InvalidPostal), "{postal:?}");
    }
}

#[test]
fn with_test_numbers_alone_no_other_is_taken() {
    let only = Mode { canary: false, test_numbers: true };
    for (number, taken) in [(VISA, true), (b"4000000000000010", false), (b"9999000000000004", false)] {
        let mut bench = Bench::in_mode(open(), only);
        bench.keys(number).keys(b"#");
        assert_eq!(bench.last().0 == Step::Expiry, taken);
    }
    let mut bench = Bench::in_mode(open(), only);
    bench.keys(b"4000000000000010#");
    assert_eq!(bench.last(), retry(Step::Number, EntryError::NotATestNumber));
    let mut bench = Bench::in_mode(open(), Mode { canary: true, test_numbers: true });
    bench.keys(b"9999000000000004");
    assert_eq!(bench.last(), (Step::Expiry, PromptReason::First));

    let bank = Open { method: Method::Savings, ..open() };
    let mut bench = Bench::in_mode(bank, only);
    bench.keys(b"021000021");
    assert_eq!(bench.last(), retry(Step::Routing, EntryError::NotATestNumber));
    bench.wait(SETTLE);
    bench.keys(ROUTING).keys(b"12345678#");
    assert_eq!(bench.last(), retry(Step::Account, EntryError::NotATestNumber));
    bench.wait(SETTLE);
    bench.keys(ACCOUNT).keys(b"#").keys(ACCOUNT).keys(b"#");
    assert!(bench.complete.is_some());
}

#[test]
fn a_field_refused_or_cleared_is_zero_in_memory_and_the_others_stay() {
    let mut bench = Bench::new();
    bench.keys(MASTERCARD).keys(b"1326");
    let card = bench.entry.card.as_ref().unwrap();
    assert!(card.expose(Step::Expiry).is_empty() && card.expose(Step::Number).as_bytes() == MASTERCARD);
    bench.wait(SETTLE);
    bench.keys(b"12*");
    assert!(bench.entry.card.as_ref().unwrap().expose(Step::Expiry).is_empty());
    bench.keys(b"12301#");
    assert_eq!(bench.last(), retry(Step::Code, EntryError::InvalidCode));
    assert!(bench.entry.card.as_ref().unwrap().expose(Step::Code).is_empty());
}

/// What the model keys: whole fields, right ones and wrong ones. Named by place, so that a failure prints no digits.
const WORDS: [&[u8]; 6] = [VISA, AMEX, b"1230", b"123", b"1234", b""];

/// The rules once more, without time and without fields that end themselves.
fn model(words: &[usize]) -> Result<usize, FailReason> {
    let (mut place, mut errors, mut field_errors, mut amex) = (0, 0, 0, false);
    for &word in words {
        let good = match place {
            0 => word < 2,
            1 => word == 2 || word == 4,
            2 => WORDS[word].len() == if amex { 4 } else { 3 },
            _ => return Ok(place),
        };
        if good {
            amex |= place == 0 && word == 1;
            (place, field_errors) = (place + 1, 0);
            continue;
        }
        (errors, field_errors) = (errors + 1, field_errors + 1);
        if errors == ERRORS || field_errors == FIELD_ERRORS {
            return Err(FailReason::TooManyAttempts);
        }
    }
    Ok(place)
}

proptest! {
    #[test]
    fn words_end_as_the_model_says(words in prop::collection::vec(0..WORDS.len(), 0..9)) {
        let mut bench = Bench::new();
        let outcome = model(&words);
        for &word in &words {
            let word = WORDS[word];
            // A word keyed into a field that ends itself earlier is another word: left to the other tests.
            let longest = if bench.last().0 == Step::Number { 19 } else { 4 };
            prop_assume!(word.len() <= longest);
            bench.keys(word).keys(b"#");
            bench.wait(2 * SETTLE);
        }
        prop_assert_eq!(bench.failed, outcome.err());
        if let Ok(place) = outcome {
            prop_assert_eq!(bench.complete.is_some(), place == 3);
        }
    }

    #[test]
    fn any_keys_at_any_pace_end_within_the_session_and_are_wiped(
        taps in prop::collection::vec((prop::sample::select(b"0123456789*#".to_vec()), 0u64..7_000), 0..120),
        ends in prop::sample::select(vec![Prompts::EndAtOnce, Prompts::EndWithKey, Prompts::NeverEnd]),
    ) {
        let mut bench = Bench::begin(open(), Mode::default(), ends);
        for (key, gap) in taps {
            bench.wait(Duration::from_millis(gap));
            bench.key(key);
            if let Some(due) = bench.entry.poll_timeout() {
                prop_assert!(due > bench.now);
            }
        }
        bench.wait(SESSION);
        prop_assert!(bench.failed.is_some() != bench.complete.is_some());
        prop_assert!(bench.is_wiped() && bench.entry.poll_timeout().is_none());
    }
}
