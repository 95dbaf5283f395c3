//! What the vault gives up after its start and before its first capture. All of it, or it does not run.
//!
//! | measure | what it stops |
//! |---|---|
//! | descriptors above 2 closed, first of all | reaching what the gateway, or what started it, had open |
//! | `PR_SET_DUMPABLE` 0 | attaching (`ptrace`, `/proc/PID/mem`) by any process without privilege; core files |
//! | `RLIMIT_CORE` 0 | core files, whatever else changes |
//! | `PR_SET_NO_NEW_PRIVS` | gaining privilege through an executable |
//! | `mlockall`, now and for the future | the card's memory, or any other, reaching swap |
//! | system-call allow-list | opening files or sockets, connecting, starting programs, tracing: the process is killed |
//!
//! Below all this lies a net that whoever starts the vault provides (`backends::vault` does): the environment
//! `GLIBC_TUNABLES=glibc.malloc.perturb=165:glibc.malloc.tcache_count=0` has the C library overwrite memory as it is freed,
//! which covers what libraries copy (TLS buffers with an answer that echoes a card).

use std::{collections::BTreeMap, fs, io, os::fd::RawFd};

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit, set_dumpable_behavior, setrlimit},
    thread::{no_new_privs, set_no_new_privs},
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};
use thiserror::Error;

/// Proof that every measure holds. Only [`harden`] makes it.
pub struct Hardened(());

/// The measure that could not be taken.
#[derive(Debug, Error)]
pub enum HardeningError {
    /// A descriptor above 2 was inherited and stays open, or it cannot be told.
    #[error("inherited descriptors cannot be closed")]
    Descriptors,
    /// Still dumpable.
    #[error("the process cannot be made undumpable")]
    Dumpable,
    /// Core files still possible.
    #[error("RLIMIT_CORE cannot be set to 0")]
    Core,
    /// New privileges still possible.
    #[error("PR_SET_NO_NEW_PRIVS cannot be set")]
    Privileges,
    /// Memory not locked.
    #[error("memory cannot be locked: raise RLIMIT_MEMLOCK (systemd: LimitMEMLOCK=infinity)")]
    Memory,
    /// The allow-list is not in force.
    #[error("the system-call allow-list cannot be applied: {0}")]
    SystemCalls(String),
}

/// Closes every descriptor above 2, and checks. To be called before the process opens anything of its own: what is
/// open then was inherited.
///
/// # Errors
/// [`HardeningError::Descriptors`]; the process must end.
pub fn close_inherited() -> Result<(), HardeningError> {
    for descriptor in descriptors().map_err(|_| HardeningError::Descriptors)? {
        // The one that listed them is closed already.
        let _ = nix::unistd::close(descriptor);
    }
    // Only the one that lists them is left.
    match descriptors().as_deref() {
        Ok([_]) => Ok(()),
        Ok(_) | Err(_) => Err(HardeningError::Descriptors),
    }
}

/// Every open descriptor above 2, that of the listing itself included.
fn descriptors() -> io::Result<Vec<RawFd>> {
    let listed = fs::read_dir("/proc/self/fd")?.map(|entry| {
        let name = entry?.file_name();
        name.to_str().and_then(|name| name.parse().ok()).ok_or(io::ErrorKind::InvalidData.into())
    });
    let all = listed.collect::<io::Result<Vec<RawFd>>>()?;
    Ok(all.into_iter().filter(|&descriptor| descriptor > libc::STDERR_FILENO).collect())
}

/// Takes every measure, checks each, and returns the proof. To be called once, by the process's only thread, when every
/// file has been read.
///
/// # Errors
/// The first measure that could not be taken; the process must end.
pub fn harden() -> Result<Hardened, HardeningError> {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if dumpable_behavior() != Ok(DumpableBehavior::NotDumpable) {
        return Err(HardeningError::Dumpable);
    }
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(|_| HardeningError::Core)?;
    if getrlimit(Resource::Core) != none {
        return Err(HardeningError::Core);
    }
    let _ = set_no_new_privs(true);
    if no_new_privs() != Ok(true) {
        return Err(HardeningError::Privileges);
    }
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).map_err(|_| HardeningError::Memory)?;
    let program = allow_list().map_err(|error| HardeningError::SystemCalls(error.to_string()))?;
    apply_filter_all_threads(&program).map_err(|error| HardeningError::SystemCalls(error.to_string()))?;
    Ok(Hardened(()))
}

/// System calls that are allowed with any arguments: reading and writing what is already open, waiting, memory, time,
/// randomness, and leaving.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_close,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_ppoll,
    libc::SYS_restart_syscall,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

fn allow_list() -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|&call| (call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_poll, Vec::new());
    // Memory, but none that can be executed.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![argument(2, SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64), 0)?]);
    }
    // The standard library's check that a descriptor is open when it is closed.
    rules.insert(libc::SYS_fcntl, vec![argument(1, SeccompCmpOp::Eq, libc::F_GETFD as u64)?]);
    // A signal to itself: how a panic ends.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![argument(0, SeccompCmpOp::Eq, own)?]);
    let architecture = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?.try_into()
}

fn argument(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)?])
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
