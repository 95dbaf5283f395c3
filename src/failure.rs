//! What went wrong, in one line for whoever started the program.

use std::fmt::Write;

/// An error and its causes, outermost first. A cause that an outer text tells already is left out: many libraries both
/// print their cause and hand it on.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            write!(text, ": {cause}").ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use anyhow::Context;

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::Error::from(Config::load(Path::new("/nonexistent/tonegate.toml")).unwrap_err());
        let said = told(&error);
        assert_eq!(said.matches("No such file or directory").count(), 1, "{said}");
        let error = std::fs::read("/nonexistent/key").context("the key").context("the store").unwrap_err();
        assert_eq!(told(&error), "the store: the key: No such file or directory (os error 2)");
    }
}
