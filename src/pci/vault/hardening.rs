//! What the vault gives up after its start and before its first capture. All of it, or it does not run; Landlock as far as
//! the kernel has it.
//!
//! | measure | what it stops |
//! |---|---|
//! | descriptors above 2 closed, first of all | reaching what the gateway, or what started it, had open |
//! | `PR_SET_DUMPABLE` 0 | attaching (`ptrace`, `/proc/PID/mem`) by any process without privilege; core files |
//! | `RLIMIT_CORE` 0 | core files, whatever else changes |
//! | `PR_SET_NO_NEW_PRIVS` | gaining privilege through an executable |
//! | `mlockall`, now and for the future | the card's memory, or any other, reaching swap |
//! | pages of their own with `MADV_DONTDUMP` and `MADV_DONTFORK` ([`crate::sealed`]) | a card in a dump or a child, whatever else changes; `MADV_WIPEONFORK` would leave a child empty pages, this leaves it none |
//! | Landlock, nothing allowed | opening or making any file, binding or connecting any TCP port |
//! | system-call allow-list | opening files or sockets, connecting, starting programs, tracing, reading other processes: the process is killed |
//!
//! Below all this lies a net that whoever starts the vault provides (`backends::vault` does): the environment
//! `GLIBC_TUNABLES=glibc.malloc.perturb=165:glibc.malloc.tcache_count=0` has the C library overwrite memory as it is freed,
//! which covers what libraries copy (TLS buffers with an answer that echoes a card).

use std::{collections::BTreeMap, fs, os::fd::RawFd};

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetError, RulesetStatus};
use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit, set_dumpable_behavior, setrlimit},
    thread::{no_new_privs, set_no_new_privs},
};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter_all_threads,
};
use thiserror::Error;

use crate::sealed::Sealed;

/// Proof that every measure holds, Landlock as far as the kernel has it. Only [`harden`] makes it.
pub struct Hardened {
    landlock: RulesetStatus,
}

impl Hardened {
    /// What holds, a line each.
    pub fn held(&self) -> String {
        let landlock = landlock_held(&self.landlock);
        format!(
            "no inherited descriptors\nnot dumpable\nno core files\nno new privileges\nmemory locked\n\
             a card's pages in no dump and no child\n{landlock}\nsystem calls on an allow-list\n"
        )
    }
}

/// What holds of Landlock, in a line.
pub fn landlock_held(status: &RulesetStatus) -> &'static str {
    match status {
        RulesetStatus::FullyEnforced => "Landlock: no file, no TCP port",
        RulesetStatus::PartiallyEnforced => "PARTLY HELD by this kernel: Landlock (ports: Linux 6.7; all: 6.10)",
        RulesetStatus::NotEnforced => "NOT HELD by this kernel: Landlock",
    }
}

/// The measure that could not be taken.
#[derive(Debug, Error)]
#[error("hardening failed: {0}")]
pub struct HardeningError(&'static str);

/// Closes every descriptor above 2, and checks. To be called before the process opens anything of its own: what is
/// open then was inherited.
///
/// # Errors
/// One stays open, or it cannot be told; the process must end.
pub fn close_inherited() -> Result<(), HardeningError> {
    const INHERITED: HardeningError = HardeningError("inherited descriptors cannot be closed");
    for descriptor in descriptors().ok_or(INHERITED)? {
        // The one that listed them is closed already.
        let _ = nix::unistd::close(descriptor);
    }
    // Only the one that lists them is left.
    if descriptors().is_some_and(|left| left.len() == 1) { Ok(()) } else { Err(INHERITED) }
}

/// Every open descriptor above 2, that of the listing itself included.
fn descriptors() -> Option<Vec<RawFd>> {
    let listed = fs::read_dir("/proc/self/fd").ok()?.map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let all = listed.collect::<Option<Vec<RawFd>>>()?;
    Some(all.into_iter().filter(|&descriptor| descriptor > libc::STDERR_FILENO).collect())
}

/// Takes every measure, checks each, and returns the proof. To be called once, by the process's only thread, when every
/// file has been read.
///
/// # Errors
/// The first measure that could not be taken; the process must end.
pub fn harden() -> Result<Hardened, HardeningError> {
    const REFUSED: HardeningError = HardeningError("Landlock refuses: who starts the vault forbids it or uses it up");
    let held = |is_held: bool, measure| if is_held { Ok(()) } else { Err(HardeningError(measure)) };
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    held(dumpable_behavior() == Ok(DumpableBehavior::NotDumpable), "the process cannot be made undumpable")?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let no_core = setrlimit(Resource::Core, none).is_ok() && getrlimit(Resource::Core) == none;
    held(no_core, "RLIMIT_CORE cannot be set to 0")?;
    let _ = set_no_new_privs(true);
    held(no_new_privs() == Ok(true), "PR_SET_NO_NEW_PRIVS cannot be set")?;
    let locked = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).is_ok();
    held(locked, "memory cannot be locked: raise RLIMIT_MEMLOCK (systemd: LimitMEMLOCK=64M)")?;
    held(Sealed::new(1).is_ok(), "memory cannot be kept out of dumps and children")?;
    let landlock = restrict_files_and_ports().map_err(|_| REFUSED)?;
    let applied = allow_list().is_ok_and(|program| apply_filter_all_threads(&program).is_ok());
    held(applied, "the system-call allow-list cannot be applied")?;
    Ok(Hardened { landlock })
}

/// Handles every right that Landlock knows and allows none, as far as the kernel goes.
///
/// # Errors
/// The kernel has Landlock and refuses it.
pub fn restrict_files_and_ports() -> Result<RulesetStatus, RulesetError> {
    let ruleset = Ruleset::default().handle_access(AccessFs::from_all(ABI::V5))?;
    Ok(ruleset.handle_access(AccessNet::from_all(ABI::V5))?.create()?.restrict_self()?.ruleset)
}

/// System calls that are allowed with any arguments: reading and writing what is already open, waiting, memory, time,
/// randomness, and leaving.
#[rustfmt::skip]
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_read, libc::SYS_write, libc::SYS_writev, libc::SYS_close,
    libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_ppoll, libc::SYS_restart_syscall,
    libc::SYS_brk, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_futex,
    libc::SYS_clock_gettime, libc::SYS_getrandom,
    libc::SYS_rt_sigprocmask, libc::SYS_rt_sigaction, libc::SYS_rt_sigreturn, libc::SYS_sigaltstack,
    libc::SYS_getpid, libc::SYS_gettid, libc::SYS_exit, libc::SYS_exit_group,
];

fn allow_list() -> Result<BpfProgram, BackendError> {
    let argument = |index, operator, value| {
        SeccompRule::new(vec![SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)?])
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|&call| (call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_poll, Vec::new());
    // Memory, but none that can be executed.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![argument(2, SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64), 0)?]);
    }
    // The standard library's check that a descriptor is open when it is closed, and that a connection shall not block.
    let flags = [libc::F_GETFD, libc::F_SETFL].map(|command| argument(1, SeccompCmpOp::Eq, command as u64));
    rules.insert(libc::SYS_fcntl, flags.into_iter().collect::<Result<_, _>>()?);
    // A signal to itself: how a panic ends.
    rules.insert(libc::SYS_tgkill, vec![argument(0, SeccompCmpOp::Eq, u64::from(std::process::id()))?]);
    let architecture = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?.try_into()
}

/// Has a panic print its place and nothing else, and end the process: no message, no unwinding, no core.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|panic| {
        use std::io::Write;
        let place = panic.location().map_or(("unknown", 0), |location| (location.file(), location.line()));
        let _ = writeln!(std::io::stderr(), "tonegate-vault: panic at {}:{}", place.0, place.1);
        std::process::abort();
    }));
}
