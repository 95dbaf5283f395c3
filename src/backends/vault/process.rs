//! One life of the vault's process, from its start to its end.

use std::{io, process::Stdio, sync::Arc, time::Duration};

use gate::wire::{ControlFromVault, ControlToVault, WipeRecord};
use ring::signature::{ED25519, UnparsedPublicKey};
use tokio::{
    process::Child,
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{CHILD, Identity, Live, PING, READY, Told, VaultOptions, control};
use crate::child::{self, ExitReason, Up};

/// With so many pings unanswered the vault counts as hung, when the next one is due.
const PINGS_LOST: u32 = 3;
/// Has the C library overwrite memory as it is freed: a net below the vault's own wiping.
const TUNABLES: &str = "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0";

/// What every life of the vault has in common.
pub(super) struct Runner {
    pub(super) options: VaultOptions,
    pub(super) live: watch::Sender<Option<Arc<Live>>>,
    pub(super) records: mpsc::Sender<Told>,
    pub(super) stop: CancellationToken,
}

impl Runner {
    /// Starts the vault and serves its control socket until it is gone.
    pub(super) async fn run(&self) -> ExitReason {
        let (process, control) = match self.spawn() {
            Ok(spawned) => spawned,
            Err(error) => {
                tracing::error!(%error, "vault does not start");
                return ExitReason::Start;
            }
        };
        let ended = self.serve(control, process.id().unwrap_or_default()).await;
        self.live.send_replace(None);
        match ended {
            ExitReason::Hung | ExitReason::Protocol => kill(process).await,
            ExitReason::Start | ExitReason::Exit => child::leave(CHILD, process).await,
        }
        ended
    }

    fn spawn(&self) -> io::Result<(Child, control::Control)> {
        let (ours, theirs) = control::socket_pair()?;
        let mut command = child::deaf(&self.options.program);
        command.env_clear().env("GLIBC_TUNABLES", TUNABLES).kill_on_drop(true);
        #[cfg(feature = "sabotage")]
        command.envs(std::env::var_os(frame::SABOTAGE).map(|fault| (frame::SABOTAGE, fault)));
        let processor = &self.options.processor;
        command.arg("--processor-name").arg(&processor.name);
        command.arg("--processor-ca").arg(&processor.authority);
        if let Some(token) = &processor.token {
            command.arg("--processor-token").arg(token);
        }
        command.arg("--processor-path").arg(&processor.path);
        command.arg("--answer-seconds").arg(processor.answer_within.as_secs().to_string());
        command.arg("--shape").arg(self.options.shape.name());
        if let Some(account) = &self.options.account {
            command.arg("--processor-account").arg(account);
        }
        if let Some((certificate, key)) = &self.options.client {
            command.arg("--client-certificate").arg(certificate).arg("--client-key").arg(key);
        }
        for (is_wanted, option) in [(self.options.canary, "--canary"), (self.options.test_numbers, "--test-numbers")] {
            if is_wanted {
                command.arg(option);
            }
        }
        let process = command.stdin(Stdio::from(theirs)).stdout(Stdio::null()).spawn()?;
        Ok((process, control::Control::new(ours)?))
    }

    async fn serve(&self, control: control::Control, process: u32) -> ExitReason {
        let identity = match timeout(READY, control.receive()).await {
            Ok(Ok(Some(ControlFromVault::Ready { build, public_key }))) => Identity { process, build, public_key },
            Ok(Ok(Some(ControlFromVault::Wiped(_) | ControlFromVault::Pong)) | Err(_)) => return ExitReason::Protocol,
            Ok(Ok(None)) => return ExitReason::Start,
            Err(_) => return ExitReason::Hung,
        };
        let mut witness = Witness { key: UnparsedPublicKey::new(&ED25519, identity.public_key.to_vec()), sequence: 0 };
        let _up = Up::now(CHILD);
        self.deliver(Told::Ready(identity.clone()));
        let live = Arc::new(Live { control, identity });
        self.live.send_replace(Some(Arc::clone(&live)));
        self.watch(&live.control, &mut witness).await
    }

    async fn watch(&self, control: &control::Control, witness: &mut Witness) -> ExitReason {
        let mut pings = interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unanswered = 0;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return ExitReason::Exit,
                _ = pings.tick() => {
                    if unanswered >= PINGS_LOST || control.send(&ControlToVault::Ping, None).is_err() {
                        return ExitReason::Hung;
                    }
                    unanswered += 1;
                }
                received = control.receive() => match received {
                    Ok(Some(ControlFromVault::Pong)) => unanswered = 0,
                    Ok(Some(ControlFromVault::Wiped(record))) if witness.accepts(&record) => self.deliver(Told::Wiped(record)),
                    Ok(Some(ControlFromVault::Wiped(_) | ControlFromVault::Ready { .. })) | Err(_) => {
                        metrics::counter!("tonegate_control_failures_total", "control" => "vault_record").increment(1);
                        return ExitReason::Protocol;
                    }
                    Ok(None) => return ExitReason::Exit,
                },
            }
        }
    }

    fn deliver(&self, told: Told) {
        if self.records.try_send(told).is_err() {
            metrics::counter!("tonegate_drops_total", "queue" => "wipe_records", "reason" => "full").increment(1);
        }
    }
}

/// Holds the vault to its signed, gapless wipe records.
struct Witness {
    key: UnparsedPublicKey<Vec<u8>>,
    sequence: u64,
}

impl Witness {
    fn accepts(&mut self, record: &WipeRecord) -> bool {
        self.sequence += 1;
        record.sequence == self.sequence && self.key.verify(&record.signed_bytes(), &record.signature).is_ok()
    }
}

async fn kill(mut process: Child) {
    let _ = timeout(Duration::from_secs(2), process.kill()).await;
}
