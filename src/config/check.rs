//! What a well-formed configuration can still get wrong.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use backends::audit::{Verifier, is_key_name};
use call::carrier::Carrier;
use dialogue::BusinessName;

use super::section::{Agent, AgentKind, Api, Audit, Business, Limits, Media, Sip, Transfer, Trunk};
use super::{CapturedBy, Config, Problem, ProcessorKind, book, processor};

/// Most operators: their keys stand in one record of the audit chain.
const MOST_OPERATORS: usize = 16;
/// Most characters of one custom parameter, name and value together, as Twilio documents for `<Parameter>`.
const MAX_PARAMETER: usize = 500;
/// Most seconds of a call that a recording may keep back in memory: 4 MB.
const MOST_WITHHELD: u32 = 120;

/// Everything found, section by section in the order of the reference.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    sip(&config.sip, &mut found);
    trunks(config, &mut found);
    transfers(&config.transfer, &mut found);
    media(&config.media, config.limits.calls, &mut found);
    reach(config, &mut found);
    families(config, &mut found);
    for (name, agent) in &config.agent {
        self::agent(name, agent, &mut found);
    }
    business(&config.business, &mut found);
    recording(config, &mut found);
    book::problems(&config.book, &mut found);
    audit(&config.audit, &mut found);
    control(config, &mut found);
    capture(config, &mut found);
    carrier(config, &mut found);
    api(&config.api, &mut found);
    limits(&config.limits, &mut found);
    deadlines(config, &mut found);
    listeners(config, &mut found);
    found
}

fn sip(sip: &Sip, found: &mut Vec<Problem>) {
    if sip.udp.is_empty() && sip.tcp.is_empty() {
        found.push(Problem::of("sip.udp", "no address to take calls on; list one here or in `sip.tcp`"));
    }
    if sip.advertised_address.is_some_and(|address| address.is_unspecified()) {
        found.push(Problem::of(
            "sip.advertised_address",
            "peers cannot reach an unspecified address; write the public one",
        ));
    }
    let everywhere = sip.udp.iter().chain(&sip.tcp).any(|listen| listen.ip().is_unspecified());
    if everywhere && sip.advertised_address.is_none() {
        found.push(Problem::of(
            "sip.advertised_address",
            "needed when listening on every interface; write the address that peers reach",
        ));
    }
}

fn trunks(config: &Config, found: &mut Vec<Problem>) {
    if config.trunk.is_empty() {
        found.push(Problem::of("trunk", "no trunk, so every call would be refused; add a [[trunk]] with its peers"));
    }
    let mut names = BTreeSet::new();
    for trunk in &config.trunk {
        if !names.insert(&trunk.name) {
            found.push(Problem::of("trunk[].name", format!("two trunks are named {:?}; rename one", trunk.name)));
        }
        self::trunk(trunk, config, found);
    }
    peers(&config.trunk, found);
}

/// A call is of the trunk that its peer is in, so no address may be in two.
fn peers(trunks: &[Trunk], found: &mut Vec<Problem>) {
    for (index, one) in trunks.iter().enumerate() {
        for other in trunks.iter().skip(index + 1).filter(|other| other.name != one.name) {
            let pairs =
                one.peers.iter().flat_map(|peer| other.peers.iter().map(move |also| (peer.range(), also.range())));
            if let Some((peer, also)) = pairs.into_iter().find(|(peer, also)| peer.overlaps(also)) {
                found.push(Problem::of(
                    "trunk[].peers",
                    format!(
                        "{peer} of trunk {:?} and {also} of trunk {:?} overlap, so it is open whose a call would be; part them",
                        one.name, other.name
                    ),
                ));
            }
        }
    }
}

fn trunk(trunk: &Trunk, config: &Config, found: &mut Vec<Problem>) {
    if !is_name(&trunk.name) {
        found.push(Problem::of(
            "trunk[].name",
            format!("{:?} cannot name a trunk; use up to 40 letters, digits, `-` and `_`", trunk.name),
        ));
    }
    if trunk.peers.is_empty() {
        found.push(Problem::of(
            "trunk[].peers",
            format!("trunk {:?} has no peers; list where it sends from", trunk.name),
        ));
    }
    if trunk.codecs.is_empty() {
        found.push(Problem::of("trunk[].codecs", format!("trunk {:?} takes no call; name a codec", trunk.name)));
    }
    let is_attestation =
        |text: &str| (10..=300).contains(&text.trim().chars().count()) && !text.contains(char::is_control);
    if trunk.private_line.as_deref().is_some_and(|text| !is_attestation(text)) {
        found.push(Problem::of(
            "trunk[].private_line",
            "an attestation says who gives it and when, in 10 to 300 characters of one line; write it, or remove the key",
        ));
    }
    if trunk.capacity == 0 {
        found.push(Problem::of("trunk[].capacity", format!("trunk {:?} takes no call; write at least 1", trunk.name)));
    }
    if config.agent_of(trunk).is_none() {
        let known: Vec<&str> = config.agent.keys().map(String::as_str).collect();
        found.push(Problem::of(
            "trunk[].agent",
            format!(
                "no agent is named {:?}; write [agent.{}] or use one of: {}",
                trunk.agent,
                trunk.agent,
                known.join(", ")
            ),
        ));
    }
}

/// Whoever asks for a transfer names one of these: what is here is all that can be called at the trunks' cost.
fn transfers(transfers: &[Transfer], found: &mut Vec<Problem>) {
    let mut names = BTreeSet::new();
    for transfer in transfers {
        if !names.insert(&transfer.name) || !is_name(&transfer.name) {
            found.push(Problem::of(
                "transfer[].name",
                format!("{:?} must be unique, of up to 40 letters, digits, `-` and `_`", transfer.name),
            ));
        }
        if let Err(error) = transfer.target() {
            found.push(Problem::of("transfer[].uri", format!("that of transfer {:?} {error}", transfer.name)));
        }
    }
}

fn media(media: &Media, calls: u32, found: &mut Vec<Problem>) {
    if !media.first_port.is_multiple_of(2) || media.first_port < 1_024 {
        found.push(Problem::of("media.first_port", "must be an even port of at least 1024 (RFC 3550 §11)"));
    }
    let ports = u32::from(media.last_port.saturating_sub(media.first_port)) + 1;
    if media.last_port <= media.first_port {
        found.push(Problem::of("media.last_port", "must be above `media.first_port`"));
    } else if ports / 2 < calls {
        found.push(Problem::of(
            "media.last_port",
            format!("the range holds {} calls but `limits.calls` is {calls}; widen it or lower the limit", ports / 2),
        ));
    }
    if media.address.is_unspecified() || media.address.is_multicast() {
        found.push(Problem::of("media.address", "must be one address of this machine"));
    }
}

/// Who reaches the signalling has to reach the media, too.
fn reach(config: &Config, found: &mut Vec<Problem>) {
    let is_reached = |listen: &SocketAddr| !listen.ip().is_loopback();
    if config.media.address.is_loopback() && config.sip.udp.iter().chain(&config.sip.tcp).any(is_reached) {
        found.push(Problem::of(
            "media.address",
            "calls come from other machines, but their audio cannot reach a loopback address; write this machine's own",
        ));
    }
}

/// A peer that sends SIP over one address family expects the audio there, too.
fn families(config: &Config, found: &mut Vec<Problem>) {
    let (sip, media) = (&config.sip, config.media.address);
    let udp = sip.udp.iter().map(|listen| ("sip.udp", listen.ip()));
    let tcp = sip.tcp.iter().map(|listen| ("sip.tcp", listen.ip()));
    let advertised = sip.advertised_address.map(|address| ("sip.advertised_address", address));
    for (key, address) in udp.chain(tcp).chain(advertised) {
        if address.is_ipv4() != media.is_ipv4() {
            found.push(Problem::of(
                key,
                format!(
                    "{address} and `media.address` {media} are not of one family, so calls would have no audio; \
                     use IPv4 for both, or IPv6"
                ),
            ));
        }
    }
}

fn agent(name: &str, agent: &Agent, found: &mut Vec<Problem>) {
    match agent.kind {
        AgentKind::Collector => within(name, "the embedded collector", agent, found),
        AgentKind::Echo => within(name, "an echo", agent, found),
        AgentKind::TwilioStream => bot(name, agent, found),
    }
    for (parameter, value) in &agent.parameters {
        if parameter.starts_with("tonegate_") {
            found.push(Problem::of(
                format!("agent.{name}.parameters.{parameter}"),
                "names that begin with `tonegate_` are the gateway's own; choose another",
            ));
        }
        if parameter.chars().count() + value.chars().count() > MAX_PARAMETER {
            found.push(Problem::of(
                format!("agent.{name}.parameters.{parameter}"),
                format!("name and value are longer than {MAX_PARAMETER} characters together; shorten the value"),
            ));
        }
    }
}

/// An agent inside the gateway needs nothing that leads to one outside.
fn within(name: &str, who: &str, agent: &Agent, found: &mut Vec<Problem>) {
    let outside = [
        (agent.url.is_some(), "url", "has no address"),
        (agent.auth_token_file.is_some(), "auth_token_file", "signs nothing"),
    ];
    for (_, key, lacks) in outside.into_iter().filter(|(is_set, ..)| *is_set) {
        let advice = format!("{who} {lacks}; remove it or set kind = \"twilio-stream\"");
        found.push(Problem::of(format!("agent.{name}.{key}"), advice));
    }
}

fn bot(name: &str, agent: &Agent, found: &mut Vec<Problem>) {
    let key = format!("agent.{name}.url");
    let Some(url) = &agent.url else {
        found.push(Problem::of(
            key,
            "needed for a twilio-stream agent; write one like \"wss://bot.example.com/stream\"",
        ));
        return;
    };
    let Some((scheme, rest)) = url.split_once("://") else {
        found.push(Problem::of(key, format!("{url:?} is no address; write one like \"wss://bot.example.com/stream\"")));
        return;
    };
    match scheme {
        "wss" => {}
        "ws" if agent.allow_plain || is_loopback(rest) => {}
        "ws" => found.push(Problem::of(key, "would send the caller's voice in clear; use wss, or set `allow_plain`")),
        _ => found.push(Problem::of(key, "must begin with wss:// (or ws:// on this machine)")),
    }
}

fn is_loopback(rest: &str) -> bool {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn business(business: &Business, found: &mut Vec<Problem>) {
    if let Err(error) = BusinessName::new(&business.name) {
        found.push(Problem::of("business.name", format!("{error}; use a name that whoever answers may hear")));
    }
    if jiff::tz::TimeZone::get(&business.time_zone).is_err() {
        found.push(Problem::of(
            "business.time_zone",
            format!("{:?} is no IANA time zone; write one like \"America/Chicago\"", business.time_zone),
        ));
    }
}

fn recording(config: &Config, found: &mut Vec<Problem>) {
    let recording = &config.recording;
    if let Err(error) = recording.public_key() {
        found.push(Problem::of("recording.seal_to", error.to_string()));
    }
    if recording.withhold_seconds.0 > MOST_WITHHELD {
        found.push(Problem::of(
            "recording.withhold_seconds",
            format!("so much of each call would lie in memory; write {MOST_WITHHELD} at most"),
        ));
    }
    let is_reached = config.sip.udp.iter().chain(&config.sip.tcp).any(|listen| !listen.ip().is_loopback());
    if recording.is_in_clear() && is_reached && !recording.may_lie_in_clear() {
        found.push(Problem::of(
            "recording.seal_to",
            "recordings of real callers would lie on the disk in clear; write the public key that `tonegate recording keygen` \
             prints, or set `recording.allow_clear` where the disk itself is encrypted",
        ));
    }
}

fn audit(audit: &Audit, found: &mut Vec<Problem>) {
    if !is_key_name(&audit.node) {
        found.push(Problem::of(
            "audit.node",
            format!("{:?} cannot name a gateway; use up to 40 letters, digits, `-`, `_` and `.`", audit.node),
        ));
    }
    if !(1..=3_600).contains(&audit.checkpoint_seconds.0) {
        found.push(Problem::of("audit.checkpoint_seconds", "is no workable time; write 1 to 3600"));
    }
    if audit.checkpoint_records == 0 {
        found.push(Problem::of("audit.checkpoint_records", "would never be reached; write at least 1"));
    }
    match &audit.ship_to {
        Some(url) if !url.starts_with("https://") => {
            found.push(Problem::of("audit.ship_to", "must begin with https://"));
        }
        Some(_) if audit.ship_ca.is_none() => {
            found.push(Problem::of(
                "audit.ship_ca",
                "needed with `audit.ship_to`; name the authority of its certificate",
            ));
        }
        None if audit.ship_ca.is_some() || audit.ship_token_file.is_some() => {
            found.push(Problem::of(
                "audit.ship_to",
                "nothing is posted without it; write an address or remove the rest",
            ));
        }
        Some(_) | None => {}
    }
}

fn control(config: &Config, found: &mut Vec<Problem>) {
    let key = "control.operators";
    let operators = match config.operators() {
        Ok(operators) => operators,
        Err(error) => return found.push(Problem::of(key, error.to_string())),
    };
    let names: BTreeSet<&str> = operators.iter().map(Verifier::name).collect();
    let keys: BTreeSet<&[u8; 32]> = operators.iter().map(Verifier::key).collect();
    if names.len() < operators.len() || keys.len() < operators.len() {
        found.push(Problem::of(key, "two have one name, or one key; each operator has a key of their own"));
    }
    if operators.len() == 1 || operators.len() > MOST_OPERATORS {
        found.push(Problem::of(key, format!("two must sign, so list 2 to {MOST_OPERATORS}, or none")));
    }
    let is_reached = config.sip.udp.iter().chain(&config.sip.tcp).any(|listen| !listen.ip().is_loopback());
    if operators.is_empty() && is_reached && config.takes_real_cards() {
        found.push(Problem::of(
            key,
            "needed where callers from other machines pay by a real processor or a carrier; list the keys that \
             `tonegate control keygen` prints for at least two operators",
        ));
    }
}

fn capture(config: &Config, found: &mut Vec<Problem>) {
    let capture = &config.capture;
    if !capture.enabled {
        return;
    }
    if capture.brands.is_empty() {
        found.push(Problem::of(
            "capture.brands",
            "no card could be taken; list a brand or set `capture.enabled = false`",
        ));
    }
    if capture.canary && !config.processor.is_sandbox() {
        found.push(Problem::of(
            "capture.canary",
            "canary cards go to the sandbox only; set `processor.kind = \"sandbox\"`",
        ));
    }
    bank_accounts(config, found);
    processor::problems(&config.processor, found);
}

/// Who does not take bank accounts.
fn bank_accounts(config: &Config, found: &mut Vec<Problem>) {
    let refused = match (config.capture.by, config.processor.kind) {
        (CapturedBy::Telnyx, _) => "the gateway has Telnyx take cards only",
        (CapturedBy::Vault, ProcessorKind::Stripe) => {
            "Stripe decides a debit of a bank account in days, and a call waits for seconds"
        }
        (CapturedBy::Twilio, _) | (CapturedBy::Vault, ProcessorKind::Sandbox | ProcessorKind::Tokeniser) => return,
    };
    if config.capture.bank_accounts {
        found.push(Problem::of("capture.bank_accounts", format!("{refused}; remove it")));
    }
}

/// What a carrier that takes payments needs.
fn carrier(config: &Config, found: &mut Vec<Problem>) {
    let Some(kind) = config.capture.by.carrier().filter(|_| config.capture.enabled) else { return };
    let carrier = &config.carrier;
    let needs = [
        (kind == Carrier::Twilio && carrier.account.is_none(), "carrier.account", "needed: the account's SID"),
        (carrier.token_file.is_none(), "carrier.token_file", "needed: a file with the auth token or the API key"),
        (kind == Carrier::Telnyx && carrier.key().is_none(), "carrier.public_key", "needed: 32 bytes in base64"),
        (config.api.public_url.is_none(), "api.public_url", "needed: where the carrier tells how a payment goes on"),
    ];
    for (_, key, advice) in needs.into_iter().filter(|(is_missing, ..)| *is_missing) {
        found.push(Problem::of(key, format!("{advice}; `capture.by` names a carrier")));
    }
    if !config.processor.is_sandbox() && !config.is_read_behind_carrier() {
        found.push(Problem::of(
            "processor.kind",
            "where a carrier takes payments none is submitted from here; name the `tokeniser` with a `charge_path` behind Twilio's \
             connector, where payments are then read, or remove it",
        ));
    }
    if config.written.value("processor.test_mode") == Some("true") {
        found.push(Problem::of(
            "processor.test_mode",
            "keeps no real card from a carrier: it takes them all itself; remove it, or set `capture.by = \"vault\"`",
        ));
    }
    let plain = carrier.url.as_deref().and_then(|url| url.strip_prefix("http://"));
    if plain.is_some_and(|rest| !is_loopback(rest)) {
        found.push(Problem::of("carrier.url", "would send the token in clear; write https://…"));
    }
}

fn api(api: &Api, found: &mut Vec<Problem>) {
    if api.certificate.is_some() != api.key.is_some() {
        found.push(Problem::of("api.certificate", "`api.certificate` and `api.key` go together; set both or neither"));
    }
    if api.client_ca.is_some() && api.certificate.is_none() {
        found.push(Problem::of("api.client_ca", "mutual TLS needs `api.certificate` and `api.key` too"));
    }
    if !api.listen.ip().is_loopback() && api.certificate.is_none() {
        found.push(Problem::of(
            "api.certificate",
            "needed when `api.listen` is not loopback: tokens would travel in clear",
        ));
    }
    let mut names = BTreeSet::new();
    for token in &api.token {
        if !names.insert(&token.name) || !is_name(&token.name) {
            found.push(Problem::of(
                "api.token[].name",
                format!("{:?} must be unique, of up to 40 letters, digits, `-` and `_`", token.name),
            ));
        }
        if let Err(error) = token.secret.place() {
            found.push(Problem::of("api.token[].secret", format!("token {:?}: {error}", token.name)));
        }
    }
}

fn limits(limits: &Limits, found: &mut Vec<Problem>) {
    if limits.calls == 0 {
        found.push(Problem::of("limits.calls", "no call could be taken; write at least 1"));
    }
    if limits.call_seconds.0 < 60 {
        found.push(Problem::of("limits.call_seconds", "no call could be finished; write at least 60"));
    }
    if limits.tick_lag_milliseconds.0 < 10 {
        found.push(Problem::of("limits.tick_lag_milliseconds", "no machine is so punctual; write at least 10"));
    }
}

fn deadlines(config: &Config, found: &mut Vec<Problem>) {
    let mut named: Vec<(String, u32)> = vec![
        ("speech.answer_deadline_milliseconds".into(), config.speech.answer_deadline_milliseconds.0),
        ("book.lookup_deadline_milliseconds".into(), config.book.lookup_deadline_milliseconds.0),
        ("store.commit_deadline_milliseconds".into(), config.store.commit_deadline_milliseconds.0),
        ("api.request_deadline_milliseconds".into(), config.api.request_deadline_milliseconds.0),
    ];
    let agents = config.agent.iter();
    named.extend(agents.map(|(name, agent)| {
        (format!("agent.{name}.connect_deadline_milliseconds"), agent.connect_deadline_milliseconds.0)
    }));
    for (key, milliseconds) in named {
        if !(10..=60_000).contains(&milliseconds) {
            found.push(Problem::of(key, format!("{milliseconds} is no workable deadline; write 10 to 60000")));
        }
    }
    if config.speech.recognisers == 0 || config.speech.synthesisers == 0 {
        found.push(Problem::of("speech.recognisers", "at least one recogniser and one synthesiser are needed"));
    }
}

fn listeners(config: &Config, found: &mut Vec<Problem>) {
    let mut taken: Vec<(SocketAddr, &str)> = Vec::new();
    let tcp = config.sip.tcp.iter().map(|listen| (*listen, "sip.tcp"));
    let http = [(config.operations.listen, "operations.listen"), (config.api.listen, "api.listen")];
    let sandbox = (config.capture.enabled && config.processor.is_sandbox())
        .then_some((config.processor.sandbox_address(), "processor.address"));
    for (listen, key) in tcp.chain(http).chain(sandbox) {
        if let Some((_, other)) = taken.iter().find(|(other, _)| listen.port() != 0 && *other == listen) {
            found.push(Problem::of(key, format!("{listen} is already taken by `{other}`; use another port")));
        }
        taken.push((listen, key));
    }
}

fn is_name(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
