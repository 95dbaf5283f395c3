use jiff::civil::date;
use rules::arrangement::Frequency;

use super::*;

fn digits(text: &str) -> Understood {
    Understood::Digits(Digits::parse(text).unwrap())
}

#[test]
fn each_state_understands_its_answers() {
    let cases = [
        (GrammarId::YesNo, "yeah that's right", Understood::Yes),
        (GrammarId::Name, "this is she", Understood::Yes),
        (GrammarId::Name, "no, this is his wife", Understood::No),
        (GrammarId::DateOfBirth, "March 3rd, 1981", Understood::Date(date(1981, 3, 3))),
        (GrammarId::Reference, "two oh four one seven three one nine", digits("20417319")),
        (GrammarId::PostalCode, "40219", digits("40219")),
        (GrammarId::LastFour, "seven three one nine", digits("7319")),
        (GrammarId::PayInFull, "I need more time", Understood::Terms(Terms::MoreTime)),
        (GrammarId::PayInFull, "no I can't", Understood::No),
        (GrammarId::AcceptPlan, "that works", Understood::Yes),
        (GrammarId::PlanTerms, "four payments", Understood::Terms(Terms::Payments(4, None))),
        (GrammarId::PlanTerms, "purple", Understood::Nothing),
        (GrammarId::PostalCode, "yes", Understood::Nothing),
        (GrammarId::YesNo, "say that again", Understood::Repeat),
    ];
    for (grammar, text, expected) in cases {
        assert_eq!(grammar.parse(text), expected, "{}: {text}", grammar.name());
    }
    let Understood::Terms(Terms::Each(_, frequency)) = GrammarId::AcceptPlan.parse("no, fifty a month") else {
        panic!("a counter-offer is heard before its no");
    };
    assert_eq!(frequency, Some(Frequency::Monthly));
}

#[test]
fn what_can_be_said_at_any_time_goes_first_everywhere() {
    for grammar in GrammarId::ALL {
        assert_eq!(grammar.parse("yes but I dispute this"), Understood::Interruption(Interruption::Dispute));
        assert_eq!(grammar.parse(""), Understood::Nothing);
    }
}

#[test]
fn keys_answer_every_question() {
    let keyed = |grammar: GrammarId, keys: &str| grammar.parse_keys(&KeyRun::from_keys(keys.chars()));
    for grammar in [GrammarId::YesNo, GrammarId::Name, GrammarId::PayInFull, GrammarId::AcceptPlan] {
        assert_eq!([keyed(grammar, "1"), keyed(grammar, "2")], [Understood::Yes, Understood::No]);
        assert_eq!(keyed(grammar, "9"), Understood::Interruption(Interruption::Cease));
        assert_eq!(keyed(grammar, "0"), Understood::Interruption(Interruption::Person));
        assert_eq!([keyed(grammar, "7"), keyed(grammar, "12"), keyed(grammar, "")], [const { Understood::Nothing }; 3]);
    }
    assert_eq!(keyed(GrammarId::DateOfBirth, "03031981"), Understood::Date(date(1981, 3, 3)));
    assert_eq!(keyed(GrammarId::PostalCode, "40219"), digits("40219"));
    assert_eq!(keyed(GrammarId::PostalCode, "4021"), Understood::Nothing);
    assert_eq!(keyed(GrammarId::LastFour, "7319"), digits("7319"));
    assert_eq!(keyed(GrammarId::Reference, "20417319"), digits("20417319"));
    let fifty = Understood::Terms(Terms::Each(Amount::units(50).unwrap(), None));
    assert_eq!(keyed(GrammarId::PlanTerms, "50"), fifty);
    assert_eq!(keyed(GrammarId::PlanTerms, "0"), Understood::Nothing);
}

#[test]
fn every_grammar_is_well_formed_and_small() {
    let texts = |grammar: GrammarId| [(grammar, grammar.jsgf()), (grammar, grammar.jsgf_or_number())];
    for (grammar, text) in GrammarId::ALL.into_iter().flat_map(texts) {
        assert!(text.starts_with("#JSGF V1.0;\ngrammar "), "{}", grammar.name());
        for (open, close) in [('(', ')'), ('[', ']'), ('<', '>')] {
            assert_eq!(text.matches(open).count(), text.matches(close).count(), "{}", grammar.name());
        }
        for used in text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(name, _)| name) {
            assert!(text.contains(&format!("<{used}> = ")), "{}: <{used}> is not defined", grammar.name());
        }
        assert!(!text.contains('*') && !text.contains('+'), "a loop has no bound");
        let words = GrammarId::words_of(&text);
        assert!(
            words.len() < 300
                && words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'\''))
        );
        assert!(words.iter().any(|word| word == "calling") && !words.iter().any(|word| word == "answer"));
    }
}

#[test]
fn the_listed_phrases_mean_what_their_rule_says() {
    let rule = |grammar: GrammarId, name: &str| -> Vec<String> {
        let text = grammar.jsgf();
        let body = text.lines().find_map(|line| line.strip_prefix(&format!("<{name}> = "))).unwrap().to_owned();
        body.trim_end_matches(';').split(" | ").map(str::to_owned).collect()
    };
    for phrase in rule(GrammarId::YesNo, "yes") {
        assert_eq!(GrammarId::YesNo.parse(&phrase), Understood::Yes, "{phrase}");
    }
    for phrase in rule(GrammarId::YesNo, "no") {
        assert_eq!(GrammarId::YesNo.parse(&phrase), Understood::No, "{phrase}");
    }
    for phrase in rule(GrammarId::Name, "name") {
        assert_ne!(GrammarId::Name.parse(&phrase), Understood::Nothing, "{phrase}");
    }
    for phrase in rule(GrammarId::PlanTerms, "moretime") {
        assert_eq!(GrammarId::PlanTerms.parse(&phrase), Understood::Terms(Terms::MoreTime), "{phrase}");
    }
    for phrase in rule(GrammarId::PlanTerms, "full") {
        assert_eq!(GrammarId::PlanTerms.parse(&phrase), Understood::Terms(Terms::Full), "{phrase}");
    }
    for phrase in rule(GrammarId::YesNo, "anytime") {
        let understood = GrammarId::YesNo.parse(&phrase);
        assert!(matches!(understood, Understood::Interruption(_) | Understood::Repeat), "{phrase}: {understood:?}");
    }
}
