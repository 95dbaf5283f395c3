//! Structured logs on standard error. Fields name calls by their id and hold nothing private.
//!
//! Dependencies do not keep that promise: a WebSocket library prints whole frames at `trace`, with keys, audio and tokens.
//! So no `log.level` takes them below `info`.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter, fmt, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::config::{Log, LogFormat};

/// The first parts of the targets whose events are written here, and so are known to hold nothing private.
const OWN: &[&str] = &[
    "audio", "audit", "backends", "book", "call", "dialogue", "dtls", "edge", "frame", "gate", "rtp", "rules", "sip",
    "tonegate",
];

/// Starts logging.
pub(crate) fn start(log: &Log) -> Result<()> {
    let lines = match log.format {
        LogFormat::Json => fmt::layer().json().with_writer(std::io::stderr).boxed(),
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal();
            fmt::layer().with_ansi(colours).with_writer(std::io::stderr).boxed()
        }
    };
    subscriber(log.level.filter(), lines).try_init().context("logging cannot start")
}

/// What passes both `level` and the cap on dependencies is written by `lines`.
fn subscriber(
    level: EnvFilter,
    lines: Box<dyn Layer<Registry> + Send + Sync>,
) -> impl Subscriber + for<'span> LookupSpan<'span> + Send + Sync {
    tracing_subscriber::registry().with(lines).with(level).with(filter::filter_fn(may_be_written))
}

fn may_be_written(metadata: &Metadata<'_>) -> bool {
    let origin = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || OWN.contains(&origin)
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The words that are logged where `log.level` is `level`.
    fn logged(level: &str) -> String {
        let page = Page::default();
        let writer = page.clone();
        let lines = fmt::layer().with_ansi(false).with_writer(move || writer.clone()).boxed();
        tracing::subscriber::with_default(subscriber(EnvFilter::new(level), lines), || {
            tracing::trace!(target: "tungstenite::protocol", "frame-trace");
            tracing::debug!(target: "hyper_util::client", "client-debug");
            tracing::info!(target: "tungstenite::protocol", "library-info");
            tracing::trace!(target: "backends::bot::driver", "own-trace");
            tracing::debug!(target: "audit", "audit-debug");
            tracing::trace!(target: "audio_of_others", "namesake-trace");
            tracing::warn!(target: "book", "own-warn");
        });
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_level_lets_a_dependency_print_what_it_carries() {
        for level in
            ["trace", "tungstenite=trace,hyper_util=trace", "tungstenite::protocol=trace,audio_of_others=trace,debug"]
        {
            let text = logged(level);
            for secret in ["frame-trace", "client-debug", "namesake-trace"] {
                assert!(!text.contains(secret), "{level}: {text}");
            }
            assert!(text.contains("library-info"), "{level}: {text}");
        }
    }

    #[test]
    fn our_own_events_go_as_far_down_as_the_level_says() {
        let text = logged("trace");
        assert!(["own-trace", "audit-debug", "own-warn"].iter().all(|word| text.contains(word)), "{text}");
        let text = logged("warn");
        assert!(text.contains("own-warn") && !text.contains("info") && !text.contains("own-trace"), "{text}");
    }

    #[test]
    fn every_crate_of_ours_is_known() {
        let manifest = include_str!("../Cargo.toml");
        let own =
            manifest.lines().filter_map(|line| line.split_once(" = { package = \"tonegate-")).map(|(name, _)| name);
        let missing: Vec<&str> = own.filter(|name| *name != "testkit" && !OWN.contains(name)).collect();
        assert!(missing.is_empty(), "add these to OWN: {missing:?}");
    }
}
