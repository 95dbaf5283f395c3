//! What is counted while a test runs, as a scrape would have it.

use std::collections::BTreeMap;

use metrics::LocalRecorderGuard;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// The metrics of this thread, on which all of a test runs.
pub(super) struct Meters {
    handle: PrometheusHandle,
    _recording: LocalRecorderGuard<'static>,
}

impl Meters {
    pub(super) fn start() -> Self {
        // It is needed until the test's thread ends.
        let recorder = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
        Self { handle: recorder.handle(), _recording: metrics::set_default_local_recorder(recorder) }
    }

    /// The samples of a metric by its label's value; by nothing where it has no label.
    pub(super) fn of(&self, name: &str) -> BTreeMap<String, f64> {
        let text = self.handle.render();
        let sample = |line: &str| {
            let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
            let is_whole = labels.is_empty() || labels.starts_with('{');
            let label = labels.split('"').nth(1).unwrap_or_default().to_owned();
            is_whole.then(|| (label, value.parse().unwrap()))
        };
        text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
    }

    /// One sample; 0 where it was never counted.
    pub(super) fn one(&self, name: &str, label: &str) -> f64 {
        self.of(name).get(label).copied().unwrap_or_default()
    }
}
