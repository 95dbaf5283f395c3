//! What goes wrong on order on the way to the org and back: slow, refused, cut off, never answered.

mod latency;
mod path;

use std::time::Duration;

use rand::{SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

pub use latency::Latency;

use crate::schema::Schema;

/// Most faults that are ordered at once.
const MOST: usize = 1_000;
/// The methods of requests.
const METHODS: [&str; 5] = ["GET", "POST", "PATCH", "PUT", "DELETE"];
/// Longest that an answer is held back.
const LONGEST: Duration = Duration::from_secs(600);

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// It is refused and not processed: in an array of errors, or as the token endpoint refuses.
    Refused {
        /// The status.
        status: u16,
        /// The code, such as `SERVER_UNAVAILABLE`, or `invalid_grant` of the token endpoint.
        code: String,
        /// What is said.
        #[serde(default)]
        message: String,
        /// The seconds of a `Retry-After`.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// It is not processed, and something in front of the org answers in HTML.
    Html {
        /// The status.
        status: u16,
    },
    /// It is not processed, and answered with nothing but a status.
    Empty {
        /// The status.
        status: u16,
    },
    /// It is processed, and the connection ends within the body of the answer.
    Truncated,
    /// It is not processed, and the connection is reset.
    ResetBefore,
    /// It is processed, and the connection is reset before an answer.
    ResetAfter,
    /// It is not processed, and never answered: the connection stays open.
    HangsBefore,
    /// It is processed, and never answered.
    HangsAfter,
    /// It is not processed, and its connection is half-open from then on: nothing that comes is read, nothing is said, and nobody is told.
    HalfOpen,
    /// It is processed, so much later.
    Late {
        /// How much.
        milliseconds: u64,
    },
}

/// A fault, and the requests that meet it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultOrder {
    /// How the path begins: whole (`/services/oauth2/token`), or from behind the version (`sobjects/cxp__Dispute__c`). Empty is
    /// every request.
    #[serde(default)]
    pub path: String,
    /// The method, where one alone is meant.
    #[serde(default)]
    pub method: Option<String>,
    /// How many requests meet it; until it is cleared, where nothing is said.
    #[serde(default)]
    pub times: Option<u32>,
    /// What goes wrong.
    pub fault: Fault,
}

impl FaultOrder {
    /// The next request whose path begins so goes wrong.
    #[must_use]
    pub fn next(path: &str, fault: Fault) -> Self {
        Self { path: path.to_owned(), method: None, times: Some(1), fault }
    }

    /// Every request whose path begins so goes wrong.
    #[must_use]
    pub fn every(path: &str, fault: Fault) -> Self {
        Self { times: None, ..Self::next(path, fault) }
    }

    /// Why no request can meet it.
    ///
    /// # Errors
    /// What is wrong with it, and what there is instead.
    pub(crate) fn check(&self, schema: &Schema) -> Result<(), String> {
        let method = self.method.as_deref().filter(|own| !METHODS.iter().any(|known| known.eq_ignore_ascii_case(own)));
        match method {
            Some(method) => Err(format!("no request has the method {method}; there are {}", METHODS.join(", "))),
            None => path::check(&self.path, schema),
        }
    }

    fn is_of(&self, method: &str, path: &str) -> bool {
        let behind = path.strip_prefix("/services/data/").and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest);
        let is_path = path.starts_with(&self.path) || behind.is_some_and(|rest| rest.starts_with(&self.path));
        is_path && self.method.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(method))
    }
}

/// What is ordered, and the chance that latencies are drawn with.
pub(crate) struct Faults {
    pub(crate) ordered: Vec<FaultOrder>,
    latency: Option<(Latency, StdRng)>,
}

impl Faults {
    pub(crate) const fn none() -> Self {
        Self { ordered: Vec::new(), latency: None }
    }

    /// Takes an order, unless there are too many.
    pub(crate) fn order(&mut self, order: FaultOrder) -> bool {
        let is_room = self.ordered.len() < MOST;
        if is_room {
            self.ordered.push(order);
        }
        is_room
    }

    pub(crate) fn set_latency(&mut self, latency: Option<Latency>) {
        self.latency = latency.map(|latency| {
            let chance = StdRng::seed_from_u64(latency.seed);
            (latency, chance)
        });
    }

    pub(crate) fn latency(&self) -> Option<&Latency> {
        self.latency.as_ref().map(|(latency, _)| latency)
    }

    /// How late a request is, and what goes wrong with it, which uses one of its times up.
    pub(crate) fn meet(&mut self, method: &str, path: &str) -> (Duration, Option<Fault>) {
        let mut late = self.latency.as_mut().map_or(Duration::ZERO, |(latency, chance)| latency.draw(chance));
        let Some(order) = self.ordered.iter_mut().find(|order| order.is_of(method, path)) else {
            return (late.min(LONGEST), None);
        };
        let fault = order.fault.clone();
        if let Some(times) = &mut order.times {
            *times = times.saturating_sub(1);
        }
        self.ordered.retain(|order| order.times != Some(0));
        if let Fault::Late { milliseconds } = fault {
            late += Duration::from_millis(milliseconds);
        }
        (late.min(LONGEST), Some(fault))
    }
}
