//! Amounts with their unit in the type; the key's name carries the same unit.

use std::time::Duration;

use serde::Deserialize;

/// A whole number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(transparent)]
pub(crate) struct Seconds(pub(crate) u32);

impl Seconds {
    /// The same time as a duration.
    #[must_use]
    pub(crate) const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

/// A whole number of milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(transparent)]
pub(crate) struct Milliseconds(pub(crate) u32);

impl Milliseconds {
    /// The same time as a duration.
    #[must_use]
    pub(crate) const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64)
    }
}

/// A whole number of minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(transparent)]
pub(crate) struct Minutes(pub(crate) u32);

impl Minutes {
    /// The same time as a duration.
    #[must_use]
    pub(crate) const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64 * 60)
    }
}

/// A whole number of hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(transparent)]
pub(crate) struct Hours(pub(crate) u32);

/// A whole number of megabytes of 10⁶ bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(transparent)]
pub(crate) struct Megabytes(pub(crate) u32);

impl Megabytes {
    /// The same amount in bytes.
    #[must_use]
    pub(crate) const fn bytes(self) -> u64 {
        self.0 as u64 * 1_000_000
    }
}
