//! The sections of the file and their defaults. What each key means is said once, in `super::keys::KEYS`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use backends::recorder::{KeyError, PublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use call::carrier::Carrier;
use rules::recording;
use secrecy::SecretString;
use serde::Deserialize;
use sip::{ReferTarget, ReferTargetError};

use super::DEFAULT_AGENT;
use super::level::LogLevel;
use super::network::{self, Network};
use super::secret::{SecretError, SecretSource};
use super::unit::{Megabytes, Milliseconds, Seconds};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

macro_rules! section {
    ($(#[$meta:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $kind:ty = $default:expr,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Deserialize)]
        #[cfg_attr(test, derive(serde::Serialize))]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct $name { $($(#[$attribute])* pub(crate) $field: $kind,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

section! {
    /// SIP sockets and how peers reach them.
    Sip {
        #[serde(deserialize_with = "network::addresses")]
        udp: Vec<SocketAddr> = vec![SocketAddr::new(LOOPBACK, 5060)],
        #[serde(deserialize_with = "network::addresses")]
        tcp: Vec<SocketAddr> = vec![SocketAddr::new(LOOPBACK, 5060)],
        advertised_address: Option<IpAddr> = None,
        retry_after_seconds: Seconds = Seconds(10),
    }
}

/// Whether a trunk's audio is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Srtp {
    /// Never.
    Off,
    /// Where the peer offers it.
    Optional,
    /// Always: calls without are refused.
    Required,
}

impl Srtp {
    /// As signalling knows it.
    pub(crate) fn policy(self) -> sip::media::SrtpPolicy {
        match self {
            Self::Off => sip::media::SrtpPolicy::Off,
            Self::Optional => sip::media::SrtpPolicy::Optional,
            Self::Required => sip::media::SrtpPolicy::Required,
        }
    }
}

/// A codec that a trunk's calls may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722,
    /// Opus.
    Opus,
    /// 16-bit linear at 16 kHz.
    L16,
}

impl Codec {
    const ALL: [Self; 5] = [Self::Pcmu, Self::Pcma, Self::G722, Self::Opus, Self::L16];

    /// As signalling knows it.
    pub(crate) fn known(self) -> sip::media::Codec {
        match self {
            Self::Pcmu => sip::media::Codec::Pcmu,
            Self::Pcma => sip::media::Codec::Pcma,
            Self::G722 => sip::media::Codec::G722,
            Self::Opus => sip::media::Codec::Opus,
            Self::L16 => sip::media::Codec::L16,
        }
    }
}

section! {
    /// A carrier that may call, told by the addresses it sends from.
    Trunk {
        name: String = "local".to_owned(),
        peers: Vec<Network> = vec!["127.0.0.0/8".parse().expect("a literal"), "::1/128".parse().expect("a literal")],
        capacity: u32 = 50,
        agent: String = DEFAULT_AGENT.to_owned(),
        srtp: Srtp = Srtp::Optional,
        codecs: Vec<Codec> = Codec::ALL.to_vec(),
        learn_source: bool = true,
        recording: bool = true,
        private_line: Option<String> = None,
    }
}

/// Where callers may be transferred to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(crate) struct Transfer {
    pub(crate) name: String,
    pub(crate) uri: String,
    #[serde(default = "Transfer::announced")]
    pub(crate) announce: bool,
}

impl Transfer {
    const fn announced() -> bool {
        true
    }

    /// As signalling knows it.
    ///
    /// # Errors
    /// Where the text is nothing that a caller can be transferred to.
    pub(crate) fn target(&self) -> Result<ReferTarget, ReferTargetError> {
        self.uri.parse()
    }
}

section! {
    /// RTP sockets and the threads that serve them.
    Media {
        address: IpAddr = LOOPBACK,
        first_port: u16 = 20_000,
        last_port: u16 = 20_999,
        threads: u16 = 0,
        quarantine_seconds: Seconds = Seconds(30),
    }
}

/// Who speaks for the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AgentKind {
    /// The embedded scripted collector.
    Collector,
    /// A bot server that speaks Twilio Media Streams.
    TwilioStream,
    /// Nobody: the caller hears themselves.
    Echo,
}

section! {
    /// One agent that trunks can name.
    Agent {
        kind: AgentKind = AgentKind::Collector,
        url: Option<String> = None,
        ca: Option<PathBuf> = None,
        auth_token_file: Option<PathBuf> = None,
        allow_plain: bool = false,
        connect_deadline_milliseconds: Milliseconds = Milliseconds(1_500),
        parameters: BTreeMap<String, String> = BTreeMap::new(),
    }
}

impl Agent {
    /// Reads the token that handshakes are signed with, where there is one.
    ///
    /// # Errors
    /// Where the file holds nothing usable.
    pub(crate) fn auth_token(&self) -> Result<Option<SecretString>, SecretError> {
        let source = |file: &PathBuf| SecretSource { env: None, file: Some(file.clone()) };
        self.auth_token_file.as_ref().map(|file| source(file).read()).transpose()
    }
}

section! {
    /// Whom callers hear they have reached.
    Business {
        name: String = "Northgate Services".to_owned(),
        time_zone: String = "America/New_York".to_owned(),
    }
}

section! {
    /// Local recognition and synthesis, as child processes.
    Speech {
        models: Option<PathBuf> = None,
        cache: PathBuf = "var/prompts".into(),
        recognisers: u16 = 2,
        synthesisers: u16 = 1,
        answer_deadline_milliseconds: Milliseconds = Milliseconds(3_000),
    }
}

/// Which calls are recorded, of those in which the notice was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Consent {
    /// All: going on is consent.
    Notice,
    /// Those of callers who are where one party's consent is enough.
    OneParty,
}

section! {
    /// Recordings of calls, made only after the notice was played.
    Recording {
        enabled: bool = true,
        consent: Consent = Consent::Notice,
        directory: PathBuf = "var/recordings".into(),
        quota_megabytes: Megabytes = Megabytes(10_000),
        format: RecordingFormat = RecordingFormat::Wav,
        seal_to: Option<String> = None,
        allow_clear: bool = false,
        withhold_seconds: Seconds = Seconds(30),
    }
}

impl Recording {
    /// When calls are recorded.
    pub(crate) fn rule(&self) -> recording::Consent {
        match (self.enabled, self.consent) {
            (false, Consent::Notice | Consent::OneParty) => recording::Consent::Off,
            (true, Consent::Notice) => recording::Consent::Notice,
            (true, Consent::OneParty) => recording::Consent::OneParty,
        }
    }

    /// Whether calls are recorded and whoever reads the disk can hear them.
    pub(crate) fn is_in_clear(&self) -> bool {
        self.enabled && self.seal_to.is_none()
    }

    /// Whether recordings in clear are wanted even where calls come from other machines.
    pub(crate) fn may_lie_in_clear(&self) -> bool {
        self.allow_clear
    }

    /// What recordings are sealed to, where they are.
    ///
    /// # Errors
    /// Where the text is no public key.
    pub(crate) fn public_key(&self) -> Result<Option<PublicKey>, KeyError> {
        self.seal_to.as_deref().map(str::parse).transpose()
    }
}

/// How recordings are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub(crate) enum RecordingFormat {
    /// 16-bit linear.
    Wav,
    /// Ogg Opus.
    Opus,
}

section! {
    /// The call queue.
    Queue {
        database: PathBuf = "var/queue.sqlite".into(),
    }
}

section! {
    /// The ledger of calls, dialogs, payments, audit and outbox.
    Store {
        database: PathBuf = "var/tonegate.sqlite".into(),
        commit_deadline_milliseconds: Milliseconds = Milliseconds(1_000),
    }
}

section! {
    /// The audit chain: who signs it, and where its checkpoints go.
    Audit {
        node: String = "tonegate".to_owned(),
        key: Option<PathBuf> = None,
        checkpoints: Option<PathBuf> = None,
        checkpoint_seconds: Seconds = Seconds(30),
        checkpoint_records: u32 = 1_000,
        ship_to: Option<String> = None,
        ship_ca: Option<PathBuf> = None,
        ship_token_file: Option<PathBuf> = None,
    }
}

section! {
    /// Dual control: who may weaken a protective control, two at a time.
    Control {
        operators: Vec<String> = Vec::new(),
        approvals: Option<PathBuf> = None,
    }
}

/// A card brand the merchant takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Brand {
    /// Visa.
    Visa,
    /// Mastercard.
    Mastercard,
    /// American Express.
    AmericanExpress,
    /// Discover.
    Discover,
}

/// Who takes the keys of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CapturedBy {
    /// The vault.
    Vault,
    /// Twilio.
    Twilio,
    /// Telnyx.
    Telnyx,
}

impl CapturedBy {
    /// The carrier, where it is one.
    pub(crate) fn carrier(self) -> Option<Carrier> {
        match self {
            Self::Vault => None,
            Self::Twilio => Some(Carrier::Twilio),
            Self::Telnyx => Some(Carrier::Telnyx),
        }
    }
}

section! {
    /// Card capture and the vault.
    Capture {
        enabled: bool = true,
        by: CapturedBy = CapturedBy::Vault,
        vault: Option<PathBuf> = None,
        brands: Vec<Brand> = vec![Brand::Visa, Brand::Mastercard, Brand::AmericanExpress, Brand::Discover],
        postal: bool = true,
        bank_accounts: bool = false,
        canary: bool = false,
    }
}

section! {
    /// The REST API of the carrier that takes payments in the vault's place.
    CarrierApi {
        url: Option<String> = None,
        account: Option<String> = None,
        token_file: Option<PathBuf> = None,
        public_key: Option<String> = None,
        connector: String = "Default".to_owned(),
        ca: Option<PathBuf> = None,
    }
}

impl CarrierApi {
    /// Its address, without a slash at its end.
    pub(crate) fn base(&self, carrier: Carrier) -> String {
        let usual = match carrier {
            Carrier::Twilio => "https://api.twilio.com",
            Carrier::Telnyx => "https://api.telnyx.com",
        };
        self.url.as_deref().unwrap_or(usual).trim_end_matches('/').to_owned()
    }

    /// The Ed25519 key that it signs with, where it is one.
    pub(crate) fn key(&self) -> Option<[u8; 32]> {
        STANDARD.decode(self.public_key.as_deref()?).ok()?.try_into().ok()
    }

    /// Reads its token.
    ///
    /// # Errors
    /// Where the file holds nothing usable.
    pub(crate) fn token(&self) -> Result<SecretString, SecretError> {
        SecretSource { env: None, file: self.token_file.clone() }.read()
    }
}

section! {
    /// The listener for metrics, health and readiness.
    Operations {
        #[serde(deserialize_with = "network::address")]
        listen: SocketAddr = SocketAddr::new(LOOPBACK, 9464),
    }
}

/// What the bearer of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// Lists calls, transfers them, hangs them up, reads timelines, refunds payments.
    Operator,
    /// Lists calls and reads timelines.
    Auditor,
}

/// One bearer of the authenticated interface.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiToken {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) secret: SecretSource,
}

section! {
    /// The authenticated `/v1` listener.
    Api {
        #[serde(deserialize_with = "network::address")]
        listen: SocketAddr = SocketAddr::new(LOOPBACK, 8080),
        public_url: Option<String> = None,
        certificate: Option<PathBuf> = None,
        key: Option<PathBuf> = None,
        client_ca: Option<PathBuf> = None,
        request_deadline_milliseconds: Milliseconds = Milliseconds(2_000),
        token: Vec<ApiToken> = Vec::new(),
    }
}

impl Api {
    /// This section with the certificate files of `next`. Whether there is TLS at all changes only at the next start.
    #[must_use]
    pub(crate) fn with_files_of(&self, next: &Self) -> Self {
        if self.certificate.is_some() != next.certificate.is_some() {
            return self.clone();
        }
        let Self { certificate, key, client_ca, .. } = next.clone();
        Self { certificate, key, client_ca, ..self.clone() }
    }
}

section! {
    /// Bounds of the whole process.
    Limits {
        calls: u32 = 100,
        call_seconds: Seconds = Seconds(3_600),
        drain_seconds: Seconds = Seconds(300),
        disk_free_megabytes: Megabytes = Megabytes(512),
        clock_offset_milliseconds: Milliseconds = Milliseconds(1_000),
        tick_lag_milliseconds: Milliseconds = Milliseconds(50),
    }
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For a person's terminal.
    Text,
}

section! {
    /// Structured logs on standard error.
    Log {
        format: LogFormat = LogFormat::Json,
        level: LogLevel = LogLevel::default(),
    }
}
