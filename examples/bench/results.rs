//! A document that keeps the newest run. `examples/quality` uses this file too.

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// The two lines between which a run lies.
pub(crate) struct Place {
    pub(crate) begin: &'static str,
    pub(crate) end: &'static str,
}

impl Place {
    /// Replaces the newest run.
    ///
    /// # Errors
    /// Where the document has no place for it, or cannot be written.
    pub(crate) fn replace(&self, document: &Path, run: &str) -> Result<()> {
        let text = fs::read_to_string(document).with_context(|| document.display().to_string())?;
        let replaced =
            self.replaced(&text, run).with_context(|| format!("{} has no place for a run", document.display()))?;
        Ok(fs::write(document, replaced)?)
    }

    fn replaced(&self, text: &str, run: &str) -> Option<String> {
        let Self { begin, end } = self;
        let (before, rest) = text.split_once(begin)?;
        let (_, after) = rest.split_once(end)?;
        Some(format!("{before}{begin}\n{}\n\n{end}{after}", run.trim_end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_run_is_replaced() {
        let place = Place { begin: "<!-- begin -->\n", end: "<!-- end -->\n" };
        let replaced = place.replaced("before\n<!-- begin -->\nold\n<!-- end -->\nafter\n", "new\n");
        assert_eq!(replaced.as_deref(), Some("before\n<!-- begin -->\n\nnew\n\n<!-- end -->\nafter\n"));
        assert_eq!(place.replaced("before", "new"), None);
    }
}
