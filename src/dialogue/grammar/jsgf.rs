//! The grammars as text: <https://www.w3.org/TR/jsgf/>.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{GrammarId, LEAST_REFERENCE, MOST_REFERENCE};
use crate::hear::{Interruption, NAME, REPEAT_SENTENCES, SPOKEN_FULL, SPOKEN_MORE_TIME, SPOKEN_NO, SPOKEN_YES};

/// How people shorten what the readers spell out.
const SHORTER: [(&str, &str); 7] = [
    ("do not", "don't"),
    ("can not", "can't"),
    ("will not", "won't"),
    ("i am", "i'm"),
    ("that is", "that's"),
    ("is not", "isn't"),
    ("it is", "it's"),
];

const DIGIT: &str = "<digit> = zero | oh | one | two | three | four | five | six | seven | eight | nine;\n";
const NUMBERS: &str = "\
<unit> = one | two | three | four | five | six | seven | eight | nine;
<teen> = ten | eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen | nineteen;
<tens> = twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety;
<two> = <teen> | <tens> [<unit>];
";
/// Digits, alone and in pairs.
const NUMBER: &str = "\
<figure> = zero | oh | one | two | three | four | five | six | seven | eight | nine;
<tenth> = ten | eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen | nineteen;
<decade> = twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety;
<one> = <figure> | (double | triple) <figure>;
<pair> = <figure> <figure> | <tenth> | <decade> [<figure>];
<lead> = it's | it is | my number is | my card number is | the number is | yes | okay;
";
/// The fewest and the most digits of a number that is said one by one, and pairs of one that is said in pairs.
const ONES: (usize, usize) = (12, 19);
const PAIRS: (usize, usize) = (7, 10);
const DATE: &str = "\
<month> = january | february | march | april | may | june | july | august | september | october | november | december;
<rank> = first | second | third | fourth | fifth | sixth | seventh | eighth | ninth;
<day> = <rank> | tenth | eleventh | twelfth | thirteenth | fourteenth | fifteenth | sixteenth | seventeenth | eighteenth |
  nineteenth | twentieth | twenty <rank> | thirtieth | thirty first;
<year> = nineteen (<two> | oh <unit>) | two thousand [[and] <unit>];
<date> = <month> [the] <day> <year> | [the] <day> of <month> <year>;
";
const AMOUNT: &str = "\
<below> = <unit> | <two>;
<number> = <two> | (a | <unit>) hundred [[and] <below>] | (a | <unit>) thousand [<unit> hundred [[and] <below>]];
<often> = a month | each month | every month | per month | a week | every week | every two weeks;
<money> = <number> [dollars] [<often>] | <unit> dollars [<often>];
<count> = (<unit> | <teen>) [monthly] payments | (over | in) (<unit> | <teen>) months;
<ask> = can i (pay | do) | i can (pay | do) | i could (pay | do) | how about;
<terms> = [no] [<ask>] (<money> | <count>) | <moretime> | <full>;
";

pub(super) fn of(grammar: GrammarId) -> String {
    text(grammar, grammar.name(), &format!("{} | <anytime>", top(grammar)))
}

/// The grammar with a run of digits as one more answer.
pub(super) fn or_number(grammar: GrammarId) -> String {
    let (ones, pairs) = (runs("one", ONES.0, ONES.1), runs("pair", PAIRS.0, PAIRS.1));
    let answer = format!("{} | <anytime> | [<lead>] {ones} | [<lead>] {pairs}", top(grammar));
    let mut text = text(grammar, grammar.name_or_number(), &answer);
    text.push_str(NUMBER);
    text
}

fn text(grammar: GrammarId, name: &str, answer: &str) -> String {
    let mut text = format!("#JSGF V1.0;\ngrammar {name};\npublic <answer> = {answer};\n");
    text.push_str(&rules(grammar));
    let anytime = Interruption::ALL.into_iter().flat_map(Interruption::sentences).copied();
    push_rule(&mut text, "anytime", anytime.chain(REPEAT_SENTENCES));
    text
}

/// The words of a grammar's text, without rule names and signs.
pub(super) fn words(jsgf: &str) -> Vec<String> {
    let mut words = BTreeSet::new();
    for line in jsgf.lines().filter(|line| !line.starts_with('#') && !line.starts_with("grammar")) {
        let body = line.split_once('=').map_or(line, |(_, body)| body);
        let terminals =
            body.split('<').flat_map(|part| part.split_once('>').map_or(Some(part), |(_, after)| Some(after)));
        for part in terminals {
            let separate = part.split(|character: char| !character.is_ascii_lowercase() && character != '\'');
            words.extend(separate.filter(|word| !word.is_empty()).map(str::to_owned));
        }
    }
    words.into_iter().collect()
}

fn top(grammar: GrammarId) -> String {
    match grammar {
        GrammarId::YesNo => "<yes> | <no>".to_owned(),
        GrammarId::Name => "<yes> | <no> | <name>".to_owned(),
        GrammarId::DateOfBirth => "[it's | it is | i was born] <date>".to_owned(),
        GrammarId::Reference => format!("[it's | it is] ({})", digit_runs(LEAST_REFERENCE, MOST_REFERENCE)),
        GrammarId::PostalCode => format!("[it's | it is] {}", digit_runs(5, 5)),
        GrammarId::LastFour => format!("[it's | it is] {}", digit_runs(4, 4)),
        GrammarId::PayInFull | GrammarId::AcceptPlan => "<yes> | <no> | <terms>".to_owned(),
        GrammarId::PlanTerms => "<no> | <terms>".to_owned(),
    }
}

fn rules(grammar: GrammarId) -> String {
    let mut text = String::new();
    match grammar {
        GrammarId::YesNo => push_answers(&mut text),
        GrammarId::Name => {
            push_answers(&mut text);
            push_rule(&mut text, "name", NAME);
        }
        GrammarId::DateOfBirth => {
            text.push_str(NUMBERS);
            text.push_str(DATE);
        }
        GrammarId::Reference | GrammarId::PostalCode | GrammarId::LastFour => text.push_str(DIGIT),
        GrammarId::PayInFull | GrammarId::AcceptPlan => {
            push_answers(&mut text);
            push_terms(&mut text);
        }
        GrammarId::PlanTerms => {
            push_rule(&mut text, "no", SPOKEN_NO);
            push_terms(&mut text);
        }
    }
    text
}

fn push_answers(text: &mut String) {
    push_rule(text, "yes", SPOKEN_YES);
    push_rule(text, "no", SPOKEN_NO);
}

fn push_terms(text: &mut String) {
    text.push_str(NUMBERS);
    text.push_str(AMOUNT);
    push_rule(text, "moretime", SPOKEN_MORE_TIME);
    push_rule(text, "full", SPOKEN_FULL);
}

fn push_rule<'a>(text: &mut String, name: &str, phrases: impl IntoIterator<Item = &'a str>) {
    let alternatives: BTreeSet<String> = phrases.into_iter().flat_map(surfaces).collect();
    let alternatives = alternatives.into_iter().collect::<Vec<_>>().join(" | ");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "<{name}> = {alternatives};");
}

/// A phrase as it is listed, and shortened as people do.
fn surfaces(phrase: &str) -> [String; 2] {
    let shorter = SHORTER.iter().fold(phrase.to_owned(), |text, (long, short)| text.replace(long, short));
    [phrase.to_owned(), shorter]
}

/// Runs of `least` to `most` digits: each digit beyond the least is optional only with all after it.
fn digit_runs(least: usize, most: usize) -> String {
    runs("digit", least, most)
}

fn runs(rule: &str, least: usize, most: usize) -> String {
    let fixed = vec![format!("<{rule}>"); least].join(" ");
    let optional = (least..most).fold(String::new(), |inner, _| format!(" [<{rule}>{inner}]"));
    format!("{fixed}{optional}")
}
