//! What was looked at, and what came of it: rows, for people and for programs.

use serde::Serialize;

/// What came of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Searched, and nothing was found; or tried, and it went as it must.
    Pass,
    /// Something was found.
    Fail,
    /// It could not be searched, or was not tried. Never a pass.
    NotSearched,
    /// Something stands in for what will be there.
    Substituted,
    /// Worth knowing, and nothing to judge.
    Note,
}

impl Verdict {
    /// Its words in the table, in a part of the report.
    fn told(self, part: &str) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::NotSearched if part == INPUT => "NOT TRIED",
            Self::NotSearched => "NOT SEARCHED",
            Self::Substituted => "SUBSTITUTED",
            Self::Note => "note",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Which part of the report it belongs to.
    pub part: &'static str,
    /// Its name: what `--accept` takes.
    pub name: String,
    /// What came of it.
    pub verdict: Verdict,
    /// How much was searched, what was found, or why not. Never what was looked for.
    pub detail: String,
}

/// The parts of a report, in their order.
pub(crate) const SETTING: &str = "setting";
/// Ways in.
pub(crate) const INPUT: &str = "input";
/// Whatever something may have come out of.
pub(crate) const SINK: &str = "sink";

impl Row {
    /// A row of any kind.
    #[must_use]
    pub fn new(part: &'static str, name: impl Into<String>, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { part, name: name.into(), verdict, detail: detail.into() }
    }

    /// Something stands in for what will be there.
    #[must_use]
    pub fn substituted(name: &str, detail: &str) -> Self {
        Self::new(SETTING, name, Verdict::Substituted, detail)
    }

    /// A sink that was searched: it fails where anything was found.
    #[must_use]
    pub fn searched(name: impl Into<String>, how: &str, found: &[String]) -> Self {
        let (verdict, detail) = match found {
            [] => (Verdict::Pass, how.to_owned()),
            found => (Verdict::Fail, format!("{}; {how}", told(found))),
        };
        Self::new(SINK, name, verdict, detail)
    }

    /// A sink of which parts may have been left out: it fails where anything was found all the same, and passes only where
    /// nothing was left out.
    #[must_use]
    pub fn judged(name: impl Into<String>, how: &str, found: &[String], unread: &[String]) -> Self {
        match unread {
            [_, ..] if found.is_empty() => Self::not_searched(SINK, name, told(unread)),
            _ => Self::searched(name, how, found),
        }
    }

    /// A sink that could not be searched.
    #[must_use]
    pub fn not_searched(part: &'static str, name: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(part, name, Verdict::NotSearched, why)
    }
}

/// Findings of one row that are named, before the rest is counted.
const MOST_TOLD: usize = 8;

fn told(found: &[String]) -> String {
    let told = found[..found.len().min(MOST_TOLD)].join("; ");
    match found.len().checked_sub(MOST_TOLD) {
        Some(more) if more > 0 => format!("{told}; and {more} more"),
        Some(_) | None => told,
    }
}

/// Everything that was looked at.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// In the order in which it was looked at.
    pub rows: Vec<Row>,
    /// Names of rows that may be not searched.
    pub accepted: Vec<String>,
}

impl Report {
    /// Whether a row stands in the way of a pass.
    fn is_bad(&self, row: &Row) -> bool {
        match row.verdict {
            Verdict::Fail => true,
            Verdict::NotSearched => !self.accepted.contains(&row.name),
            Verdict::Pass | Verdict::Substituted | Verdict::Note => false,
        }
    }

    /// Whether every row passes, and whatever was needed was searched. A report without sinks or ways in has proven nothing.
    #[must_use]
    pub fn passes(&self) -> bool {
        let has = |part| self.rows.iter().any(|row| row.part == part && row.verdict == Verdict::Pass);
        has(INPUT) && has(SINK) && !self.rows.iter().any(|row| self.is_bad(row))
    }

    /// How many rows stand in the way.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.rows.iter().filter(|row| self.is_bad(row)).count()
    }

    /// As a table for people, in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = "| part | name | verdict | detail |\n|---|---|---|---|\n".to_owned();
        for part in [SETTING, INPUT, SINK] {
            for row in self.rows.iter().filter(|row| row.part == part) {
                let accepted =
                    if row.verdict == Verdict::NotSearched && !self.is_bad(row) { " (accepted)" } else { "" };
                let detail = row.detail.replace('|', "\\|").replace('\n', " ");
                text.push_str(&format!(
                    "| {part} | {} | {}{accepted} | {detail} |\n",
                    row.name,
                    row.verdict.told(part)
                ));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: Vec<Row>) -> Report {
        Report { rows, accepted: vec!["memory of x".to_owned()] }
    }

    fn fine() -> Vec<Row> {
        vec![Row::new(INPUT, "events", Verdict::Pass, ""), Row::searched("log", "9 bytes", &[])]
    }

    #[test]
    fn what_was_not_searched_is_no_pass_unless_it_was_accepted() {
        assert!(report(fine()).passes());
        let with = |row: Row| report(fine().into_iter().chain([row]).collect());
        assert!(with(Row::not_searched(SINK, "memory of x", "no privilege")).passes());
        assert!(!with(Row::not_searched(SINK, "memory of y", "no privilege")).passes());
        assert!(!with(Row::searched("metrics", "9 bytes", &["card 1 as text".to_owned()])).passes());
        assert!(with(Row::substituted("processor", "")).passes());
        let untried = with(Row::not_searched(INPUT, "a card that the carrier takes", "why"));
        assert!(!untried.passes() && untried.table().contains("| a card that the carrier takes | NOT TRIED | why |"));
    }

    #[test]
    fn a_report_of_nothing_proves_nothing() {
        assert!(!report(Vec::new()).passes());
        assert!(!report(vec![Row::searched("log", "9 bytes", &[])]).passes());
    }

    #[test]
    fn a_row_names_what_was_found_and_counts_the_rest() {
        let found: Vec<String> = (0..10).map(|card| format!("card {card} as text")).collect();
        let row = Row::searched("log", "9 bytes", &found);
        assert!(row.detail.contains("card 7") && row.detail.contains("and 2 more"), "{}", row.detail);
        assert!(report(vec![row]).table().contains("| sink | log | FAIL | card 0"));
    }
}
