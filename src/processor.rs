//! The processor and the vault's link to it, as the configuration names them. What could send a card to the wrong place
//! stops the start.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use backends::{
    processor::{ProcessorKind as Kind, ProcessorOptions},
    vault::{Shape, VaultOptions},
};

use crate::config::{Config, Processor, ProcessorKind};

/// Where the system keeps the authorities that it trusts.
const SYSTEM_AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Stripe's name, and what its secret keys begin with.
const STRIPE: &str = "api.stripe.com";
const LIVE_KEYS: [&str; 2] = ["sk_live_", "rk_live_"];
const TEST_KEYS: [&str; 2] = ["sk_test_", "rk_test_"];

/// How the gateway speaks to the processor.
///
/// # Errors
/// A file that is not there, that others can read, or that does not belong to the mode.
pub(crate) fn options(config: &Config) -> Result<ProcessorOptions> {
    let processor = &config.processor;
    let authority = authority(processor)?;
    let token = match (&processor.key_file, processor.kind) {
        (Some(file), _) => Some(file.clone()),
        (None, ProcessorKind::Sandbox) => Some(authority.with_file_name("token")),
        (None, ProcessorKind::Stripe | ProcessorKind::Tokeniser) => None,
    };
    if let Some(file) = &processor.key_file {
        check_key(processor, file).context("processor.key_file")?;
    }
    let client = processor.client_certificate.clone().zip(processor.client_key.clone());
    if let Some((_, key)) = &client {
        check_private(key).context("processor.client_key")?;
    }
    let is_sandbox = processor.is_sandbox();
    Ok(ProcessorOptions {
        kind: match processor.kind {
            ProcessorKind::Sandbox => Kind::Sandbox,
            ProcessorKind::Stripe => {
                Kind::Stripe { account: processor.account.clone(), keep_card: processor.keep_card }
            }
            ProcessorKind::Tokeniser => Kind::Tokeniser { charge_path: processor.charge_path.clone() },
        },
        name: name(processor),
        address: if is_sandbox { Some(processor.sandbox_address()) } else { processor.address },
        authority,
        token,
        client,
        path: match processor.kind {
            ProcessorKind::Sandbox => "/v1/payments".to_owned(),
            ProcessorKind::Stripe => "/v1/payment_methods".to_owned(),
            ProcessorKind::Tokeniser => processor.tokenise_path.clone().unwrap_or_else(|| "/v1/tokens".to_owned()),
        },
        is_test: processor.test_mode,
        answer_within: processor.answer_deadline_seconds.duration(),
    })
}

/// How the vault is started for it.
pub(crate) fn vault(config: &Config, program: PathBuf, processor: ProcessorOptions) -> VaultOptions {
    VaultOptions {
        program,
        shape: match config.processor.kind {
            ProcessorKind::Sandbox => Shape::Sandbox,
            ProcessorKind::Stripe => Shape::Stripe,
            ProcessorKind::Tokeniser => Shape::Tokeniser,
        },
        account: config.processor.account.clone(),
        client: processor.client.clone(),
        canary: config.capture.canary,
        test_numbers: config.processor.test_mode,
        processor,
    }
}

/// The name in its certificate.
pub(crate) fn name(processor: &Processor) -> String {
    let usual = match processor.kind {
        ProcessorKind::Sandbox | ProcessorKind::Tokeniser => "processor.localhost",
        ProcessorKind::Stripe => STRIPE,
    };
    processor.name.clone().unwrap_or_else(|| usual.to_owned())
}

fn authority(processor: &Processor) -> Result<PathBuf> {
    if let Some(file) = processor.authority() {
        return Ok(file);
    }
    let system = SYSTEM_AUTHORITIES.iter().map(Path::new).find(|file| file.is_file());
    system.map(Path::to_owned).context("the system has no list of authorities; name one in processor.ca")
}

/// Whether a key is for its owner alone, and belongs to the mode.
fn check_key(processor: &Processor, file: &Path) -> Result<()> {
    check_private(file)?;
    if processor.kind != ProcessorKind::Stripe {
        return Ok(());
    }
    let key = zeroize::Zeroizing::new(fs::read_to_string(file).context("cannot be read")?);
    let is_of = |kinds: [&str; 2]| kinds.iter().any(|kind| key.trim_start().starts_with(kind));
    match (is_of(LIVE_KEYS), is_of(TEST_KEYS), processor.test_mode) {
        (true, _, true) => bail!("holds a live key, but processor.test_mode is on; use a test key, or turn it off"),
        (_, true, false) => bail!("holds a test key, but processor.test_mode is off; real cards must not go there"),
        (false, false, _) => bail!("holds no secret key of Stripe; those begin with sk_ or rk_"),
        (true, _, false) | (_, true, true) => Ok(()),
    }
}

fn check_private(file: &Path) -> Result<()> {
    let shown = file.display();
    let metadata = fs::metadata(file).with_context(|| format!("cannot read {shown}"))?;
    if !metadata.is_file() {
        bail!("{shown} is no file");
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        bail!("others can read {shown}; take it from them with `chmod 600`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(kind: ProcessorKind, key: &Path, test_mode: bool) -> Config {
        let processor = Processor {
            kind,
            key_file: Some(key.to_owned()),
            ca: Some("ca.pem".into()),
            test_mode,
            ..Processor::default()
        };
        Config { processor, ..Config::default() }
    }

    fn key(directory: &Path, text: &str, mode: u32) -> PathBuf {
        let file = directory.join("key");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn a_key_belongs_to_its_mode_and_to_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let stripe = ProcessorKind::Stripe;
        for (kind, text, mode, test_mode, expected) in [
            (stripe, "sk_test_abc", 0o600, true, None),
            (stripe, "rk_live_abc", 0o400, false, None),
            (ProcessorKind::Tokeniser, "whatever", 0o600, false, None),
            (stripe, "sk_live_abc", 0o600, true, Some("a live key")),
            (stripe, "sk_test_abc", 0o600, false, Some("a test key")),
            (stripe, "pk_test_abc", 0o600, true, Some("no secret key")),
            (stripe, "sk_test_abc", 0o640, true, Some("others can read")),
            (ProcessorKind::Tokeniser, "whatever", 0o604, true, Some("others can read")),
        ] {
            let file = key(directory.path(), text, mode);
            let told = options(&config(kind, &file, test_mode)).err().map(|error| format!("{error:#}"));
            match expected {
                None => assert_eq!(told, None, "{kind:?} {mode:o}"),
                Some(words) => {
                    let told = told.expect("a refusal");
                    assert!(told.starts_with("processor.key_file: ") && told.contains(words), "{told}");
                    assert!(!told.contains("abc"), "the key is in the error");
                }
            }
            fs::remove_file(file).unwrap();
        }
        let absent = options(&config(stripe, &directory.path().join("absent"), true)).err().unwrap();
        assert!(format!("{absent:#}").contains("cannot read"), "{absent:#}");
    }

    #[test]
    fn each_kind_has_its_name_and_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let file = key(directory.path(), "sk_test_abc", 0o600);
        let of = |kind| options(&config(kind, &file, true)).unwrap();
        let sandbox = options(&Config::default()).unwrap();
        assert_eq!((sandbox.name.as_str(), sandbox.path.as_str()), ("processor.localhost", "/v1/payments"));
        assert_eq!(sandbox.token, Some("var/processor/token".into()));
        let stripe = of(ProcessorKind::Stripe);
        assert_eq!((stripe.name.as_str(), stripe.path.as_str(), stripe.address), (STRIPE, "/v1/payment_methods", None));
        assert_eq!(of(ProcessorKind::Tokeniser).path, "/v1/tokens");
    }
}
