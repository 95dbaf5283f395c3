//! The configuration: one TOML file, read strictly.
//!
//! A key nobody knows is an error that names its line and the nearest real key; a value that cannot work says
//! what, where and what to do. Every key has a documented default (`config/README.md`, checked against
//! [`keys::KEYS`]), so an empty file is a working gateway on loopback. Secrets are never in the file: it names the
//! environment variable or file that holds them.

mod book;
mod check;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub(crate) mod fuzzing;
mod keys;
mod level;
mod network;
mod problem;
mod processor;
mod secret;
mod section;
mod unit;
mod written;

pub(crate) use book::{Book, BookKind, FirstEvent};
#[cfg(test)]
use keys::KEYS;
pub(crate) use level::LogLevel;
pub(crate) use problem::{ConfigError, Problem};
pub(crate) use processor::{Processor, ProcessorKind};
pub(crate) use secret::SecretSource;
pub(crate) use section::{
    Agent, AgentKind, Api, ApiToken, Audit, Brand, Business, Capture, CapturedBy, CarrierApi, Control, Limits, Log,
    LogFormat, Media, Operations, Queue, Recording, RecordingFormat, Role, Sip, Speech, Srtp, Store, Transfer, Trunk,
};
pub(crate) use written::Written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backends::audit::{KeyError, Verifier};
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
    /// Where callers may be transferred to.
    pub(crate) transfer: Vec<Transfer>,
    pub(crate) media: Media,
    pub(crate) agent: BTreeMap<String, Agent>,
    pub(crate) business: Business,
    pub(crate) speech: Speech,
    pub(crate) recording: Recording,
    pub(crate) book: Book,
    pub(crate) queue: Queue,
    pub(crate) store: Store,
    pub(crate) audit: Audit,
    pub(crate) control: Control,
    pub(crate) capture: Capture,
    pub(crate) processor: Processor,
    /// The carrier that takes payments in the vault's place.
    pub(crate) carrier: CarrierApi,
    pub(crate) operations: Operations,
    pub(crate) api: Api,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
    /// The file's own values, for what dual control holds them against.
    #[serde(skip)]
    pub(crate) written: Written,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sip: Sip::default(),
            trunk: vec![Trunk::default()],
            transfer: Vec::new(),
            media: Media::default(),
            agent: BTreeMap::from([(DEFAULT_AGENT.to_owned(), Agent::default())]),
            business: Business::default(),
            speech: Speech::default(),
            recording: Recording::default(),
            book: Book::default(),
            queue: Queue::default(),
            store: Store::default(),
            audit: Audit::default(),
            control: Control::default(),
            capture: Capture::default(),
            processor: Processor::default(),
            carrier: CarrierApi::default(),
            operations: Operations::default(),
            api: Api::default(),
            limits: Limits::default(),
            log: Log::default(),
            written: Written::default(),
        }
    }
}

impl Config {
    /// Whether the processor is an endpoint behind the carrier's connector that can be read: it knows payments by our ids.
    pub(crate) fn is_read_behind_carrier(&self) -> bool {
        let is_readable = self.processor.kind == ProcessorKind::Tokeniser && self.processor.charge_path.is_some();
        self.capture.by == CapturedBy::Twilio && is_readable
    }

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
        config.written = Written::of(text);
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

    /// Whether no packet of a trunk's calls can come from another machine.
    #[must_use]
    pub(crate) fn is_local(&self, trunk: &Trunk) -> bool {
        self.media.address.is_loopback() && trunk.peers.iter().all(|peer| peer.range().is_loopback())
    }

    /// Whether the cards of callers move money: by a processor that is not the sandbox, or by a carrier.
    #[must_use]
    pub(crate) fn takes_real_cards(&self) -> bool {
        self.capture.enabled && (self.capture.by.carrier().is_some() || !self.processor.is_sandbox())
    }

    /// A file or directory of the audit: the one named, or `name` in `audit` beside the store.
    fn beside_store(&self, named: Option<&PathBuf>, name: &str) -> PathBuf {
        named.cloned().unwrap_or_else(|| self.store.database.with_file_name("audit").join(name))
    }

    /// The key that signs the audit chain.
    #[must_use]
    pub(crate) fn audit_key(&self) -> PathBuf {
        self.beside_store(self.audit.key.as_ref(), "key")
    }

    /// The directory of its checkpoints.
    #[must_use]
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.beside_store(self.audit.checkpoints.as_ref(), "checkpoints")
    }

    /// The directory of approvals.
    #[must_use]
    pub(crate) fn approvals(&self) -> PathBuf {
        self.beside_store(self.control.approvals.as_ref(), "approvals")
    }

    /// The enrolled keys of the operators.
    ///
    /// # Errors
    /// The first that is none.
    pub(crate) fn operators(&self) -> Result<Vec<Verifier>, KeyError> {
        self.control.operators.iter().map(|text| text.parse()).collect()
    }

    /// This configuration with what a reload may change taken from `next`; the rest waits for a restart.
    #[must_use]
    pub(crate) fn reloaded(&self, next: Self) -> Self {
        Self {
            api: self.api.with_files_of(&next.api),
            trunk: next.trunk,
            transfer: next.transfer,
            agent: next.agent,
            business: next.business,
            limits: next.limits,
            ..self.clone()
        }
    }

    /// The sections in which `next` differs from `self` and which take effect only after a restart. Trunks, transfers,
    /// agents, the business, limits and the files that other sections name are reloaded by SIGHUP.
    #[must_use]
    pub(crate) fn needs_restart(&self, next: &Self) -> Vec<&'static str> {
        let fixed = [
            ("sip", self.sip != next.sip),
            ("media", self.media != next.media),
            ("speech", self.speech != next.speech),
            ("recording", self.recording != next.recording),
            ("book", self.book != next.book),
            ("queue", self.queue != next.queue),
            ("store", self.store != next.store),
            ("audit", self.audit != next.audit),
            ("control", self.control != next.control),
            ("capture", self.capture != next.capture),
            ("processor", self.processor != next.processor),
            ("carrier", self.carrier != next.carrier),
            ("operations", self.operations != next.operations),
            ("api", self.api.with_files_of(&next.api) != next.api),
            ("log", self.log != next.log),
        ];
        fixed.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests;
