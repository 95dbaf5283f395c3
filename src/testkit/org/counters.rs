//! How often the org was asked, and for what.

use std::collections::{BTreeMap, VecDeque};

use axum::http::Version;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// Requests of 24 hours that are remembered: as many as the largest allowance that a test may want.
const MOST_REMEMBERED: usize = 1_000_000;
/// The allowance rolls over so long (help, "API Request Limits and Allocations").
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How often the org was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Requests that count against the day's allowance: whatever came with a live session. A composite is one.
    pub api_calls: u64,
    /// Every request by its kind, refused ones and those that a fault swallowed included.
    pub by_kind: BTreeMap<String, u64>,
    /// Those of them that came over HTTP/2.
    pub http2: u64,
}

/// Counts, and the allowance of a day.
pub(crate) struct Counters {
    pub(crate) counts: Counts,
    pub(crate) daily: u64,
    /// When each request of the last day was made.
    made: VecDeque<Timestamp>,
    /// Requests that others made, as far as anybody says.
    pub(crate) others: u64,
}

impl Counters {
    pub(crate) fn new(daily: u64) -> Self {
        Self { counts: Counts::default(), daily, made: VecDeque::new(), others: 0 }
    }

    /// Requests of the last day.
    pub(crate) fn used(&self, now: Timestamp) -> u64 {
        let recent = self.made.iter().rev().take_while(|made| now.duration_since(**made) < DAY).count();
        self.others + recent as u64
    }

    /// Counts one request, unless the allowance is used up.
    pub(crate) fn admit(&mut self, now: Timestamp) -> bool {
        while self.made.front().is_some_and(|made| now.duration_since(*made) >= DAY)
            || self.made.len() >= MOST_REMEMBERED
        {
            self.made.pop_front();
        }
        if self.made.len() as u64 + self.others >= self.daily {
            return false;
        }
        self.made.push_back(now);
        self.counts.api_calls += 1;
        true
    }

    /// Notes that a call of the Pub/Sub API came.
    pub(crate) fn note_call(&mut self, kind: &str) {
        *self.counts.by_kind.entry(format!("pubsub_{kind}")).or_default() += 1;
    }

    /// Notes that a request came.
    pub(crate) fn note(&mut self, version: Version, method: &str, path: &str) {
        self.counts.http2 += u64::from(version == Version::HTTP_2);
        *self.counts.by_kind.entry(kind(method, path).to_owned()).or_default() += 1;
    }
}

/// What a request is for.
fn kind(method: &str, path: &str) -> &'static str {
    let mut parts = path.trim_matches('/').split('/').skip(1);
    let (area, version) = (parts.next().unwrap_or_default(), parts.next());
    if area == "oauth2" {
        return "token";
    }
    let rest: Vec<&str> = parts.collect();
    match (method, rest.as_slice()) {
        _ if version.is_none() => "versions",
        (_, ["query" | "queryAll", ..]) => "query",
        (_, ["limits"]) => "limits",
        (_, ["sobjects"] | ["sobjects", _, "describe"]) => "describe",
        ("POST", ["sobjects", _]) => "create",
        ("GET", ["sobjects", ..]) => "read",
        ("DELETE", ["sobjects", ..]) => "delete",
        ("PATCH", ["sobjects", _, _]) => "update",
        ("PATCH", ["sobjects", _, _, _]) => "upsert",
        (_, ["composite"]) => "composite",
        (_, ["composite", "graph"]) => "graph",
        (_, ["composite", "sobjects", ..]) => "collections",
        (_, ["jobs", "ingest", ..]) => "bulk",
        _ => "other",
    }
}
