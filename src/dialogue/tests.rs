//! What the tests share: where their virtual time begins.

use std::time::Instant;

/// Some moment. Nothing depends on which: tests only add to it, and tell the rest of the crate.
#[allow(clippy::disallowed_methods, reason = "an Instant has no other beginning")]
pub(crate) fn beginning() -> Instant {
    Instant::now()
}
