//! The configuration: one TOML file, read strictly.
//!
//! A key nobody knows is an error that names its line and the nearest real key; a value that cannot work says
//! what, where and what to do. Every key has a documented default (`config/README.md`, checked against
//! [`keys::KEYS`]), so an empty file is a working gateway on loopback. Secrets are never in the file: it names the
//! environment variable or file that holds them.

mod check;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub(crate) mod fuzzing;
mod keys;
mod level;
mod network;
mod problem;
mod secret;
mod section;
mod unit;

#[cfg(test)]
use keys::KEYS;
pub(crate) use problem::{ConfigError, Problem};
#[cfg(test)]
pub(crate) use secret::SecretSource;
pub(crate) use section::{
    Agent, AgentKind, Api, ApiToken, Book, Brand, Business, Capture, Limits, Log, LogFormat, Media, Operations,
    Recording, RecordingFormat, Role, Sip, Speech, Store, Trunk,
};

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::de::DeTable;

/// The name of the agent that exists even where the file defines none.
pub(crate) const DEFAULT_AGENT: &str = "collector";

/// Everything a running gateway is told, one field per section of the file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) sip: Sip,
    pub(crate) trunk: Vec<Trunk>,
    pub(crate) media: Media,
    pub(crate) agent: BTreeMap<String, Agent>,
    pub(crate) business: Business,
    pub(crate) speech: Speech,
    pub(crate) recording: Recording,
    pub(crate) book: Book,
    pub(crate) store: Store,
    pub(crate) capture: Capture,
    pub(crate) operations: Operations,
    pub(crate) api: Api,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sip: Sip::default(),
            trunk: vec![Trunk::default()],
            media: Media::default(),
            agent: BTreeMap::from([(DEFAULT_AGENT.to_owned(), Agent::default())]),
            business: Business::default(),
            speech: Speech::default(),
            recording: Recording::default(),
            book: Book::default(),
            store: Store::default(),
            capture: Capture::default(),
            operations: Operations::default(),
            api: Api::default(),
            limits: Limits::default(),
            log: Log::default(),
        }
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] where the file cannot be read, [`ConfigError::Problems`] with every problem
    /// found in it otherwise.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|problems| ConfigError::Problems { path: path.to_owned(), problems })
    }

    /// Reads and checks the text of a file.
    ///
    /// # Errors
    /// Every problem found, in the order of the file where lines are known.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let document = DeTable::parse(text).map_err(|error| vec![Problem::in_text(text, &error)])?;
        let unknown = keys::unknown(text, document.get_ref());
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let mut config: Self = toml::from_str(text).map_err(|error| vec![Problem::in_text(text, &error)])?;
        config.agent.entry(DEFAULT_AGENT.to_owned()).or_default();
        let problems = config.problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// What would stop this configuration from working, without touching the world: values that contradict
    /// each other, names that point nowhere, ranges that hold nothing.
    #[must_use]
    pub(crate) fn problems(&self) -> Vec<Problem> {
        check::problems(self)
    }

    /// The agent that serves a trunk.
    #[must_use]
    pub(crate) fn agent_of(&self, trunk: &Trunk) -> Option<&Agent> {
        self.agent.get(&trunk.agent)
    }

    /// This configuration with what a reload may change taken from `next`; the rest waits for a restart.
    #[must_use]
    pub(crate) fn reloaded(&self, next: Self) -> Self {
        Self {
            api: self.api.with_files_of(&next.api),
            trunk: next.trunk,
            agent: next.agent,
            business: next.business,
            limits: next.limits,
            ..self.clone()
        }
    }

    /// The sections in which `next` differs from `self` and which take effect only after a restart. Trunks,
    /// agents, the business, limits and the files that other sections name are reloaded by SIGHUP.
    #[must_use]
    pub(crate) fn needs_restart(&self, next: &Self) -> Vec<&'static str> {
        let fixed = [
            ("sip", self.sip != next.sip),
            ("media", self.media != next.media),
            ("speech", self.speech != next.speech),
            ("recording", self.recording != next.recording),
            ("book", self.book != next.book),
            ("store", self.store != next.store),
            ("capture", self.capture != next.capture),
            ("operations", self.operations != next.operations),
            ("api", self.api.with_files_of(&next.api) != next.api),
            ("log", self.log != next.log),
        ];
        fixed.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests;
