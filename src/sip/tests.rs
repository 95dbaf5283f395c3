//! What the tests share: where their virtual time begins.

use std::time::Instant;

/// The moment at which a test's virtual time begins.
#[expect(clippy::disallowed_methods, reason = "an Instant has no other beginning; tests only add to it")]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}
