//! What takes cards: the vault with the processor it submits to, or the carrier in its place.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use backends::{
    audit::Entry,
    carrier::{CarrierLink, CarrierOptions},
    child,
    processor::{Processor, ProcessorError},
    store::{Store, Write},
    vault::{Told, VaultLink},
};
use call::carrier::Carrier;
use jiff::Timestamp;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::Parts;
use crate::{config::Config, processor, sandbox::certificate::Files, services::Cashier};

/// The `child` label of the sandbox processor.
const SANDBOX: &str = "sandbox_processor";
/// How long children may take to be ready.
const CHILDREN: Duration = Duration::from_secs(5);
/// How soon a processor that does not answer yet is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// The vault, and who charges or reads what came of a capture.
type Capture = (Option<VaultLink>, Option<Cashier>);

/// Starts the vault and opens the way to the processor; where a carrier takes the cards, that to what lies behind it. `stop` ends
/// the children, whose keepers are put into `tasks`.
pub(super) fn open(
    config: &Config,
    store: &Store,
    stop: &CancellationToken,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Result<Capture> {
    if !config.capture.enabled {
        return Ok((None, None));
    }
    if let Some(carrier) = config.capture.by.carrier() {
        return Ok((None, open_reading(config, carrier, store)?));
    }
    if config.processor.is_sandbox() {
        tasks.push(start_sandbox(config, stop.clone())?);
    }
    let options = processor::options(config)?;
    let cashier = Cashier::new(store.clone(), Arc::new(Processor::new(&options)?));
    let options = processor::vault(config, vault_program(config)?, options);
    let (link, told, task) = VaultLink::start(options, stop.clone());
    tasks.extend([task, tokio::spawn(tell(told, store.clone()))]);
    Ok((Some(link), Some(cashier)))
}

/// The endpoint behind the carrier's connector, where one is named that can be read.
fn open_reading(config: &Config, carrier: Carrier, store: &Store) -> Result<Option<Cashier>> {
    if !config.is_read_behind_carrier() {
        return Ok(None);
    }
    let processor = Arc::new(Processor::new(&processor::options(config)?)?);
    Ok(Some(Cashier::behind(store.clone(), processor, carrier)))
}

/// The way to the carrier, where it takes payments.
pub(super) fn carrier(config: &Config, interface: &str) -> Result<Option<Arc<CarrierLink>>> {
    let Some(carrier) = config.capture.by.carrier().filter(|_| config.capture.enabled) else { return Ok(None) };
    let api = &config.carrier;
    let options = CarrierOptions {
        carrier,
        url: api.base(carrier),
        account: api.account.clone().unwrap_or_default(),
        token: api.token().context("carrier.token_file")?,
        public_key: api.key(),
        connector: api.connector.clone(),
        authority: api.ca.clone(),
        callbacks: interface.to_owned(),
    };
    Ok(Some(Arc::new(CarrierLink::new(options).context("carrier.ca")?)))
}

/// Whether the vault is ready and the processor answers, within a few seconds.
pub(crate) async fn reachable(parts: &Parts) -> Result<(), String> {
    if let Some(mut vault) = parts.backends.vault.clone() {
        tokio::time::timeout(CHILDREN, vault.ready())
            .await
            .map_err(|_| "the vault does not become ready".to_owned())?;
    }
    let Some(cashier) = &parts.backends.cashier else { return Ok(()) };
    let last = std::cell::Cell::new(ProcessorError::Unreachable);
    let asked = async {
        // The sandbox may still be starting; who refuses the key or shows another certificate will go on doing so.
        loop {
            match cashier.processor().reach().await {
                Err(error @ (ProcessorError::Refused(_) | ProcessorError::Untrusted)) => return Err(error.to_string()),
                Err(error) => last.set(error),
                Ok(()) => return Ok(()),
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    tokio::time::timeout(CHILDREN, asked).await.unwrap_or_else(|_| Err(last.get().to_string()))
}

/// Starts the sandbox processor as a child of its own, with a certificate and a token made at the first start.
fn start_sandbox(config: &Config, stop: CancellationToken) -> Result<JoinHandle<()>> {
    let sandbox = &config.processor;
    let authority = sandbox.authority().unwrap_or_default();
    let directory = authority.parent().unwrap_or(Path::new(".")).to_owned();
    let files = Files::ensure(&directory, &processor::name(sandbox))?;
    let (program, listen) = (std::env::current_exe()?, sandbox.sandbox_address());
    Ok(tokio::spawn(async move {
        child::supervise(SANDBOX, stop.clone(), || {
            let mut command = tokio::process::Command::new(&program);
            command.arg("sandbox-processor").arg("--listen").arg(listen.to_string());
            command.arg("--certificate").arg(&files.certificate).arg("--key").arg(&files.key);
            command.arg("--token").arg(&files.token).arg("--state").arg(directory.join("payments"));
            // What its libraries free of a card is overwritten, as in the vault.
            command.env("GLIBC_TUNABLES", "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0");
            let stop = stop.clone();
            async move { child::run(SANDBOX, &mut command, &stop).await }
        })
        .await;
    }))
}

/// The vault's executable: the configured one, or the one beside this program.
fn vault_program(config: &Config) -> Result<PathBuf> {
    if let Some(program) = &config.capture.vault {
        return Ok(program.clone());
    }
    let here = std::env::current_exe().context("cannot find this program's own path")?;
    let program = here.with_file_name("tonegate-vault");
    if !program.exists() {
        bail!("{} is missing; build it, or name it in capture.vault", program.display());
    }
    Ok(program)
}

/// Puts the key of each vault into the audit chain, and its wipes into the log.
async fn tell(mut told: mpsc::Receiver<Told>, store: Store) {
    while let Some(told) = told.recv().await {
        match told {
            Told::Ready(vault) => {
                let entry = Entry::vault_started(Timestamp::now(), &vault.build, &vault.public_key);
                if let Err(error) = store.persist(vec![Write::Audit(entry)]).await {
                    tracing::error!(%error, "the key of a vault is not in the audit chain");
                }
            }
            Told::Wiped(record) => {
                let (sequence, cause) = (record.sequence, record.cause.name());
                tracing::info!(sequence, cause, "the vault has wiped a card, and signed that");
            }
        }
    }
}
