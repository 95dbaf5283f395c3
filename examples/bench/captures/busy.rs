//! Programs that keep every core busy.

use std::{
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context, Result};

use crate::machine::Ticks;

/// One program for each core, until dropped.
pub(super) struct Busy {
    programs: Vec<Child>,
    began: Ticks,
}

impl Busy {
    /// Starts them under ordinary scheduling, whatever this program runs under.
    pub(super) fn start() -> Result<Self> {
        let cores = thread::available_parallelism()?.get();
        let mut this = Self { programs: Vec::with_capacity(cores), began: Ticks::now() };
        for _ in 0..cores {
            let mut command = Command::new("chrt");
            command.args(["--other", "0", "sh", "-c", "while :; do :; done"]).stdin(Stdio::null());
            this.programs.push(command.spawn().context("chrt (Debian package util-linux)")?);
        }
        Ok(this)
    }

    /// The share of all cores' time that somebody used since, in percent.
    pub(super) fn share(&self) -> f64 {
        Ticks::now().used_since(self.began)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for program in &mut self.programs {
            program.kill().ok();
            program.wait().ok();
        }
    }
}
