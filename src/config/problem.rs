//! What is wrong with a configuration: what, where, and what to do.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The line of the file, counted from 1, where it is known.
    pub(crate) line: Option<usize>,
    /// The key, written as in the documentation; empty where the text itself is no TOML.
    pub(crate) key: String,
    /// What is wrong and what to do, as one sentence without the key.
    pub(crate) advice: String,
}

impl Problem {
    /// A problem of a value that is well formed by itself.
    #[must_use]
    pub(crate) fn of(key: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { line: None, key: key.into(), advice: advice.into() }
    }

    /// A problem at a place of the text.
    #[must_use]
    pub(crate) fn at(text: &str, span: Range<usize>, key: String, advice: String) -> Self {
        Self { line: Some(line(text, span.start)), key, advice }
    }

    /// What the TOML reader says, with the line it says it of.
    #[must_use]
    pub(crate) fn in_text(text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map(|span| line(text, span.start));
        let key = line.and_then(|line| key_on(text, line)).unwrap_or_default();
        Self { line, key, advice: error.message().trim().replace('\n', ", ") }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.advice)
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; name one with --config", path.display())]
    Unreadable {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file says things that cannot work.
    #[error("{} cannot be used:{}", path.display(), listed(problems))]
    Problems {
        /// The file that was read.
        path: PathBuf,
        /// Everything to mend.
        problems: Vec<Problem>,
    },
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

/// The key a line assigns, without what it assigns: a value may be private.
fn key_on(text: &str, line: usize) -> Option<String> {
    let (key, _) = text.lines().nth(line - 1)?.split_once('=')?;
    Some(key.trim().to_owned())
}
