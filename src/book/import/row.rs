//! Rows of a CSV file with fixed columns, and the problems found on the way.

use std::borrow::Cow;

use csv::{ByteRecord, ReaderBuilder};
use rules::account_data::{is_forbidden_field, masked};

use super::{ImportError, MOST_ROWS, Problem, Report};

/// Longest value of any column, in bytes.
const MOST_BYTES: usize = 256;

/// One row, whose problems are collected while its columns are read.
pub(super) struct Row<'a> {
    columns: &'a [&'static str],
    places: &'a [usize],
    record: &'a ByteRecord,
    line: u64,
    problems: Vec<Problem>,
}

/// Reads a file, handing every row of the right length to `parse`. A row that `parse` finds no problem in is accepted.
pub(super) fn read<T>(
    bytes: &[u8],
    columns: &'static [&'static str],
    mut parse: impl FnMut(&mut Row<'_>, &mut Vec<Problem>) -> Option<T>,
) -> Result<(Vec<T>, Report), ImportError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(bytes);
    let (mut record, mut report, mut rows) = (ByteRecord::new(), Report::default(), Vec::new());
    if !read_record(&mut reader, &mut record) {
        return Err(ImportError::Empty { expected: columns.join(",") });
    }
    let places = places(&record, columns)?;
    while read_record(&mut reader, &mut record) {
        report.read += 1;
        if report.read > MOST_ROWS {
            return Err(ImportError::TooManyRows);
        }
        let line = record.position().map_or(0, |position| first_line(bytes, position));
        let mut row = Row { columns, places: &places, record: &record, line, problems: Vec::new() };
        let mut remarks = Vec::new();
        let parsed = if row.is_whole() { parse(&mut row, &mut remarks) } else { None };
        match parsed {
            Some(value) if row.problems.is_empty() => {
                rows.push(value);
                report.accepted += 1;
                report.warnings.append(&mut remarks);
            }
            Some(_) | None => report.problems.append(&mut row.problems),
        }
    }
    Ok((rows, report))
}

/// From memory, with rows of any length and bytes of any kind, reading cannot fail; a failure would end the file.
fn read_record(reader: &mut csv::Reader<&[u8]>, record: &mut ByteRecord) -> bool {
    reader.read_byte_record(record).unwrap_or(false)
}

/// The line of a record's first byte. The reader's position is before what it skips to get there: blank lines, and the
/// line feed of the CR LF that ended the record before.
fn first_line(bytes: &[u8], position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    let skipped = rest.iter().take_while(|byte| b"\r\n".contains(byte)).filter(|byte| **byte == b'\n').count();
    position.line() + skipped as u64
}

/// Where each column stands.
fn places(header: &ByteRecord, columns: &'static [&'static str]) -> Result<Vec<usize>, ImportError> {
    let names: Vec<&str> = header
        .iter()
        .map(|name| std::str::from_utf8(name).map(str::trim).map_err(|_| ImportError::NotText))
        .collect::<Result<_, _>>()?;
    let expected = || columns.join(",");
    if let Some(forbidden) = names.iter().position(|name| is_forbidden_field(name)) {
        return Err(ImportError::CardColumn { position: forbidden + 1 });
    }
    for column in columns {
        match names.iter().filter(|name| *name == column).count() {
            0 => return Err(ImportError::MissingColumn { column, expected: expected() }),
            1 => {}
            _ => return Err(ImportError::RepeatedColumn { column }),
        }
    }
    if let Some(unknown) = names.iter().position(|name| !columns.contains(name)) {
        return Err(ImportError::UnknownColumn { position: unknown + 1, expected: expected() });
    }
    Ok(columns.iter().filter_map(|column| names.iter().position(|name| name == column)).collect())
}

impl Row<'_> {
    /// The line on which the row begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Notes a problem with a column of this row.
    pub(super) fn problem(&mut self, column: &'static str, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(self.remark(Some(column), what, remedy));
    }

    /// A remark on this row, to be kept as a problem or a warning.
    pub(super) fn remark(
        &self,
        column: Option<&'static str>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Problem {
        Problem { line: self.line, column, what: what.into(), remedy: remedy.into() }
    }

    /// The trimmed text of a column that may be empty. `None` and a problem where it is too long or not UTF-8.
    pub(super) fn optional(&mut self, column: &'static str) -> Option<String> {
        let place = self.columns.iter().position(|name| *name == column)?;
        let bytes = self.places.get(place).and_then(|&place| self.record.get(place))?;
        if bytes.len() > MOST_BYTES {
            self.problem(column, "the value is too long", format!("shorten it to {MOST_BYTES} bytes"));
            return None;
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            self.problem(column, "the value is not UTF-8 text", "save the file as UTF-8");
            return None;
        };
        if text.chars().any(char::is_control) {
            self.problem(column, "the value holds a control character", "remove line breaks and tabs");
            return None;
        }
        if matches!(masked(text), Cow::Owned(_)) {
            self.problem(column, "the value looks like the number of a card", "use a token, or the last four digits");
            return None;
        }
        Some(text.trim().to_owned())
    }

    /// The trimmed text of a column that must not be empty.
    pub(super) fn required(&mut self, column: &'static str) -> Option<String> {
        let text = self.optional(column)?;
        if text.is_empty() {
            self.problem(column, "the value is missing", "fill it in");
            return None;
        }
        Some(text)
    }

    /// A required column read by `parse`, whose error is the problem.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        column: &'static str,
        remedy: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.required(column)?;
        parse(&text).map_err(|error| self.problem(column, error.to_string(), remedy)).ok()
    }

    fn is_whole(&mut self) -> bool {
        let (found, expected) = (self.record.len(), self.columns.len());
        if found != expected {
            let what = format!("the row has {found} values instead of {expected}");
            let remedy = "add what is missing, or quote values that hold commas";
            self.problems.push(self.remark(None, what, remedy));
        }
        found == expected
    }
}
