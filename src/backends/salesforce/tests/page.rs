//! What is logged while a test runs, at the finest level of what is ours.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing::{Dispatch, level_filters::LevelFilter, subscriber::DefaultGuard};
use tracing_subscriber::{
    filter::Targets,
    fmt::{self, format::FmtSpan},
    prelude::*,
};

/// The log of this thread, on which all of a test runs.
pub(super) struct Page {
    words: Words,
    _writing: DefaultGuard,
    /// Where there is but one subscriber, a line that another thread comes to first is taken to interest nobody, for ever.
    _second: Dispatch,
}

#[derive(Clone, Default)]
struct Words(Arc<Mutex<Vec<u8>>>);

impl io::Write for Words {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Page {
    pub(super) fn start() -> Self {
        let words = Words::default();
        let writer = words.clone();
        // Without the time, whose digits might be anything.
        let lines = fmt::layer().with_ansi(false).without_time().with_span_events(FmtSpan::NEW);
        let lines = lines.with_writer(move || writer.clone());
        // Of what is not ours, the gateway writes no more than this.
        let levels = Targets::new().with_default(LevelFilter::INFO);
        let levels = ["backends", "book", "rules"]
            .iter()
            .fold(levels, |levels, own| levels.with_target(*own, LevelFilter::TRACE));
        let writing = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines.with_filter(levels)));
        Self { words, _writing: writing, _second: Dispatch::new(tracing_subscriber::registry()) }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.words.0.lock().unwrap().clone()).unwrap()
    }
}
