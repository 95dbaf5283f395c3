//! `tonegate check`: everything that would stop a call, without taking one.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use backends::{
    processor::Processor,
    salesforce::SalesforceError,
    store::{Health, HealthProblem},
};
use book::{
    import::Report,
    salesforce::{self, describe::Weight},
};
use call::conditions;
use tokio_util::sync::CancellationToken;

use crate::{
    admin::Readiness,
    api,
    config::{self, Book, BookKind, Config},
    failure, health, parts, processor, secrets, speech, startup,
};

/// Where an administrator finds what a refusal of an org means.
const GUIDE: &str = "deploy/salesforce/README.md says what to look at";

/// One thing that was looked at.
struct Finding {
    what: String,
    problem: Option<String>,
}

/// Checks, prints a line for each, and fails where one fails.
pub(crate) fn check(path: &Path) -> Result<()> {
    let config = Config::load(path)?;
    startup::install_tls();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(look(&config));
    let mut output = std::io::stdout().lock();
    for remark in remarks(&config) {
        writeln!(output, "note     {remark}")?;
    }
    for finding in &findings {
        match &finding.problem {
            None => writeln!(output, "ok       {}", finding.what)?,
            Some(problem) => writeln!(output, "failing  {}: {problem}", finding.what)?,
        }
    }
    let failing = findings.iter().filter(|finding| finding.problem.is_some()).count();
    if failing > 0 {
        bail!("{failing} of {} checks fail", findings.len());
    }
    Ok(())
}

async fn look(config: &Config) -> Vec<Finding> {
    let secrets = api::Bearers::read(&config.api.token)
        .map(drop)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    let zone = jiff::tz::TimeZone::get(&config.business.time_zone).map(drop).map_err(|error| error.to_string());
    let is_early = jiff::Timestamp::now() < health::MADE_AFTER;
    let clock = if is_early { Err("the clock is before this program was made".to_owned()) } else { Ok(()) };
    let mut findings = vec![
        finding("configuration", Ok(())),
        finding("clock", clock),
        finding("time-zone data", zone),
        finding("tokens of the interface", secrets),
        finding("certificate of the interface", api::Tls::of(&config.api).map(drop).map_err(|error| error.to_string())),
        finding("agents", parts::servers(config).map(drop).map_err(|error| failure::told(&error))),
        finding("SIP addresses", sockets(config)),
        finding("media address", media(config)),
        finding("HTTP addresses", listeners(config)),
        finding("payment processor", cards(config)),
    ];
    if config.speech.models.is_some() {
        findings.push(finding("speech models", speech::find(config)));
    }
    if config.book.kind == BookKind::Salesforce {
        findings.extend(org(&config.book).await);
    }
    let opened = finding("account book, store, speech, vault", opened(config).await);
    if !is_told(&findings, &opened) {
        findings.push(opened);
    }
    if config.capture.enabled {
        findings.extend(captures(config).await);
    }
    findings
}

/// Whether something fails for a reason that was given before.
fn is_told(findings: &[Finding], last: &Finding) -> bool {
    let before = findings.iter().filter_map(|finding| finding.problem.as_ref());
    last.problem.as_ref().is_some_and(|problem| before.into_iter().any(|before| problem.contains(before)))
}

/// Whether the org lets the gateway in and has what the mapping says. What merely should be looked at fails nothing.
async fn org(book: &Book) -> Vec<Finding> {
    let compared = match parts::compared(book).await {
        Ok(compared) => compared,
        Err(error) => return vec![finding("Salesforce", Err(refusal(&error)))],
    };
    let parts::Compared { is_asked, findings, is_open } = compared;
    let told = |found: &salesforce::Finding| match found.weight {
        Weight::Stops | Weight::StopsAssignments => finding("Salesforce", Err(found.to_string())),
        Weight::Warns => Finding { what: format!("Salesforce, {found}"), problem: None },
    };
    let open = is_open.then(|| finding("Salesforce lets assignments be subscribed to", Ok(())));
    let signed_in = if is_asked { "Salesforce signs in and describes" } else { "Salesforce signs in" };
    std::iter::once(finding(signed_in, Ok(()))).chain(open).chain(findings.iter().map(told)).collect()
}

/// Why an org could not be compared. A setting's line says itself what to look at, and others that need it say the same.
fn refusal(error: &anyhow::Error) -> String {
    let told = failure::told(error);
    match error.chain().find_map(|cause| cause.downcast_ref::<SalesforceError>()) {
        None | Some(SalesforceError::Setting(_) | SalesforceError::File { .. }) => told,
        Some(_) => format!("{told}; {GUIDE}"),
    }
}

/// What works, but had better be known: recordings in clear, secrets that others can read, and what the account book would leave
/// out or find odd, row by row.
/// The log of `serve` says the same.
fn remarks(config: &Config) -> Vec<String> {
    // What cannot be read at all is a finding.
    let reports = parts::imports(&config.book).map(|imports| imports.reports).unwrap_or_default();
    let clear = config.recording.is_in_clear().then(|| parts::CLEAR.to_owned());
    let lines = |(file, report): &(PathBuf, Report)| {
        let out = report.problems.iter().map(|problem| format!("{}: left out: {problem}", file.display()));
        let odd = report.warnings.iter().map(|warning| format!("{}: odd: {warning}", file.display()));
        out.chain(odd).collect::<Vec<_>>()
    };
    clear.into_iter().chain(secrets::exposed(config)).chain(reports.iter().flat_map(lines)).collect()
}

fn finding(what: &'static str, result: Result<(), String>) -> Finding {
    Finding { what: what.to_owned(), problem: result.err() }
}

/// Whether cards can be taken of each trunk's calls: as its calls may come, on this machine.
async fn captures(config: &Config) -> Vec<Finding> {
    health::host::harden();
    // What fails of the vault is a finding of its own.
    let host = health::host::look(true).await;
    let of_trunk = |trunk: &config::Trunk| {
        let missing = conditions::unmet(&parts::line(config, trunk), &host);
        let advice: Vec<_> = missing.iter().map(|unmet| unmet.advice()).collect();
        let problem = (!advice.is_empty()).then(|| format!("every capture is refused: {}", advice.join("; ")));
        Finding { what: format!("captures of trunk {:?}", trunk.name), problem }
    };
    config.trunk.iter().map(of_trunk).collect()
}

/// Whether the SIP addresses can be bound. A gateway that runs holds them: then this says so.
fn sockets(config: &Config) -> Result<(), String> {
    for address in &config.sip.udp {
        std::net::UdpSocket::bind(address).map_err(|error| format!("UDP {address}: {error}"))?;
    }
    for address in &config.sip.tcp {
        std::net::TcpListener::bind(address).map_err(|error| format!("TCP {address}: {error}"))?;
    }
    Ok(())
}

/// Whether the operations listener and the interface can be bound.
fn listeners(config: &Config) -> Result<(), String> {
    for (key, address) in [("operations.listen", config.operations.listen), ("api.listen", config.api.listen)] {
        std::net::TcpListener::bind(address).map_err(|error| format!("{key} {address}: {error}"))?;
    }
    Ok(())
}

/// Whether cards could be charged with the keys and certificates that are named.
fn cards(config: &Config) -> Result<(), String> {
    // The sandbox makes its own as it is opened.
    if !config.capture.enabled || config.processor.is_sandbox() {
        return Ok(());
    }
    let options = processor::options(config).map_err(|error| failure::told(&error))?;
    Processor::new(&options).map(drop).map_err(|error| error.to_string())
}

/// Whether calls' audio can be bound to this machine's address.
fn media(config: &Config) -> Result<(), String> {
    let address = config.media.address;
    match std::net::UdpSocket::bind((address, 0)) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("media.address {address}: {error}; name an address that this machine has")),
    }
}

/// Opens everything behind the calls, waits for the vault and the processor, and closes it again.
async fn opened(config: &Config) -> Result<(), String> {
    let stop = CancellationToken::new();
    let bearers = api::Bearers::read(&[]).map_err(|_| "no key for tokens".to_owned())?;
    let opened =
        parts::open(config, bearers.into(), String::new(), Readiness::new().into(), "check", stop.clone()).await;
    let result = match &opened {
        Ok(parts) => match *parts.store.health().borrow() {
            Health::Bad(HealthProblem::LowSpace) => Err("less than limits.disk_free_megabytes are free".to_owned()),
            Health::Good | Health::Bad(_) => parts::reachable(parts).await,
        },
        Err(error) => Err(failure::told(error)),
    };
    stop.cancel();
    if let Ok(parts) = opened {
        parts.shipping.close().await;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_keeps_cards_from_being_taken_is_said_trunk_by_trunk() {
        let text = "[media]\naddress = \"192.0.2.10\"\n[[trunk]]\nname = \"bare\"\npeers = [\"198.51.100.1\"]\n\
                    [[trunk]]\nname = \"leased\"\npeers = [\"198.51.100.2\"]\nprivate_line = \"Jo Field: leased line\"\n\
                    [[trunk]]\nname = \"srtp\"\npeers = [\"198.51.100.3\"]\nsrtp = \"required\"\n";
        let findings = captures(&Config::parse(text).unwrap()).await;
        let told =
            |at: usize, words: &str| findings[at].problem.as_deref().is_some_and(|problem| problem.contains(words));
        assert_eq!(findings[0].what, "captures of trunk \"bare\"");
        assert!(told(0, "trunk[].private_line") && told(2, "keys of SRTP come in clear"), "{:?}", findings[0].problem);
        assert!(!told(1, "private_line"), "the line of the second is attested");
        let local = captures(&Config::default()).await;
        assert!(local.iter().all(|finding| finding.problem.is_none()), "calls on this machine are exempt");
    }

    #[test]
    fn rows_that_would_be_left_out_are_said() {
        let directory = tempfile::tempdir().unwrap();
        let accounts = directory.path().join("accounts.csv");
        let header = book::import::ACCOUNT_COLUMNS.join(",");
        std::fs::write(&accounts, format!("{header}\r\ntoo,short\r\n")).unwrap();
        let mut config = Config::default();
        config.book.accounts = Some(accounts.clone());
        let remarks = remarks(&config);
        assert_eq!(remarks.len(), 2, "{remarks:?}");
        assert!(remarks[0].starts_with("recordings lie in clear"), "{remarks:?}");
        assert!(remarks[1].starts_with(&format!("{}: left out: line 2: ", accounts.display())), "{remarks:?}");
    }

    #[test]
    fn a_secret_that_others_can_read_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("key.pem");
        std::fs::write(&key, "a key").unwrap();
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let mut config = Config::default();
        (config.book.accounts, config.book.key_file) = (None, Some(key));
        let said = remarks(&config);
        assert!(said.iter().any(|line| line.starts_with("book.key_file: ") && line.contains("chmod 600")), "{said:?}");
    }

    #[test]
    fn what_was_told_is_not_told_again_and_the_rest_is() {
        let fails = |problem: &str| finding("something", Err(problem.to_owned()));
        let before = [finding("configuration", Ok(())), fails("book.ca: no authority")];
        assert!(is_told(&before, &fails("book.ca: no authority")));
        assert!(is_told(&before, &fails("the account book: book.ca: no authority")));
        assert!(!is_told(&before, &fails("the vault does not become ready")));
        assert!(!is_told(&before, &finding("something", Ok(()))));
    }
}
