//! An utterance as plain words: lower case, contractions spelt out, figures apart from their signs.

/// Words that carry nothing.
const FILLERS: [&str; 22] = [
    "um", "uh", "uhm", "umm", "er", "erm", "ah", "eh", "hm", "hmm", "mm", "well", "so", "like", "please", "thanks",
    "thank", "you", "just", "maam", "sir", "hi",
];

const CONTRACTIONS: [(&str, &str); 34] = [
    ("don't", "do not"),
    ("dont", "do not"),
    ("doesn't", "does not"),
    ("didn't", "did not"),
    ("can't", "can not"),
    ("cant", "can not"),
    ("cannot", "can not"),
    ("couldn't", "could not"),
    ("won't", "will not"),
    ("wouldn't", "would not"),
    ("isn't", "is not"),
    ("aren't", "are not"),
    ("wasn't", "was not"),
    ("haven't", "have not"),
    ("ain't", "is not"),
    ("i'm", "i am"),
    ("im", "i am"),
    ("i've", "i have"),
    ("i'd", "i would"),
    ("i'll", "i will"),
    ("it's", "it is"),
    ("that's", "that is"),
    ("he's", "he is"),
    ("she's", "she is"),
    ("what's", "what is"),
    ("there's", "there is"),
    ("you've", "you have"),
    ("you're", "you are"),
    ("they're", "they are"),
    ("we're", "we are"),
    ("let's", "let us"),
    ("who's", "who is"),
    ("installments", "instalments"),
    ("installment", "instalment"),
];

/// Most words looked at in one utterance; a longer one is cut.
const MOST_WORDS: usize = 60;

/// The words of one utterance. `Debug` shows none of them.
pub struct Words(Vec<String>);

impl Words {
    /// Reads a transcript, from any recogniser: bare words or written text with signs and figures.
    #[must_use]
    pub fn of(transcript: &str) -> Self {
        let lower = transcript.to_lowercase().replace('\u{2019}', "'");
        let mut words = Vec::new();
        for chunk in lower.split(|character: char| character.is_whitespace() || "-/;:\"()".contains(character)) {
            push_chunk(&mut words, chunk);
        }
        words.retain(|word| !FILLERS.contains(&word.as_str()));
        words.truncate(MOST_WORDS);
        Self(words)
    }

    /// The words in order.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether the words of `phrase` occur here next to each other. `phrase` is read as an utterance itself.
    #[must_use]
    pub fn contain(&self, phrase: &str) -> bool {
        let phrase = Self::of(phrase).0;
        !phrase.is_empty() && self.0.windows(phrase.len()).any(|window| window == phrase)
    }

    /// Whether any of the phrases occurs here.
    #[must_use]
    pub fn contain_any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.contain(phrase))
    }

    /// Whether these are exactly the words of `phrase`.
    #[must_use]
    pub fn are(&self, phrase: &str) -> bool {
        self.0 == Self::of(phrase).0
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Words(..)")
    }
}

fn push_chunk(words: &mut Vec<String>, chunk: &str) {
    let trimmed = chunk.trim_matches(|character: char| !character.is_alphanumeric() && character != '$');
    let (is_amount, rest) = trimmed.strip_prefix('$').map_or((false, trimmed), |rest| (true, rest));
    if rest.starts_with(|character: char| character.is_ascii_digit()) {
        return push_figure(words, rest, is_amount);
    }
    for part in rest.split(',') {
        let part: String = part.chars().filter(|&character| character.is_alphanumeric() || character == '\'').collect();
        match CONTRACTIONS.iter().find(|(short, _)| *short == part) {
            Some((_, long)) => words.extend(long.split(' ').map(str::to_owned)),
            None if part.is_empty() => {}
            None => words.push(part),
        }
    }
}

/// `1,250.40` after a dollar sign is "1250 dollars 40 cents"; `40,219` without one stays in its parts unless it is
/// grouped as a thousand is; `3rd` stays as it is.
fn push_figure(words: &mut Vec<String>, figure: &str, is_amount: bool) {
    let (whole, decimals) = figure.split_once('.').map_or((figure, None), |(whole, rest)| (whole, Some(rest)));
    let is_two_decimals =
        decimals.is_some_and(|rest| rest.len() == 2 && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if is_grouped(whole) {
        words.push(whole.replace(',', ""));
    } else {
        words.extend(whole.split(',').filter(|part| !part.is_empty()).map(str::to_owned));
    }
    if is_amount || is_two_decimals {
        words.push("dollars".to_owned());
    }
    match decimals {
        Some("00") | None => {}
        Some(rest) if is_two_decimals => words.extend([rest.to_owned(), "cents".to_owned()]),
        Some(rest) => words.extend(rest.split('.').filter(|part| !part.is_empty()).map(str::to_owned)),
    }
}

fn is_grouped(whole: &str) -> bool {
    let mut groups = whole.split(',');
    let is_first = groups.next().is_some_and(|first| (1..=3).contains(&first.len()));
    let rest: Vec<&str> = groups.collect();
    let is_group = |group: &&str| group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit());
    is_first && !rest.is_empty() && rest.iter().all(is_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        Words::of(text).as_slice().join(" ")
    }

    #[test]
    fn written_and_bare_transcripts_come_to_the_same_words() {
        assert_eq!(words("Um, I can't pay $1,250.40, please!"), "i can not pay 1250 dollars 40 cents");
        assert_eq!(words("i can't pay"), "i can not pay");
        assert_eq!(words("March 3rd, 1981."), "march 3rd 1981");
        assert_eq!(words("03/03/1981"), "03 03 1981");
        assert_eq!(words("4-0-2, 1, 9"), "4 0 2 1 9");
        assert_eq!(words("4,0,2,1,9"), "4 0 2 1 9");
        assert_eq!(words("4,two,one"), "4 two one");
        assert_eq!(words("50.00 a month"), "50 dollars a month");
        assert_eq!(words("That\u{2019}s twenty-one"), "that is twenty one");
    }

    #[test]
    fn a_phrase_is_found_whole() {
        let heard = Words::of("please don't ever call me, stop calling me");
        assert!(heard.contain("stop calling") && !heard.contain("do not call"));
        assert!(Words::of("uh, stop.").are("stop"));
        assert!(!Words::of("").contain(""));
    }

    #[test]
    fn an_endless_utterance_is_cut() {
        assert_eq!(Words::of(&"word ".repeat(500)).as_slice().len(), MOST_WORDS);
    }
}
