//! How much of the org's requests of a day are used, and what is left undone for it.

/// Requests to the API in the last 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Used so far.
    pub used: u64,
    /// Allowed.
    pub most: u64,
}

/// What the gateway does without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thrift {
    /// Nothing.
    None,
    /// Nothing yet; somebody is told. From 80 %.
    Warned,
    /// Hedges and polling. From 90 %.
    NoExtras,
    /// New outbound calls as well: what is left is for the calls that are up. From 95 %.
    NoNewCalls,
}

impl Usage {
    /// Reads `Sforce-Limit-Info`, such as `api-usage=10018/100000; per-app-api-usage=17/250(appName=x)` (REST API Developer
    /// Guide, "Limit Info Header"). `None` where it says nothing of `api-usage`.
    #[must_use]
    pub fn read(header: &str) -> Option<Self> {
        let usage = header.split([';', ',']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
        let (used, most) = usage.split_once('/')?;
        let usage = Self { used: used.trim().parse().ok()?, most: most.trim().parse().ok()? };
        (usage.most > 0).then_some(usage)
    }

    /// What to do without at this usage.
    #[must_use]
    pub fn thrift(self) -> Thrift {
        let percent = u128::from(self.used) * 100 / u128::from(self.most.max(1));
        match percent {
            0..80 => Thrift::None,
            80..90 => Thrift::Warned,
            90..95 => Thrift::NoExtras,
            _ => Thrift::NoNewCalls,
        }
    }

    /// The share that is used, for a metric.
    #[must_use]
    pub fn share(self) -> f64 {
        self.used as f64 / self.most.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_header_is_read_in_each_of_its_forms() {
        let usage = Some(Usage { used: 10_018, most: 100_000 });
        for header in [
            "api-usage=10018/100000",
            "api-usage=10018/100000; api-bursts=1/750",
            "per-app-api-usage=17/250(appName=x); api-usage=10018/100000",
            "api-bursts=1/750, api-usage=10018/100000",
        ] {
            assert_eq!(Usage::read(header), usage, "{header}");
        }
        for header in ["", "api-usage=", "api-usage=1", "api-usage=-1/2", "api-usage=1/0", "per-app-api-usage=1/2"] {
            assert_eq!(Usage::read(header), None, "{header}");
        }
    }

    #[test]
    fn less_is_done_the_more_is_used() {
        let at = |used| Usage { used, most: 1_000 }.thrift();
        for (used, thrift) in [
            (799, Thrift::None),
            (800, Thrift::Warned),
            (899, Thrift::Warned),
            (900, Thrift::NoExtras),
            (949, Thrift::NoExtras),
            (950, Thrift::NoNewCalls),
            (u64::MAX, Thrift::NoNewCalls),
        ] {
            assert_eq!(at(used), thrift, "{used}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_not(header: String) {
            if let Some(usage) = Usage::read(&header) {
                prop_assert!(usage.share() >= 0.0 && usage.thrift() >= Thrift::None);
            }
        }
    }
}
