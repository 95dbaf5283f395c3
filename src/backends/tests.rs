//! What the tests of this crate share.

use std::time::Duration;

/// Only a failure takes so long.
const LIMIT: Duration = Duration::from_secs(60);

/// Looks again and again, and lets everybody else work between two looks; fails with what was waited for.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, looking).await.is_ok(), "no {what}");
}
