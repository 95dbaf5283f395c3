//! Digits, in whatever form somebody might have written them down.

/// Consecutive digits that are too many: more than the last four, fewer than a number.
const RUN: usize = 7;

/// Every run of digits of one number, in every form.
pub(crate) struct Needle {
    /// The forms by their first byte, so that a long log is read once.
    forms: Vec<Vec<Vec<u8>>>,
}

impl Needle {
    /// The forms of a number: as text, with what may stand between digits, as hexadecimal text, and as bare values.
    pub(crate) fn new(number: &str) -> Self {
        let digits: Vec<char> = number.chars().collect();
        let mut forms = vec![Vec::new(); 256];
        let mut add = |form: Vec<u8>| forms[usize::from(form[0])].push(form);
        for run in digits.windows(RUN) {
            let text: Vec<String> = run.iter().map(char::to_string).collect();
            for between in ["", " ", "-", ",", ", ", "\",\"", "', '"] {
                add(text.join(between).into_bytes());
            }
            add(text.iter().flat_map(|digit| format!("3{digit}").into_bytes()).collect());
            add(run.iter().filter_map(|digit| digit.to_digit(10)).map(|digit| digit as u8).collect());
        }
        Self { forms }
    }

    /// Whether any form is somewhere in there.
    pub(crate) fn is_in(&self, hay: &[u8]) -> bool {
        let begins =
            |index: usize, byte: u8| self.forms[usize::from(byte)].iter().any(|form| hay[index..].starts_with(form));
        hay.iter().enumerate().any(|(index, byte)| begins(index, *byte))
    }
}

#[test]
fn a_needle_is_found_in_every_form_and_the_last_four_are_none() {
    let needle = Needle::new("9999271828459041");
    let found: [&[u8]; 6] = [
        b"a 1828459 b",
        b"[2, 7, 1, 8, 2, 8, 4]",
        b"9-9-9-9-2-7-1",
        b"39393939323731",
        &[0, 9, 9, 9, 9, 2, 7, 1, 3],
        br#"["8","4","5","9","0","4","1"]"#,
    ];
    assert!(found.iter().all(|hay| needle.is_in(hay)));
    assert!(!needle.is_in(b"last four 9041, at 1828.459"));
}
