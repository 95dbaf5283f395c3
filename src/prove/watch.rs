//! Looks at an instance from outside while it works, and after: its memory, and what it has open.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
};

use crate::{
    descriptors::{self, Open, Register},
    listen::Track,
    memory,
    process::{self, Process},
    report::{Row, SINK, Verdict},
    search::Searcher,
    sinks,
};

/// The process that holds a card while it is entered, and the one that it is submitted to.
const VAULT: &str = "tonegate-vault";
const PROCESSOR: &str = "tonegate sandbox-processor";
/// The row of those that were never read.
const CHILDREN: &str = "memory: speech children";
/// The gateway.
const GATEWAY: &str = "tonegate serve";
/// A pipe or socket whose other end is nowhere in so many looks leads elsewhere: in one look its other end may just be closing, or
/// on its way from one process to another.
const LOOKS: u32 = 3;
/// Speech children of one name whose memory is read.
const MOST_READINGS: usize = 8;
/// Utterances that are kept to be listened to.
const MOST_UTTERANCES: usize = 256;

/// What was seen of the processes of one name.
#[derive(Default)]
struct Seen {
    readings: usize,
    bytes: u64,
    found: BTreeSet<String>,
    refused: Option<String>,
}

/// Everything that was seen.
#[derive(Default)]
pub(crate) struct Watch {
    memory: BTreeMap<String, Seen>,
    /// Speech children that were seen.
    children: BTreeSet<u32>,
    strangers: BTreeMap<String, (u32, bool)>,
    descriptors: usize,
    unseen: Option<String>,
    /// Files that were deleted and still open, and what was found in them.
    deleted: BTreeSet<String>,
    held_by_deleted: BTreeSet<String>,
    /// Utterances for which there was no room.
    unkept: usize,
    /// What was on its way to recognisers, by process and descriptor, at its longest.
    utterances: BTreeMap<(u32, u32), Vec<u8>>,
}

impl Watch {
    /// Reads the memory of all processes that last; `during` calls those that hold a card by right are left out.
    pub(crate) fn read_memory(&mut self, root: u32, searcher: &Searcher<'_>, during: bool) {
        for process in process::tree(root).unwrap_or_default() {
            let is_read = match process.name.as_str() {
                GATEWAY => true,
                VAULT | PROCESSOR => !during,
                // The workers of better speech engines last.
                _ => self.children.contains(&process.id),
            };
            if is_read {
                self.read(&process, searcher);
            }
        }
    }

    fn read(&mut self, process: &Process, searcher: &Searcher<'_>) {
        let searched = memory::search(process, searcher);
        // It has ended.
        if searched.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::PermissionDenied) {
            return;
        }
        let seen = self.memory.entry(process.name.clone()).or_default();
        match searched {
            Ok(reading) => {
                seen.readings += 1;
                seen.bytes += reading.bytes;
                let found = sinks::told(&reading.hits, "memory").into_iter();
                // The same place is told once, however often it was read.
                seen.found.extend(found.map(|told| told.split(", ").next().unwrap_or_default().to_owned()));
            }
            Err(error) => seen.refused = Some(error.to_string()),
        }
    }

    /// Reads the memory of speech children, each once. They come and go, so one is stopped while it is read.
    pub(crate) fn read_children(&mut self, root: u32, searcher: &Searcher<'_>) {
        for process in process::tree(root).unwrap_or_default() {
            let is_lasting = matches!(process.name.as_str(), GATEWAY | VAULT | PROCESSOR);
            let readings = self.memory.get(&process.name).map_or(0, |seen| seen.readings);
            if is_lasting || readings >= MOST_READINGS || !self.children.insert(process.id) {
                continue;
            }
            if let Ok(_stopped) = process.stop() {
                self.read(&process, searcher);
            }
        }
    }

    /// Looks at everything that is open, and into what is deleted and still open.
    pub(crate) fn look_at_descriptors(&mut self, root: u32, register: &Register, searcher: &Searcher<'_>) {
        let all = match process::tree(root).and_then(|processes| descriptors::of(&processes)) {
            Ok(all) => all,
            Err(error) => {
                self.unseen = Some(error.to_string());
                return;
            }
        };
        self.descriptors = self.descriptors.max(all.len());
        for descriptor in &all {
            self.keep_utterance((descriptor.process.id, descriptor.number), descriptors::held_in_memory(descriptor));
            if let Some(file) = descriptors::deleted(descriptor) {
                match searcher.search_all(file) {
                    Ok(hits) => self.held_by_deleted.extend(sinks::told(&hits, &descriptor.told())),
                    Err(error) => self.unseen = Some(format!("{}: {error}", descriptor.told())),
                }
                self.deleted.insert(descriptor.told());
            }
        }
        for stranger in register.strangers(&all) {
            let is_passing = matches!(stranger.open, Open::Pipe(_) | Open::Local { path: None, .. } | Open::Strange(_));
            let (count, may_pass) = self.strangers.entry(stranger.told()).or_insert((0, is_passing));
            (*count, *may_pass) = (*count + 1, is_passing);
        }
    }

    fn keep_utterance(&mut self, place: (u32, u32), bytes: Vec<u8>) {
        let kept = self.utterances.len();
        if bytes.len() > self.utterances.get(&place).map_or(0, Vec::len) {
            if kept < MOST_UTTERANCES || self.utterances.contains_key(&place) {
                self.utterances.insert(place, bytes);
            } else {
                self.unkept += 1;
            }
        }
    }

    /// Times that there was no room for an utterance.
    pub(crate) fn unkept(&self) -> usize {
        self.unkept
    }

    /// Sound that was on its way to recognisers: linear at 16 kHz.
    pub(crate) fn utterances(&self) -> Vec<Track> {
        let samples = |bytes: &Vec<u8>| bytes.as_chunks().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect();
        self.utterances.values().map(|bytes| Track { rate: 16_000, samples: samples(bytes) }).collect()
    }

    /// A row for each process, and one for what is open. Where the carrier takes cards there is neither vault nor processor.
    pub(crate) fn rows(&self, is_carried: bool) -> Vec<Row> {
        let mut rows: Vec<Row> = self.memory.iter().map(|(name, seen)| memory_row(name, seen)).collect();
        let needed: &[&str] = if is_carried { &[GATEWAY] } else { &[GATEWAY, VAULT, PROCESSOR] };
        for &name in needed {
            if !self.memory.contains_key(name) {
                rows.push(Row::not_searched(SINK, format!("memory: {name}"), "it was not there when memory was read"));
            }
        }
        if self.memory.len() <= needed.len() {
            rows.push(match self.children.len() {
                0 => Row::new(SINK, CHILDREN, Verdict::Note, "none was seen, ten times a second"),
                seen => Row::not_searched(SINK, CHILDREN, format!("{seen} ended before their memory could be read")),
            });
        }
        rows.push(self.descriptors_row());
        if !self.deleted.is_empty() {
            let how = format!("{} that were deleted and still open", self.deleted.len());
            rows.push(Row::searched("deleted files", &how, &self.held_by_deleted.iter().cloned().collect::<Vec<_>>()));
        }
        rows
    }

    fn descriptors_row(&self) -> Row {
        let is_told = |(_, (count, may_pass)): &(&String, &(u32, bool))| !may_pass || *count >= LOOKS;
        let found: Vec<String> = self.strangers.iter().filter(is_told).map(|(told, _)| told.clone()).collect();
        if let Some(why) = self.unseen.as_ref().filter(|_| found.is_empty()) {
            return Row::not_searched(SINK, "descriptors", why.clone());
        }
        Row::searched(
            "descriptors",
            &format!("at most {} at a time, held against the register", self.descriptors),
            &found,
        )
    }
}

fn memory_row(name: &str, seen: &Seen) -> Row {
    let title = format!("memory: {name}");
    let when = match name {
        VAULT | PROCESSOR => "after the last call, because it holds a card by right before",
        _ => "while cards were keyed, and after",
    };
    let how = format!("{} readings, {} bytes, for nine digits of a card in a row, {when}", seen.readings, seen.bytes);
    match &seen.refused {
        Some(why) if seen.found.is_empty() => {
            Row::not_searched(SINK, title, format!("{why}; run as root or with CAP_SYS_PTRACE"))
        }
        Some(_) | None => Row::searched(title, &how, &seen.found.iter().cloned().collect::<Vec<_>>()),
    }
}

/// The process that holds cards, where it runs.
pub(crate) fn vault(root: u32) -> Option<Process> {
    process::tree(root).ok()?.into_iter().find(|process| process.name == VAULT)
}

/// Whether a crash would leave memory in a file: what the kernel does with cores, and what each process allows.
pub(crate) fn cores(root: u32, is_carried: bool) -> Row {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let limit = |process: &Process| {
        let limits = fs::read_to_string(process.directory().join("limits")).ok()?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size"))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    let processes = process::tree(root).unwrap_or_default();
    let limits: Vec<(String, Option<String>)> =
        processes.iter().map(|process| (process.name.clone(), limit(process))).collect();
    let told = |(name, limit): &(String, Option<String>)| format!("{name} {}", limit.as_deref().unwrap_or("unknown"));
    let how = format!(
        "pattern {:?}; bytes allowed: {}",
        pattern.trim(),
        limits.iter().map(told).collect::<Vec<_>>().join(", ")
    );
    let of_vault = limits.iter().find(|(name, _)| name == VAULT).and_then(|(_, limit)| limit.as_deref());
    match of_vault {
        Some("0") => Row::searched("core files", &how, &[]),
        Some(_) => Row::searched("core files", &how, &["the vault may leave a core".to_owned()]),
        None if is_carried => Row::new(SINK, "core files", Verdict::Note, how),
        None => Row::not_searched(SINK, "core files", how),
    }
}
