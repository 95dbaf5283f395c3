//! The audit chain of a configuration: its key, its run, its checkpoints; and `tonegate audit`.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use backends::{
    audit::{self, Collector, Evidence, Instance, Shipping, ShippingOptions, Signer, Summary, Verifier, to_hex},
    store::Store,
};
use secrecy::SecretString;
use uuid::Uuid;

use crate::{
    arguments::VerifyOptions,
    config::{Config, SecretSource},
};

/// The key that signs the chain; made where there is none.
pub(crate) fn signer(config: &Config) -> Result<Signer> {
    let (path, node) = (config.audit_key(), &config.audit.node);
    if !path.exists() {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)
                .with_context(|| format!("audit.key: cannot make the directory {}", directory.display()))?;
        }
        let signer = Signer::create(node, &path).context("audit.key")?;
        tracing::warn!(key = %signer.verifier(), "a key for the audit chain is made; keep its public half elsewhere");
        return Ok(signer);
    }
    let signer = Signer::read(&path).context("audit.key")?;
    let named = signer.verifier().name();
    if named != node {
        bail!(
            "audit.key: the key in {} is of {named:?}, but audit.node is {node:?}; make a key for it",
            path.display()
        );
    }
    Ok(signer)
}

/// This run of a program, which the chain will name.
pub(crate) fn instance(config: &Config, signer: &Signer, program: &'static str) -> Instance {
    let node = config.audit.node.clone();
    let predecessor = audit::newest(&config.checkpoints(), &node, signer.verifier());
    Instance { node, id: Uuid::now_v7(), program, version: env!("CARGO_PKG_VERSION"), predecessor }
}

/// Begins to make and ship checkpoints.
pub(crate) fn ship(config: &Config, store: Store, instance: Uuid) -> Result<Shipping> {
    let section = &config.audit;
    let token = |file: &PathBuf| SecretSource { env: None, file: Some(file.clone()) }.read();
    let token: Option<SecretString> =
        section.ship_token_file.as_ref().map(token).transpose().context("audit.ship_token_file")?;
    let collector = section.ship_to.clone().zip(section.ship_ca.clone());
    Ok(Shipping::start(
        store,
        ShippingOptions {
            node: section.node.clone(),
            instance,
            directory: config.checkpoints(),
            collector: collector.map(|(url, authority)| Collector { url, authority, token }),
            every: section.checkpoint_seconds.duration(),
            records: u64::from(section.checkpoint_records),
        },
    )?)
}

/// Something is wrong with the chain or a checkpoint, and has been named.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Broken(String);

/// `tonegate audit verify`.
pub(crate) fn verify(options: &VerifyOptions) -> Result<()> {
    let config = options.is_configured().then(|| Config::load(&options.config)).transpose()?;
    let store = match (&options.store, &config) {
        (Some(store), _) => store.clone(),
        (None, Some(config)) => config.store.database.clone(),
        (None, None) => bail!("name a store with --store, or a configuration with --config"),
    };
    let keys = match (options.key.as_slice(), &config) {
        ([], Some(config)) => own_key(&config.audit_key())?,
        (files, _) => keys(files)?,
    };
    let directories = match (options.checkpoints.as_slice(), &config) {
        ([], Some(config)) => Some(config.checkpoints()).filter(|directory| directory.exists()).into_iter().collect(),
        (directories, _) => directories.to_vec(),
    };
    for directory in &options.checkpoints {
        ensure!(holds_checkpoints(directory)?, "--checkpoints {}: it holds no file *.checkpoints", directory.display());
    }
    let verified = Evidence::gather(keys, &directories).and_then(|evidence| audit::verify(&store, &evidence));
    let summary = verified.map_err(|error| match error {
        error if error.is_bad() => anyhow::Error::new(Broken(format!("{}: {error}", store.display()))),
        error => anyhow::Error::new(error).context(format!("the audit chain of {}", store.display())),
    })?;
    let own = options.checkpoints.is_empty() || options.key.is_empty();
    io::stdout().lock().write_all(told(&summary, own).as_bytes())?;
    Ok(())
}

/// Whether a directory that somebody named is one of checkpoints.
fn holds_checkpoints(directory: &Path) -> Result<bool> {
    let entries = fs::read_dir(directory).with_context(|| format!("--checkpoints {}", directory.display()))?;
    let is_such = |entry: fs::DirEntry| entry.path().extension().is_some_and(|kind| kind == "checkpoints");
    Ok(entries.flatten().any(is_such))
}

/// The public half of the gateway's own key, where it has one yet.
fn own_key(path: &Path) -> Result<Vec<Verifier>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    Ok(vec![Signer::read(path).context("audit.key")?.verifier().clone()])
}

/// The public keys in some files, one a line; lines that begin with `#` are remarks.
pub(crate) fn keys(files: &[PathBuf]) -> Result<Vec<Verifier>> {
    let mut keys = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            keys.push(line.parse().with_context(|| file.display().to_string())?);
        }
    }
    Ok(keys)
}

/// What was verified, what should be known, and what could not be verified.
fn told(summary: &Summary, own: bool) -> String {
    let Summary { records, calls, runs, head, checkpoints, covered, remarks, is_signed } = summary;
    let many = |count: &u64, one: &str| format!("{count} {one}{}", if *count == 1 { "" } else { "s" });
    let mut lines = vec![format!(
        "{} of {} in {} of the gateway, unbroken, head {}",
        many(records, "record"),
        many(calls, "call"),
        many(runs, "run"),
        to_hex(head)
    )];
    let signed = if *is_signed == Some(true) { "the head is signed" } else { "no key was given for the head" };
    lines.push(match covered {
        Some((covered, at)) => {
            format!(
                "{} agree; the newest{} covers {covered} records, {at}; {signed}",
                many(checkpoints, "checkpoint"),
                if own { "" } else { " from outside" }
            )
        }
        None => format!("{} agree, none of them from outside the store; {signed}", many(checkpoints, "checkpoint")),
    });
    lines.extend(remarks.iter().map(|remark| format!("note: {remark}")));
    let covered = covered.map_or(0, |(covered, _)| covered);
    if covered < *records {
        lines.push(format!(
            "NOT VERIFIED from outside: {}, which no checkpoint has seen; whoever held both the store and the key can have \
             changed or cut them off",
            if covered + 1 == *records { format!("record {records}") } else { format!("records {} to {records}", covered + 1) }
        ));
    }
    if own {
        lines.push(
            "NOT VERIFIED from outside: key or checkpoints are this machine's own; give --key and --checkpoints that were kept \
             elsewhere"
                .to_owned(),
        );
    }
    lines.push(String::new());
    lines.join("\n")
}

/// `tonegate audit key`: prints the public key of the configured gateway, as `--key` takes it.
pub(crate) fn print_key(config: &Path) -> Result<()> {
    let config = Config::load(config)?;
    let signer = Signer::read(&config.audit_key()).context("audit.key")?;
    writeln!(io::stdout().lock(), "{}", signer.verifier())?;
    Ok(())
}

/// The exit status for an error: 3 where the chain is broken, 1 otherwise.
pub(crate) fn status(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<Broken>().is_some() { 3 } else { 1 }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_could_not_be_verified_is_said() {
        let mut summary = Summary {
            records: 12,
            calls: 1,
            runs: 2,
            head: [7; 32],
            is_signed: Some(true),
            checkpoints: 3,
            covered: Some((10, Timestamp::UNIX_EPOCH)),
            remarks: Vec::new(),
        };
        let text = told(&summary, false);
        assert!(text.starts_with("12 records of 1 call in 2 runs of the gateway, unbroken, head 0707"), "{text}");
        assert!(text.contains("NOT VERIFIED from outside: records 11 to 12,"), "{text}");
        summary.covered = Some((12, Timestamp::UNIX_EPOCH));
        assert!(!told(&summary, false).contains("NOT VERIFIED"));
        assert!(told(&summary, true).contains("this machine's own"));
        summary.covered = None;
        assert!(told(&summary, false).contains("records 1 to 12"));
    }

    #[test]
    fn a_key_is_made_once_and_read_ever_after() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.store.database = directory.path().join("store.db");
        let made = signer(&config).unwrap().verifier().clone();
        assert_eq!(*signer(&config).unwrap().verifier(), made);
        assert!(config.audit_key().starts_with(directory.path()));
        config.audit.node = "other".to_owned();
        assert!(signer(&config).unwrap_err().to_string().contains("audit.node is \"other\""));
    }
}
