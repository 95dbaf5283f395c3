//! Requests that may be made again: where the answer is lost, the same under the same name does no harm.

use std::time::Duration;

/// What is waited before the second and the third attempt.
pub(crate) const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// Makes an attempt, and as many more as there are [`WAITS`] for as long as `may_repeat` what came of it.
pub(crate) async fn repeated<T, Attempt>(attempt: impl Fn() -> Attempt, may_repeat: impl Fn(&T) -> bool) -> T
where
    Attempt: Future<Output = T>,
{
    repeated_after(WAITS, attempt, may_repeat).await
}

async fn repeated_after<T, Attempt>(
    waits: [Duration; 2],
    attempt: impl Fn() -> Attempt,
    may_repeat: impl Fn(&T) -> bool,
) -> T
where
    Attempt: Future<Output = T>,
{
    for wait in waits {
        let result = attempt().await;
        if !may_repeat(&result) {
            return result;
        }
        tokio::time::sleep(wait).await;
    }
    attempt().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn only_what_may_be_repeated_is_and_at_most_twice() {
        for (results, made) in [(["done", "-", "-"], 1), (["lost", "done", "-"], 2), (["lost"; 3], 3)] {
            let count = Cell::new(0);
            let attempt = || std::future::ready(results[count.replace(count.get() + 1)]);
            let last = repeated_after([Duration::ZERO; 2], attempt, |&result| result == "lost").await;
            assert_eq!((last, count.get()), (results[made - 1], made));
        }
    }
}
