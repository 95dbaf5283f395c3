//! Structured logs on standard error. Fields name calls by their id and hold nothing private.
//!
//! Dependencies do not keep that promise: a WebSocket library prints whole frames at `trace`, with keys, audio and tokens.
//! So no `log.level` takes them below `info`. Below all of that lies a net: what looks like the number of a card is masked in every
//! line, and a panic says where it happened, not with what.

use std::{
    io::{self, IsTerminal},
    panic::PanicHookInfo,
    thread,
};

use anyhow::{Context, Result};
use rules::account_data::masked;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter, fmt,
    layer::{Layered, SubscriberExt},
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};

use crate::config::{Log, LogFormat, LogLevel};

/// The first parts of the targets whose events are written here, and so are known to hold nothing private.
const OWN: &[&str] = &[
    "audio", "audit", "backends", "book", "call", "dialogue", "dtls", "edge", "frame", "gate", "payment", "prove",
    "rtp", "rules", "sip", "tones", "tonegate",
];

/// What the levels are of.
type Lines = Layered<Box<dyn Layer<Registry> + Send + Sync>, Registry>;

/// The level of a running log, which dual control may lower for a time.
pub(crate) struct Levels {
    handle: reload::Handle<EnvFilter, Lines>,
    usual: LogLevel,
}

impl Levels {
    /// Logs at another level; `None` at the configured one.
    pub(crate) fn set(&self, level: Option<&str>) -> Result<()> {
        let filter = match level {
            Some(level) => EnvFilter::try_new(level).context("log.level")?,
            None => self.usual.filter(),
        };
        self.handle.reload(filter).context("the log level cannot be changed")
    }
}

/// Starts logging.
pub(crate) fn start(log: &Log) -> Result<Levels> {
    let lines = match log.format {
        LogFormat::Json => fmt::layer().json().with_writer(|| Masked(io::stderr())).boxed(),
        LogFormat::Text => {
            let colours = io::stderr().is_terminal();
            fmt::layer().with_ansi(colours).with_writer(|| Masked(io::stderr())).boxed()
        }
    };
    std::panic::set_hook(Box::new(tell_of));
    let (level, handle) = reload::Layer::new(log.level.filter());
    subscriber(level, lines).try_init().context("logging cannot start")?;
    Ok(Levels { handle, usual: log.level.clone() })
}

/// Tells of a panic. Its text is not repeated: it may hold what was being worked on.
fn tell_of(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = thread::current();
    tracing::error!(place, thread = thread.name().unwrap_or_default(), "a thread panicked, which is a bug");
}

/// Lines with the numbers of cards masked.
struct Masked<W>(W);

impl<W: io::Write> io::Write for Masked<W> {
    /// Takes a whole line: that is how lines are written here.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(masked(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What passes both `level` and the cap on dependencies is written by `lines`.
fn subscriber(
    level: impl Layer<Lines> + Send + Sync + 'static,
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
        env,
        process::Command,
        sync::{Arc, Mutex},
    };

    use super::*;

    /// A card number that no network issues.
    const CARD: &str = "9999271828459041";

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
        let lines = fmt::layer().with_ansi(false).with_writer(move || Masked(writer.clone())).boxed();
        tracing::subscriber::with_default(subscriber(EnvFilter::new(level), lines), || {
            tracing::trace!(target: "call", keys = CARD, "and {} too", "9999-2718 2845 9041");
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
    fn a_card_number_is_masked_in_every_line() {
        let text = logged("trace");
        let hidden = "################";
        assert!(
            text.contains(hidden) && text.contains("####-#### #### ####") && !text.contains("2718"),
            "{}",
            text.len()
        );
    }

    /// Runs itself once more, as a process that panics with what it works on.
    #[test]
    fn a_panic_says_where_and_not_with_what() {
        const CHILD: &str = "TONEGATE_TEST_PANICS";
        if env::var_os(CHILD).is_some() {
            start(&Log::default()).unwrap();
            let text = thread::spawn(|| panic!("the key is {CARD}")).join().unwrap_err();
            let words: Result<u8, String> = text.downcast::<String>().map_or(Ok(0), |words| Err(*words));
            thread::spawn(move || words.unwrap()).join().unwrap_err();
            return;
        }
        let test = concat!(module_path!(), "::a_panic_says_where_and_not_with_what");
        let name = test.split_once("::").unwrap().1;
        let mut child = Command::new(env::current_exe().unwrap());
        let output = child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success() && said.matches("panicked").count() == 2 && said.contains("telemetry.rs:"));
        assert!(!said.contains("the key is") && !said.contains("9041"));
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
        let missing: Vec<&str> = own.filter(|name| !["testkit", "org"].contains(name) && !OWN.contains(name)).collect();
        assert!(missing.is_empty(), "add these to OWN: {missing:?}");
    }
}
