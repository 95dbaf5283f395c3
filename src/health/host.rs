//! What matters of this machine while a card is taken: read, not judged (`call::conditions`, `swap`).

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use call::conditions::{Host, Swap};
use rustix::process::{DumpableBehavior, Resource, Rlimit, dumpable_behavior, set_dumpable_behavior, setrlimit};

use super::swap::{self, Device};

/// How many devices may lie below each other.
const DEEPEST: usize = 8;

/// Closes the gateway's memory to dumps and to other processes of its user, once and for all. Where the kernel refuses, cards
/// of callers elsewhere are refused for it.
pub(crate) fn harden() {
    let closed = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let uncored = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    if let Err(error) = closed.and(uncored) {
        tracing::warn!(%error, "the gateway's memory is not closed to dumps");
    }
}

/// Looks at the machine. Of the vault it is known that it is hardened once it is ready.
pub(crate) async fn look(is_vault_hardened: bool) -> Host {
    let swap = tokio::task::spawn_blocking(read_swap).await.unwrap_or(Swap::Clear);
    let is_gateway_dumpable = dumpable_behavior() != Ok(DumpableBehavior::NotDumpable);
    Host { is_gateway_dumpable, is_vault_hardened, swap }
}

fn read_swap() -> Swap {
    match fs::read_to_string("/proc/swaps") {
        Ok(swaps) => {
            let devices: Vec<_> = swap::paths(&swaps).iter().map(|path| device_at(Path::new(path))).collect();
            swap::judge(&devices)
        }
        // A kernel without swap has no such file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Swap::Off,
        Err(_) => Swap::Clear,
    }
}

/// The device at a path, or the one that the file there lies on.
fn device_at(path: &Path) -> Option<Device> {
    let metadata = fs::metadata(path).ok()?;
    let is_device = metadata.file_type().is_block_device();
    let number = if is_device { metadata.rdev() } else { metadata.dev() };
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    device_in(&fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?, DEEPEST)
}

/// The device of a directory below `/sys`.
fn device_in(directory: &Path, depth: usize) -> Option<Device> {
    let depth = depth.checked_sub(1)?;
    let name = directory.file_name()?.to_string_lossy().into_owned();
    let mapping = fs::read_to_string(directory.join("dm/uuid")).ok().map(|uuid| uuid.trim().to_owned());
    let slaves = fs::read_dir(directory.join("slaves")).into_iter().flatten().flatten();
    let slaves = slaves.map(|slave| fs::canonicalize(slave.path()).ok().and_then(|path| device_in(&path, depth)));
    // What zram has no room for it may write to a disk.
    let written_out = fs::read_to_string(directory.join("backing_dev")).ok();
    let written_out = written_out.map(|path| path.trim().to_owned()).filter(|path| path != "none");
    let backing = written_out.map(|path| device_at(&PathBuf::from(path)));
    let below = slaves.chain(backing).collect::<Option<Vec<_>>>()?;
    Some(Device { is_memory: name.starts_with("zram"), mapping, below })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_can_be_looked_at() {
        let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
        let host = look(true).await;
        assert_eq!(host.swap == Swap::Off, swap::paths(&swaps).is_empty(), "{host:?}");
        assert!(host.is_vault_hardened);
    }

    #[test]
    fn a_place_that_is_none_is_not_known() {
        assert_eq!(device_at(Path::new("/nowhere/at/all")), None);
        assert_eq!(device_in(Path::new("/sys"), 0), None, "no deeper than the bound");
    }
}
