//! What a tree of processes costs, as the kernel counts it.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    ops::Range,
};

/// CPU time by the name of the thread, and memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    /// Nanoseconds on a CPU (`/proc/PID/task/*/schedstat`) of the whole tree.
    pub(crate) cpu: u64,
    /// The same, for the gateway's own threads by name without their number.
    pub(crate) threads: BTreeMap<String, u64>,
    /// Resident kilobytes of the gateway's process alone.
    pub(crate) resident: u64,
}

impl Usage {
    /// The usage of a process and all that it started.
    pub(crate) fn of(process: u32) -> Self {
        let threads = threads(process);
        let children: u64 = descendants(process).into_iter().flat_map(threads_of).map(|(_, cpu)| cpu).sum();
        Self { cpu: threads.values().sum::<u64>() + children, threads, resident: resident(process) }
    }

    /// The usage of one process without what it started.
    pub(crate) fn of_one(process: u32) -> Self {
        let threads = threads(process);
        Self { cpu: threads.values().sum(), threads, resident: resident(process) }
    }

    /// CPU seconds of the tree since `before`.
    pub(crate) fn seconds_since(&self, before: &Self) -> f64 {
        self.cpu.saturating_sub(before.cpu) as f64 / 1e9
    }

    /// CPU seconds since `before` of the gateway's threads whose name begins so.
    pub(crate) fn thread_seconds_since(&self, before: &Self, name: &str) -> f64 {
        let of = |usage: &Self| -> u64 {
            usage.threads.iter().filter(|(thread, _)| thread.starts_with(name)).map(|(_, cpu)| cpu).sum()
        };
        of(self).saturating_sub(of(before)) as f64 / 1e9
    }
}

/// Open descriptors of a process.
pub(crate) struct Descriptors {
    pub(crate) all: usize,
    pub(crate) sockets: usize,
    /// UDP sockets on ports of a range.
    pub(crate) ports: usize,
}

impl Descriptors {
    pub(crate) fn of(process: u32, range: Range<u16>) -> Self {
        let entries = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten();
        let targets = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        let targets: Vec<_> = targets.map(|target| target.to_string_lossy().into_owned()).collect();
        let inode = |target: &String| Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
        let sockets: HashSet<_> = targets.iter().filter_map(inode).collect();
        let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
        let is_ours = |line: &&str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let port = fields.get(1).and_then(|local| u16::from_str_radix(local.split_once(':')?.1, 16).ok());
            port.is_some_and(|port| range.contains(&port))
                && fields.get(9).is_some_and(|inode| sockets.contains(*inode))
        };
        Self { all: targets.len(), sockets: sockets.len(), ports: table.lines().filter(is_ours).count() }
    }
}

fn threads(process: u32) -> BTreeMap<String, u64> {
    let mut threads = BTreeMap::new();
    for (name, cpu) in threads_of(process) {
        *threads.entry(name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned()).or_default() += cpu;
    }
    threads
}

fn threads_of(process: u32) -> Vec<(String, u64)> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let thread = |path: std::path::PathBuf| {
        let cpu = fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()?;
        Some((fs::read_to_string(path.join("comm")).ok()?.trim().to_owned(), cpu))
    };
    tasks.filter_map(|task| thread(task.ok()?.path())).collect()
}

/// Those whose parent, or its parent, is `process`.
fn descendants(process: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<_> = numbers.filter_map(|number| Some((number, parent(number)?))).collect();
    let mut family = vec![process];
    let mut next = 0;
    while let Some(&member) = family.get(next) {
        family.extend(parents.iter().filter(|(_, parent)| *parent == member).map(|(number, _)| *number));
        next += 1;
    }
    family.split_off(1)
}

fn parent(process: u32) -> Option<u32> {
    field(process, "PPid:")?.parse().ok()
}

fn resident(process: u32) -> u64 {
    field(process, "VmRSS:").and_then(|value| value.split(' ').next()?.parse().ok()).unwrap_or(0)
}

fn field(process: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some(status.lines().find_map(|line| line.strip_prefix(name))?.trim().to_owned())
}
