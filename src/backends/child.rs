//! Keeping child processes alive: start, watch, count, wait, start again.
//!
//! A child is a process that the gateway starts and whose death it must survive: the vault, a recogniser, a
//! synthesiser, the sandbox processor. [`supervise`] runs one for as long as the gateway lives and exports
//! `tonegate_child_up{child}` and `tonegate_child_restarts_total{child,reason}`. Children ignore SIGTERM and leave when
//! their standard input closes, so that a signal to the whole process group drains calls instead of breaking them.

use std::{
    future::Future,
    path::Path,
    time::{Duration, Instant},
};

use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// How long a child may take to leave once its standard input is closed.
const GRACE: Duration = Duration::from_secs(2);

/// Why a child has to be started again: the `reason` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It could not be started at all.
    Start,
    /// It left by itself.
    Exit,
    /// It was ended because it did not answer in time.
    Hung,
    /// It broke the rules of its protocol and was ended.
    Protocol,
}

impl ExitReason {
    /// Every reason.
    pub const ALL: [Self; Self::Protocol as usize + 1] = [Self::Start, Self::Exit, Self::Hung, Self::Protocol];

    /// The label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Exit => "exit",
            Self::Hung => "hung",
            Self::Protocol => "protocol",
        }
    }
}

/// How long to wait before a child is started again: doubling, and from the beginning once it has run for a minute.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// The first wait.
    pub const FIRST: Duration = Duration::from_millis(100);
    /// The longest wait.
    pub const LONGEST: Duration = Duration::from_secs(10);
    /// A child that ran this long was healthy.
    pub const HEALTHY: Duration = Duration::from_secs(60);

    /// A backoff that has seen no failure.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// The wait after a child that ran for `lived`.
    pub fn after(&mut self, lived: Duration) -> Duration {
        if lived >= Self::HEALTHY {
            self.next = Self::FIRST;
        }
        let wait = self.next;
        self.next = (self.next * 2).min(Self::LONGEST);
        wait
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

/// Says that a child is up for as long as this value lives: held by a child's `run` from the moment it is ready.
pub struct Up {
    child: &'static str,
}

impl Up {
    /// The child is ready.
    #[must_use]
    pub fn now(child: &'static str) -> Self {
        metrics::gauge!("tonegate_child_up", "child" => child).set(1.0);
        Self { child }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        metrics::gauge!("tonegate_child_up", "child" => self.child).set(0.0);
    }
}

/// Shows the restarts of a child before there is one: Prometheus sees no increase in a series that first appears at 1.
pub(crate) fn show_restarts(child: &'static str) {
    for reason in ExitReason::ALL {
        metrics::counter!("tonegate_child_restarts_total", "child" => child, "reason" => reason.label()).increment(0);
    }
}

/// Runs a child again and again until `stop`. `run` starts it, holds an [`Up`] while it is ready, and returns when it is
/// gone; it must itself watch `stop` and then close the child's standard input.
pub async fn supervise<Run>(child: &'static str, stop: CancellationToken, mut run: impl FnMut() -> Run)
where
    Run: Future<Output = ExitReason>,
{
    metrics::gauge!("tonegate_child_up", "child" => child).set(0.0);
    show_restarts(child);
    let mut backoff = Backoff::new();
    while !stop.is_cancelled() {
        let began = Instant::now();
        let reason = run().await;
        if stop.is_cancelled() {
            return;
        }
        let wait = backoff.after(began.elapsed());
        metrics::counter!("tonegate_child_restarts_total", "child" => child, "reason" => reason.label()).increment(1);
        tracing::warn!(
            child,
            reason = reason.label(),
            wait_ms = wait.as_millis() as u64,
            "child gone; starting it again"
        );
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// A command for a program that cannot itself ignore SIGTERM and SIGINT: a shell ignores them first, which survives its
/// `exec`. (Setting a disposition needs unsafe code in Rust, which neither side has.)
#[must_use]
pub fn deaf(program: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"trap '' INT TERM; exec "$0" "$@""#]).arg(program);
    command
}

/// Runs a child that needs nothing but its arguments: starts it, holds its standard input open until `stop`, and lets
/// it leave.
pub async fn run(child: &'static str, command: &mut Command, stop: &CancellationToken) -> ExitReason {
    let mut process = match command.stdin(std::process::Stdio::piped()).kill_on_drop(true).spawn() {
        Ok(process) => process,
        Err(error) => {
            tracing::error!(child, %error, "child does not start");
            return ExitReason::Start;
        }
    };
    let _up = Up::now(child);
    let input = process.stdin.take();
    tokio::select! {
        () = stop.cancelled() => {}
        _ = process.wait() => return ExitReason::Exit,
    }
    drop(input);
    leave(child, process).await;
    ExitReason::Exit
}

/// Waits for a child whose standard input was closed, and kills it where it does not leave in time.
pub async fn leave(child: &'static str, mut process: Child) {
    if tokio::time::timeout(GRACE, process.wait()).await.is_ok() {
        return;
    }
    tracing::warn!(child, "child stays after its input closed; killing it");
    let _ = tokio::time::timeout(GRACE, process.kill()).await;
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, process::Stdio};

    use rustix::process::{Pid, Signal, kill_process};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_over_after_health() {
        let mut backoff = Backoff::new();
        let waits: Vec<u128> = (0..9).map(|_| backoff.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert_eq!(backoff.after(Backoff::HEALTHY), Backoff::FIRST);
    }

    #[tokio::test]
    async fn a_child_leaves_when_its_input_closes() {
        let stop = CancellationToken::new();
        stop.cancel();
        assert_eq!(run("test", &mut Command::new("cat"), &stop).await, ExitReason::Exit);
        assert_eq!(run("test", &mut Command::new("/no/such/program"), &stop).await, ExitReason::Start);
    }

    #[tokio::test]
    async fn a_deaf_child_outlives_a_signal_to_terminate() {
        let mut child = deaf(Path::new("/bin/cat")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut echo = [0; 1];
        input.write_all(b"a").await.unwrap();
        output.read_exact(&mut echo).await.unwrap();
        let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        input.write_all(b"b").await.unwrap();
        output.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"b");
    }

    #[tokio::test]
    async fn a_child_is_started_until_it_is_stopped() {
        let (stop, starts) = (CancellationToken::new(), Cell::new(0));
        supervise("test", stop.clone(), || {
            starts.set(starts.get() + 1);
            if starts.get() == 2 {
                stop.cancel();
            }
            async { ExitReason::Exit }
        })
        .await;
        assert_eq!(starts.get(), 2);
    }
}
