//! The document that keeps the newest run.

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// What a run writes lies between these two lines.
const BEGIN: &str = "<!-- the newest run, written by make bench -->\n";
const END: &str = "<!-- the end of the newest run -->\n";

/// Replaces the newest run.
///
/// # Errors
/// Where the document has no place for it, or cannot be written.
pub(crate) fn replace(document: &Path, run: &str) -> Result<()> {
    let text = fs::read_to_string(document).with_context(|| document.display().to_string())?;
    let replaced = replaced(&text, run).with_context(|| format!("{} has no place for a run", document.display()))?;
    Ok(fs::write(document, replaced)?)
}

fn replaced(text: &str, run: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n\n{END}{after}", run.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_run_is_replaced() {
        let text = format!("before\n{BEGIN}old\n{END}after\n");
        assert_eq!(replaced(&text, "new\n"), Some(format!("before\n{BEGIN}\nnew\n\n{END}after\n")));
        assert_eq!(replaced("before", "new"), None);
    }
}
