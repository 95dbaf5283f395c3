//! What the org allows for now, by what its answers say of it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use book::salesforce::{Fault, Quota, Refusal, Thrift, Usage};
use metrics::gauge;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// For how long what the org said of the day's requests counts. After it nothing is done without until the next answer says anew.
const KNOWN: Duration = Duration::from_secs(900);
/// For how long an org that has too many requests at once gets none that can be done without.
const CROWDED: Duration = Duration::from_secs(30);
/// For how long an org that refused for its day's requests is asked for nothing that can wait.
const EXHAUSTED: Duration = Duration::from_secs(300);
/// The longest that an org is left alone because it said so.
const MOST_REST: Duration = Duration::from_secs(300);

#[derive(Default)]
pub(super) struct Allowance(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// When it was said.
    usage: Option<(Instant, Usage)>,
    /// Until when the org has too many requests at once.
    crowded_until: Option<Instant>,
    /// Until when the day's requests count as used up, unless the org says how many are with a later success.
    exhausted_until: Option<Instant>,
    /// Until when the org wants to be left alone.
    rests_until: Option<Instant>,
}

impl Allowance {
    /// What is done without.
    pub(super) fn thrift(&self, now: Instant) -> Thrift {
        let known = self.known();
        if is_ahead(known.exhausted_until, now) {
            return Thrift::NoNewCalls;
        }
        let usage = known.usage.filter(|(said, _)| is_ahead(Some(*said + KNOWN), now));
        let by_usage = usage.map_or(Thrift::None, |(_, usage)| usage.thrift());
        let is_busy = is_ahead(known.rests_until, now) || is_ahead(known.crowded_until, now);
        if is_busy { by_usage.max(Thrift::NoExtras) } else { by_usage }
    }

    /// Whether what nobody waits for is to be left for later.
    pub(super) fn rests(&self, now: Instant) -> bool {
        is_ahead(self.known().rests_until, now)
    }

    /// What any answer says of requests of the day. One that is a success says as well that the day's are not used up.
    pub(super) fn heard(&self, now: Instant, is_success: bool, headers: &HeaderMap) {
        let header = headers.get("sforce-limit-info").and_then(|info| info.to_str().ok());
        let Some(usage) = header.and_then(Usage::read) else { return };
        gauge!("tonegate_salesforce_api_usage_ratio").set(usage.share());
        let mut known = self.known();
        known.usage = Some((now, usage));
        if is_success {
            known.exhausted_until = None;
        }
    }

    /// What an answer says that is no success: `Retry-After` in seconds, or a refusal for the day's requests.
    pub(super) fn refused(&self, now: Instant, retry_after: Option<Duration>, refusal: &Refusal) {
        let mut known = self.known();
        if let Fault::Quota(quota) = refusal.fault {
            match quota {
                Quota::Daily => known.exhausted_until = Some(now + EXHAUSTED),
                Quota::Concurrent | Quota::Rate => known.crowded_until = Some(now + CROWDED),
                Quota::Logins | Quota::Storage => {}
            }
        }
        if let Some(rest) = retry_after.filter(|_| refusal.fault.passes()) {
            known.rests_until = Some(now + rest.min(MOST_REST));
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `Retry-After`, where it is of seconds (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn is_ahead(moment: Option<Instant>, now: Instant) -> bool {
    moment.is_some_and(|moment| now < moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn an_org_that_asks_for_it_is_left_alone_for_a_bounded_time() {
        let (allowance, now) = (Allowance::default(), Instant::now());
        let busy = Refusal::read(503, b"");
        allowance.refused(now, retry_after(&headers("retry-after", "7")), &busy);
        assert!(allowance.rests(now + Duration::from_millis(6_999)) && !allowance.rests(now + Duration::from_secs(7)));
        assert_eq!(allowance.thrift(now), Thrift::NoExtras);
        allowance.refused(now, retry_after(&headers("retry-after", "999999999")), &busy);
        assert!(allowance.rests(now + Duration::from_secs(299)) && !allowance.rests(now + MOST_REST));
        for odd in ["-1", "soon", "Fri, 31 Dec 1999 23:59:59 GMT", "1e9"] {
            assert_eq!(retry_after(&headers("retry-after", odd)), None, "{odd}");
        }
    }

    #[test]
    fn a_refusal_that_no_time_mends_gives_no_rest() {
        let (allowance, now) = (Allowance::default(), Instant::now());
        let refused = Refusal::read(400, br#"[{"errorCode":"INVALID_FIELD","message":""}]"#);
        allowance.refused(now, Some(Duration::from_secs(9)), &refused);
        assert!(!allowance.rests(now));
    }

    #[test]
    fn a_day_that_is_used_up_counts_so_for_five_minutes_or_until_a_request_succeeds() {
        let (allowance, now) = (Allowance::default(), Instant::now());
        allowance.heard(now, true, &headers("sforce-limit-info", "api-usage=91/100"));
        assert_eq!(allowance.thrift(now), Thrift::NoExtras);
        let exceeded = br#"[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]"#;
        allowance.refused(now, None, &Refusal::read(403, exceeded));
        allowance.heard(now, false, &headers("sforce-limit-info", "api-usage=1/100"));
        assert_eq!(allowance.thrift(now + Duration::from_secs(299)), Thrift::NoNewCalls);
        assert_eq!(allowance.thrift(now + EXHAUSTED), Thrift::None);
        allowance.heard(now, true, &headers("sforce-limit-info", "api-usage=96/100"));
        assert_eq!(allowance.thrift(now), Thrift::NoNewCalls, "by what it says");
        allowance.heard(now, true, &headers("sforce-limit-info", "api-usage=1/100"));
        assert_eq!(allowance.thrift(now), Thrift::None);
    }

    #[test]
    fn an_org_with_too_many_requests_at_once_is_not_asked_twice_for_a_while() {
        let (allowance, now) = (Allowance::default(), Instant::now());
        let crowded = br#"[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"ConcurrentRequests (Concurrent API Requests) Limit exceeded."}]"#;
        let refusals = [Refusal::read(403, crowded), Refusal::read(429, b"")];
        for (number, refusal) in (0..).zip(refusals) {
            let at = now + CROWDED * number;
            assert_eq!(allowance.thrift(at), Thrift::None);
            allowance.refused(at, None, &refusal);
            assert_eq!(allowance.thrift(at + CROWDED - Duration::from_millis(1)), Thrift::NoExtras);
        }
    }

    #[test]
    fn what_the_org_said_long_ago_of_its_day_does_not_count() {
        let (allowance, now) = (Allowance::default(), Instant::now());
        allowance.heard(now, true, &headers("sforce-limit-info", "api-usage=96/100"));
        assert_eq!(allowance.thrift(now + KNOWN - Duration::from_millis(1)), Thrift::NoNewCalls);
        assert_eq!(allowance.thrift(now + KNOWN), Thrift::None, "a request must be made to hear more");
    }
}
