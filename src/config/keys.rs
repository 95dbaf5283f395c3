//! Every key of the file, in one table: the reader's list of what it knows, and the reference's source.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;

/// One key of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Sections and name; `[]` stands for any element of a list of tables, `*` for any name.
    pub(crate) path: &'static str,
    /// The default as TOML, or `required` or `none`.
    #[cfg_attr(not(test), expect(dead_code, reason = "held against the reference by a test"))]
    pub(crate) default: &'static str,
    /// What it does, in one sentence.
    #[cfg_attr(not(test), expect(dead_code, reason = "held against the reference by a test"))]
    pub(crate) meaning: &'static str,
}

const fn key(path: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { path, default, meaning }
}

/// Every key, in the order of the reference.
pub(crate) const KEYS: &[Key] = &[
    key("sip.udp", r#"["127.0.0.1:5060"]"#, "Addresses to take SIP on over UDP; an empty list takes none."),
    key("sip.tcp", r#"["127.0.0.1:5060"]"#, "Addresses to take SIP on over TCP; an empty list takes none."),
    key(
        "sip.advertised_address",
        "none",
        "The IP address that peers behind the carrier's side of a NAT see; written into Contact and SDP. Contact names the \
         port of the first address of `sip.udp` or `sip.tcp`, by the transport the call came over.",
    ),
    key("sip.retry_after_seconds", "10", "Retry-After of a 503 while full, draining or unhealthy."),
    key("trunk[].name", r#""local""#, "Name of the trunk in metrics and logs: letters, digits, `-` and `_`; unique."),
    key(
        "trunk[].peers",
        r#"["127.0.0.0/8", "::1/128"]"#,
        "Ranges of addresses (CIDR) the trunk sends from; a peer in none of them is refused without a hint. No address may be in two trunks.",
    ),
    key("trunk[].capacity", "50", "Most calls of this trunk at once; the next is answered 503."),
    key("trunk[].agent", r#""collector""#, "Name of the agent that serves its calls: a table `[agent.NAME]`."),
    key(
        "trunk[].srtp",
        r#""optional""#,
        "`off`, `optional` or `required`: whether SRTP is refused, taken where it is offered, or a must, so that other calls, and those without an offer, are answered 488. It is offered as RTP/SAVP with keys in the SDP (SDES) or as UDP/TLS/RTP/SAVP with the fingerprint of a certificate (DTLS 1.2; with an ECDSA key, not RSA). Over UDP and TCP whoever sees the SIP sees the keys of SDES, and whoever changes it can answer for the far end of DTLS: let only a private network lie between. With DTLS nothing is played before the handshake is over, which ends the call where that takes 10 s, and RTCP comes by `a=rtcp-mux` or not at all.",
    ),
    key(
        "trunk[].codecs",
        r#"["pcmu", "pcma", "g722", "opus", "l16"]"#,
        "Codecs that its calls may have; the first in the caller's offer that is one of these is taken, and an offer with none is answered 488. What is not at 8 kHz comes to recogniser, recording and bots through a filter that takes 2 ms. An INVITE without an offer gets one with the G.711 codecs named here, in this order. `l16` is `L16/16000`.",
    ),
    key(
        "trunk[].learn_source",
        "true",
        "Whether audio may come from another address than the SDP names, because a NAT changes it: it is then taken from whoever first sends three packets in a row, until the address of the SDP, or another port of the same host, has sent as many. With `false` the address and port of the SDP alone are heard, which is right for a trunk with public addresses. Where the SDP names no address its source is learnt in any case.",
    ),
    key(
        "trunk[].recording",
        "true",
        "Whether its calls may be recorded; which of them are is said by `recording.consent`.",
    ),
    key(
        "trunk[].private_line",
        "none",
        "Who attests that the trunk's line is private, and when, as a sentence; it is recorded in the audit chain, and where `control.operators` lists keys two of them approve it. It stands in for encryption where cards are taken: without it the gateway takes no card in a call from another machine, nor with SRTP, as it takes no SIP over TLS and what brings the keys comes in clear; such a capture ends as `media_in_clear` or `signalling_in_clear`. The gateway must besides be closed to dumps, and swap off, encrypted or zram.",
    ),
    key(
        "transfer[].name",
        "required",
        "Name by which `POST /v1/calls/{id}/transfer` asks for it, in the audit chain and in timelines: letters, digits, `-` and `_`; unique.",
    ),
    key(
        "transfer[].uri",
        "required",
        "Whom the carrier is asked to connect the caller to (Refer-To): a `sip:` or `tel:` URI that the trunks of this gateway know. Callers are transferred to what is listed here, and to nobody else, whatever a bot or a model says.",
    ),
    key(
        "transfer[].announce",
        "true",
        "Whether the caller is told that they are being connected, and told when that fails.",
    ),
    key(
        "media.address",
        r#""127.0.0.1""#,
        "Address the RTP sockets are bound to; of the family of the SIP addresses, IPv4 or IPv6.",
    ),
    key("media.first_port", "20000", "Lowest RTP port; even, RTCP takes the next one."),
    key("media.last_port", "20999", "Highest port; a call takes two, and the range must hold `limits.calls`."),
    key("media.threads", "0", "Media threads; 0 means one per core."),
    key(
        "media.quarantine_seconds",
        "30",
        "How long the ports of an ended call stay unused, so that stale packets meet nobody.",
    ),
    key(
        "agent.*.kind",
        r#""collector""#,
        "`collector`, the embedded scripted agent; `twilio-stream`, a bot server that speaks Twilio Media Streams; or `echo`, nobody: after the notices callers hear themselves, to try a line.",
    ),
    key("agent.*.url", "none", "WebSocket address of the bot; needed for `twilio-stream`."),
    key(
        "agent.*.ca",
        "none",
        "PEM file of the authority that signed the bot's certificate; the system's authorities where it is not set.",
    ),
    key(
        "agent.*.auth_token_file",
        "none",
        "File with the auth token of the account whose `X-Twilio-Signature` the bot expects: each handshake is signed over `url`, exactly as it is written here. Not signed where it is not set.",
    ),
    key(
        "agent.*.allow_plain",
        "false",
        "Whether `ws://` may leave this machine; the caller's voice would travel in clear.",
    ),
    key(
        "agent.*.connect_deadline_milliseconds",
        "1500",
        "How long the bot may take to accept the stream; then the caller hears an apology, with the default within two seconds of the answer.",
    ),
    key(
        "agent.*.parameters.*",
        "none",
        "Sent to the bot as `customParameters`; name and value together at most 500 characters.",
    ),
    key(
        "business.name",
        r#""Northgate Services""#,
        "Name spoken in the opening to whoever answers; may not reveal that a debt is concerned.",
    ),
    key("business.time_zone", r#""America/New_York""#, "IANA zone of today's date in promises and card expiry."),
    key(
        "speech.models",
        "none",
        "Directory of the better local voices that `make voices` installs (`var/voices`); the Debian engines where it is not set. They are slower: set `speech.answer_deadline_milliseconds` to 8000 with it.",
    ),
    key("speech.cache", r#""var/prompts""#, "Directory of rendered prompts."),
    key("speech.recognisers", "2", "Recogniser processes."),
    key("speech.synthesisers", "1", "Synthesiser processes."),
    key("speech.answer_deadline_milliseconds", "3000", "How long one recognition or synthesis may take."),
    key(
        "recording.enabled",
        "true",
        "Whether calls are recorded. The notice is played in every call, recorded or not.",
    ),
    key(
        "recording.consent",
        r#""notice""#,
        "`notice`: a call is recorded once its notice was played to the end, because the caller went on. `one-party`: likewise, but only where the account's postal code is known and neither it nor the caller's area code belongs to one of the fourteen states whose law asks for the consent of all parties, or may. Whoever objects is recorded no further.",
    ),
    key("recording.directory", r#""var/recordings""#, "Directory of recordings."),
    key(
        "recording.quota_megabytes",
        "10000",
        "Space recordings may take, those being written among them; when it is full, calls go on unrecorded and an alert fires. What is moved away is noticed within a minute.",
    ),
    key(
        "recording.format",
        r#""wav""#,
        "`wav`, 32 kB a second, or `opus`, Ogg Opus at about 6 kB a second. In `opus` the caller's side is silent for 20 to 40 ms before and after a capture, too, so that in it the silence is exact.",
    ),
    key(
        "recording.seal_to",
        "none",
        "The public key that recordings are sealed to, as `tonegate recording keygen` prints it; only the private key opens them. Without it they lie in clear, which is allowed where all of `sip.udp` and `sip.tcp` are loopback.",
    ),
    key(
        "recording.allow_clear",
        "false",
        "Whether recordings may lie in clear although calls come from other machines: where the disk is encrypted by other means.",
    ),
    key(
        "recording.withhold_seconds",
        "30",
        "Longest, in seconds of call, that a recording keeps back what a caller says until it was recognised, so that the number of a card is silent in it; 32 kB of memory a second, while the caller speaks and for 20 s after digits that nobody asked for. A crash loses what is kept back. 0: nothing is kept back, and each such number is a failed control. Calls with a bot have no recogniser: nothing of them is kept back or silenced.",
    ),
    key(
        "book.kind",
        r#""sqlite""#,
        "`sqlite`, the embedded account book; or `salesforce`, an org, whose objects and fields `book.profile` or `book.mapping` names.",
    ),
    key("book.database", r#""var/book.sqlite""#, "SQLite file of the embedded account book."),
    key(
        "book.accounts",
        r#""config/sample-accounts.csv""#,
        "Accounts to import at start; accounts that exist are left as they are. Outside the repository set it: the samples are found in the working directory alone.",
    ),
    key("book.strategies", "none", "Strategies to import at start; the built-in ones where it is not set."),
    key(
        "book.lookup_deadline_milliseconds",
        "1800",
        "How long looking up an account may take, at most 1800; after 600 and 1400 the caller is told that it takes a moment.",
    ),
    key(
        "book.url",
        "none",
        "The org's My Domain address, such as `https://acme.my.salesforce.com`; needed for `salesforce`.",
    ),
    key("book.client_id", "none", "Consumer key of the org's External Client App, or Connected App."),
    key(
        "book.username",
        "none",
        "Name of the integration user, for `book.key_file`. Its rights are the gateway's: give it the mapped objects and fields, and nothing else.",
    ),
    key(
        "book.key_file",
        "none",
        "PEM file with the RSA key (PKCS #8, 2,048 bits or more) whose certificate the app has: the gateway signs in with OAuth 2.0 JWT bearer assertions. Either this or `book.client_secret_file`.",
    ),
    key(
        "book.client_secret_file",
        "none",
        "File with the app's consumer secret: the gateway signs in with OAuth 2.0 client credentials, as the app's own user.",
    ),
    key(
        "book.ca",
        "none",
        "PEM file of the authority that signed the org's certificate; the system's authorities where it is not set.",
    ),
    key("book.api_version", r#""v66.0""#, "Version of Salesforce's API."),
    key(
        "book.profile",
        r#""collectxpert""#,
        "Mapping that comes with the gateway: `collectxpert` or `collections-and-recovery`.",
    ),
    key(
        "book.mapping",
        "none",
        "File with a mapping of your own, in place of `book.profile`; `config/salesforce/collectxpert.toml` says how one is written.",
    ),
    key(
        "book.namespace",
        "none",
        "Namespace in place of the mapping's, without its underscores; `\"\"` for fields without one.",
    ),
    key(
        "book.session_minutes",
        "60",
        "How long a session is used before it is had anew: the org's session time-out or less.",
    ),
    key(
        "book.events.enabled",
        "false",
        "Whether accounts are assigned to the call queue by events of the org; the mapping then has an `[assignment_event]`, and the org must have that event.",
    ),
    key(
        "book.events.endpoint",
        r#""https://api.pubsub.salesforce.com:7443""#,
        "Address of the Pub/Sub API; `https://api.deu.pubsub.salesforce.com:7443` for processing in Germany.",
    ),
    key(
        "book.events.topic",
        "none",
        "What is subscribed to: the mapping's event where it is not set, or a channel such as `/event/Assignments__chn`.",
    ),
    key(
        "book.events.first",
        r#""earliest""#,
        "Where the very first subscription begins: `earliest`, with whatever the org keeps of the last 72 hours and the accounts in its queue, or `latest`, with what comes.",
    ),
    key(
        "book.events.oldest_hours",
        "72",
        "How old an assignment may be when it comes; an older one is dropped and counted.",
    ),
    key(
        "book.reconcile_at",
        r#""04:30""#,
        "Time of day, in `business.time_zone`, at which the org is asked for every row that it took the day before, of whatever object; what it lacks is delivered again.",
    ),
    key(
        "queue.database",
        r#""var/queue.sqlite""#,
        "SQLite file of the call queue. Gateways of one machine may share it: one of them subscribes, and another takes over where it fails.",
    ),
    key("store.database", r#""var/tonegate.sqlite""#, "SQLite file of calls, dialogs, payments, audit and outbox."),
    key(
        "store.commit_deadline_milliseconds",
        "1000",
        "How long one durable write may take before new calls are refused.",
    ),
    key(
        "audit.node",
        r#""tonegate""#,
        "Name of this gateway in its audit key, its checkpoints and the approvals for it; another for each gateway: up to 40 letters, digits, `-`, `_` and `.`.",
    ),
    key(
        "audit.key",
        "none",
        "File with the Ed25519 key that signs the audit chain and its checkpoints; `audit/key` beside `store.database` where it is not set. Made at the first start; nobody but its owner may have access to it.",
    ),
    key(
        "audit.checkpoints",
        "none",
        "Directory of the chain's checkpoints, which belongs on another machine's volume; `audit/checkpoints` beside `store.database` where it is not set.",
    ),
    key(
        "audit.checkpoint_seconds",
        "30",
        "Longest after a record until a checkpoint covers it. Every hour there is one in any case.",
    ),
    key("audit.checkpoint_records", "1000", "Most records that no checkpoint covers."),
    key(
        "audit.ship_to",
        "none",
        "Address (`https://…`) that each checkpoint is posted to as well; an answer of 2xx means that it is kept there. The system of checkpoints and its files: [deploy/audit](../deploy/audit/README.md).",
    ),
    key("audit.ship_ca", "none", "PEM file of the authority that signs its certificate; needed with `audit.ship_to`."),
    key("audit.ship_token_file", "none", "File with a bearer token for it."),
    key(
        "control.operators",
        "[]",
        "Public keys of the operators, two of whom must sign to weaken a protective control, as `tonegate control keygen` prints them. Needed where callers from other machines pay by a real processor or a carrier. Which controls: [deploy/audit](../deploy/audit/README.md#dual-control).",
    ),
    key(
        "control.approvals",
        "none",
        "Directory in which signed approvals are presented, `*.approval`; `audit/approvals` beside `store.database` where it is not set.",
    ),
    key("capture.enabled", "true", "Whether callers can key a card."),
    key(
        "capture.by",
        r#""vault""#,
        "Who takes the keys of a card: `vault`, this machine's own; or the carrier of the call, `twilio` by the `Payments` of its calls or `telnyx` by its command `pay`. Then there is no vault here, and `[carrier]` says how the carrier is reached; a `tokeniser` with a `charge_path` in `[processor]` is the endpoint behind Twilio's connector, where payments are read whose outcome it did not tell.",
    ),
    key("capture.vault", "none", "The `tonegate-vault` program; beside this program where it is not set."),
    key("capture.brands", r#"["visa", "mastercard", "american-express", "discover"]"#, "Card brands taken."),
    key("capture.postal", "true", "Whether the billing postal code is asked for."),
    key(
        "capture.bank_accounts",
        "false",
        "Whether callers can also key a bank account in the United States, to be debited by ACH: its routing number, and its own number twice. Not with Stripe, which decides such a debit in days, while the caller waits for seconds; nor with `telnyx`. Agents ask for it by `method` ([API.md](../API.md#a-payment-by-keypad)); the collector takes cards.",
    ),
    key(
        "capture.canary",
        "false",
        "Let the sandbox take the reserved canary range: numbers that no network issues, for tests that look for leaks.",
    ),
    key(
        "processor.kind",
        r#""sandbox""#,
        "`sandbox`, started as a child: takes published test cards and moves no money; `stripe`; or `tokeniser`, an HTTPS endpoint that keeps cards and gives tokens ([its dialect](../src/backends/processor/tokeniser.rs)).",
    ),
    key(
        "processor.name",
        "none",
        "Name its certificate must carry; where it is not set `processor.localhost`, or `api.stripe.com` for `stripe`. A `tokeniser` needs one.",
    ),
    key(
        "processor.address",
        "none",
        "Its IP address and port; where it is not set `127.0.0.1:9443` for the sandbox, else the name is looked up and the port is 443.",
    ),
    key(
        "processor.ca",
        "none",
        "PEM file of the authorities that may have signed its certificate; where it is not set `var/processor/ca.pem` for the sandbox, which writes its own there, else the system's list.",
    ),
    key(
        "processor.key_file",
        "none",
        "File with its bearer token or secret key, readable by its owner alone. The sandbox writes its own, `token`, beside its authority. `stripe` needs one, a `tokeniser` this or a client certificate.",
    ),
    key("processor.account", "none", "The connected account (`acct_…`) that is paid, for Stripe Connect."),
    key(
        "processor.client_certificate",
        "none",
        "PEM file of the certificate that the gateway and the vault show a `tokeniser`: mutual TLS.",
    ),
    key("processor.client_key", "none", "PEM file of that certificate's key, readable by its owner alone."),
    key("processor.tokenise_path", "none", "Where a `tokeniser` takes cards; `/v1/tokens` where it is not set."),
    key(
        "processor.charge_path",
        "none",
        "Where a `tokeniser` charges tokens. Where it is not set nothing is charged: the token goes to the account book with a payment that is `initiated`.",
    ),
    key(
        "processor.keep_card",
        "false",
        "Whether `stripe` keeps a card for later payments without its holder (`setup_future_usage`).",
    ),
    key(
        "processor.test_mode",
        "true",
        "Whether published test numbers alone are taken, and no others get further than the vault. The sandbox is never without it; a live key is refused with it, and a test key without. It says nothing of a carrier (`capture.by`), which takes real cards: there it must not be `true`.",
    ),
    key(
        "processor.answer_deadline_seconds",
        "10",
        "How long it may take to answer a card, a charge or a refund: 1 to 60.",
    ),
    key(
        "carrier.url",
        "none",
        "Address of the carrier's REST API; `https://api.twilio.com` or `https://api.telnyx.com` where it is not set.",
    ),
    key("carrier.account", "none", "The account there; needed for `twilio`."),
    key(
        "carrier.token_file",
        "none",
        "File with the auth token of the account, or the API key; needed where the carrier takes payments.",
    ),
    key(
        "carrier.public_key",
        "none",
        "The Ed25519 key, in base64, that `telnyx` signs webhooks with; from its portal.",
    ),
    key("carrier.connector", r#""Default""#, "The connector at the carrier that payments are submitted to."),
    key(
        "carrier.ca",
        "none",
        "PEM file of the authority that signed the API's certificate; the system's authorities where it is not set.",
    ),
    key(
        "operations.listen",
        r#""127.0.0.1:9464""#,
        "Address of `/metrics`, `/healthz` and `/readyz`; unauthenticated, so keep it off public networks.",
    ),
    key("api.listen", r#""127.0.0.1:8080""#, "Address of `/v1`."),
    key(
        "api.public_url",
        "none",
        "Base address that bots are told to use for `/v1`; derived from `api.listen` where it is not set.",
    ),
    key("api.certificate", "none", "PEM file of the server's certificate chain; needed off loopback."),
    key("api.key", "none", "PEM file of the certificate's key."),
    key(
        "api.client_ca",
        "none",
        "PEM file of the authority that client certificates must come from; mutual TLS where it is set.",
    ),
    key("api.request_deadline_milliseconds", "2000", "How long a request may take; then 504."),
    key("api.token[].name", "required", "Name of the bearer in the audit log; unique."),
    key(
        "api.token[].role",
        "required",
        "`operator` (lists, reads, transfers, hangs up and refunds) or `auditor` (lists and reads).",
    ),
    key(
        "api.token[].secret.env",
        "none",
        "Environment variable that holds the token: `TONEGATE_…`, 16 characters or more.",
    ),
    key("api.token[].secret.file", "none", "File that holds the token; set this or `env`."),
    key("limits.calls", "100", "Most calls at once over all trunks."),
    key("limits.call_seconds", "3600", "Longest call; then it is ended with words."),
    key("limits.drain_seconds", "300", "After SIGTERM, how long calls may take to end by themselves."),
    key("limits.disk_free_megabytes", "512", "Free space below which new calls are refused and captures stop."),
    key(
        "limits.clock_offset_milliseconds",
        "1000",
        "By how much the wall clock may be set while running, in sum; beyond it new calls are refused until it is set back or the gateway is started again.",
    ),
    key(
        "limits.tick_lag_milliseconds",
        "50",
        "By how much the ticks of the media threads may be late on average over five seconds; beyond it new calls are refused until they are punctual again.",
    ),
    key("log.format", r#""json""#, "`json` or `text`."),
    key(
        "log.level",
        r#""info""#,
        "Filter as of `tracing`: a level, or `target=level` pairs. Below `info` only Tonegate's own targets are written: libraries print what they carry there, audio, keys and tokens.",
    ),
];

/// Every key of a document that is not in [`KEYS`], with its line and the nearest one that is.
#[must_use]
pub(crate) fn unknown(text: &str, document: &DeTable<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    visit(text, document, "", &mut problems);
    problems.sort_by_key(|problem| problem.line);
    problems
}

fn visit(text: &str, table: &DeTable<'_>, prefix: &str, problems: &mut Vec<Problem>) {
    for (name, value) in table {
        let any_name = join(prefix, "*");
        let path = if is_known(&any_name) { any_name } else { join(prefix, name.get_ref()) };
        if is_known(&path) {
            descend(text, value, &path, problems);
        } else {
            let advice = format!("unknown key{}", suggestion(prefix, name.get_ref(), &path));
            problems.push(Problem::at(text, name.span(), path, advice));
        }
    }
}

fn descend(text: &str, value: &Spanned<DeValue<'_>>, path: &str, problems: &mut Vec<Problem>) {
    if let Some(table) = value.get_ref().as_table() {
        visit(text, table, path, problems);
    } else if let Some(list) = value.get_ref().as_array() {
        let element = format!("{path}[]");
        for table in list.iter().filter_map(|item| item.get_ref().as_table()) {
            visit(text, table, &element, problems);
        }
    }
}

/// Whether a path is a key or leads to one.
fn is_known(path: &str) -> bool {
    KEYS.iter().any(|key| {
        key.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]"))
    })
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// The nearest real key: a sibling if one is like it, else a key of the same name elsewhere, else any.
fn suggestion(prefix: &str, name: &str, path: &str) -> String {
    const ALIKE: f64 = 0.75;
    let siblings = candidates().into_iter().filter(|candidate| parent(candidate) == prefix);
    let nearest = nearest(siblings, |candidate| strsim::jaro_winkler(last(candidate), name), ALIKE)
        .or_else(|| candidates().into_iter().find(|candidate| last(candidate) == name))
        .or_else(|| nearest(candidates().into_iter(), |candidate| strsim::jaro_winkler(candidate, path), ALIKE));
    nearest.map_or_else(
        || "; config/README.md lists every key".to_owned(),
        |nearest| format!("; did you mean `{nearest}`?"),
    )
}

fn nearest(candidates: impl Iterator<Item = String>, likeness: impl Fn(&str) -> f64, least: f64) -> Option<String> {
    candidates
        .map(|candidate| (likeness(&candidate), candidate))
        .filter(|(likeness, _)| *likeness >= least)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}

/// Every key and every section, once.
fn candidates() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for key in KEYS {
        let mut path = key.path;
        while !path.is_empty() {
            let plain = path.trim_end_matches("[]").to_owned();
            if !all.contains(&plain) && !plain.ends_with('*') {
                all.push(plain);
            }
            path = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        }
    }
    all
}

fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

fn last(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, last)| last)
}
