//! The memory of other processes, read from outside with privilege: root, or `CAP_SYS_PTRACE` in the same user namespace.
//!
//! All that can be written is read: heap, stacks, what libraries keep. What is mapped from files and cannot be written is as the
//! files are, and is left out.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
};

use crate::{
    canary::{Canary, Field},
    process::Process,
    search::{Hit, Search, Searcher},
};

/// Bytes read at a time.
const ROOM: usize = 1 << 20;
/// Bytes that are passed over together where all of them are zero: a page.
const BLOCK: usize = 4_096;

/// What was read of one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What was found; offsets are addresses.
    pub hits: Vec<Hit>,
    /// Bytes searched.
    pub bytes: u64,
    /// Bytes that the kernel did not give although they are mapped: never touched, or gone meanwhile.
    pub absent: u64,
}

/// A piece of a process's memory that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Region {
    begin: u64,
    end: u64,
}

/// Searches the memory of a process.
///
/// # Errors
/// Where it cannot be read at all, for want of privilege or because it has ended: then it was not searched.
pub fn search(process: &Process, searcher: &Searcher<'_>) -> io::Result<Reading> {
    let maps = fs::read_to_string(process.directory().join("maps"))?;
    let regions = regions(&maps);
    let mut memory = File::open(process.directory().join("mem"))?;
    let (mut reading, mut room) = (Reading::default(), vec![0; ROOM]);
    for region in regions {
        search_region(&mut memory, region, searcher, &mut room, &mut reading);
    }
    room.fill(0);
    if reading.bytes == 0 && process.has_ended() {
        return Err(io::ErrorKind::NotFound.into());
    }
    if reading.bytes == 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "nothing of its memory can be read"));
    }
    Ok(reading)
}

/// Which security codes are somewhere in a process's memory, standing alone as text. Three digits turn up by chance, so one of them
/// says nothing: how many of those that were keyed are there, beside how many of all others, does.
pub struct Codes {
    /// Those that stand alone, anywhere.
    alone: Box<[bool; 1_000]>,
    /// Those that lie as in the field of a card, filled with zeros: there hardly any does by chance.
    in_fields: Box<[bool; 1_000]>,
}

/// Zeros after a code in its field (`src/pci/vault/sealed.rs`).
const FIELD_REST: usize = 21;

impl Codes {
    /// Looks through the memory of a process.
    ///
    /// # Errors
    /// As [`search`].
    pub fn of(process: &Process) -> io::Result<Self> {
        let maps = fs::read_to_string(process.directory().join("maps"))?;
        let mut memory = File::open(process.directory().join("mem"))?;
        let (mut codes, mut room, mut read_any) = (Self::none(), vec![0; ROOM], false);
        for region in regions(&maps) {
            let mut at = region.begin;
            while at < region.end {
                let wanted = room.len().min(usize::try_from(region.end - at).unwrap_or(usize::MAX));
                let read = memory.seek(SeekFrom::Start(at)).and_then(|_| memory.read(&mut room[..wanted])).unwrap_or(0);
                read_any |= read > 0;
                codes.look(&room[..read]);
                at += if read == 0 { BLOCK as u64 } else { read as u64 };
            }
        }
        room.fill(0);
        if read_any { Ok(codes) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    fn none() -> Self {
        Self { alone: Box::new([false; 1_000]), in_fields: Box::new([false; 1_000]) }
    }

    fn look(&mut self, bytes: &[u8]) {
        for (at, window) in bytes.windows(5).enumerate() {
            let [before, code @ .., after] = window else { continue };
            let is_alone = !before.is_ascii_alphanumeric() && !after.is_ascii_alphanumeric();
            if is_alone && code.iter().all(u8::is_ascii_digit) {
                let code = number(code.iter().copied());
                self.alone[code] = true;
                let rest = bytes.get(at + 4..at + 4 + FIELD_REST);
                self.in_fields[code] |= rest.is_some_and(|rest| rest.iter().all(|byte| *byte == 0));
            }
        }
    }

    /// How many of these canaries' codes are here, where they were not before, and the chance that as many are by accident: of
    /// those that stand alone anywhere, or of those in fields, whichever is less likely.
    #[must_use]
    pub fn kept(&self, before: &Self, canaries: &[&Canary]) -> (usize, f64) {
        let keyed: Vec<usize> = canaries.iter().map(|canary| number(canary.keys(Field::Code))).collect();
        // Where no other code is new, one is supposed; a twentieth of one in fields, which hardly anything looks like.
        let anywhere = judged(&keyed, |code| self.alone[code] && !before.alone[code], 1.0);
        let in_fields = judged(&keyed, |code| self.in_fields[code] && !before.in_fields[code], 0.05);
        if in_fields.1 < anywhere.1 { in_fields } else { anywhere }
    }
}

/// How many of the keyed codes are new, and the chance of that where all other codes are new as often as they are; `least` of
/// them are, at least.
fn judged(keyed: &[usize], is_new: impl Fn(usize) -> bool, least: f64) -> (usize, f64) {
    let others = (0..1_000).filter(|code| !keyed.contains(code) && is_new(*code)).count();
    let found = keyed.iter().filter(|code| is_new(**code)).count();
    let share = (others as f64).max(least) / (1_000 - keyed.len().min(999)) as f64;
    (found, crate::listen::tail(keyed.len(), found, share.min(0.99)))
}

fn number(digits: impl Iterator<Item = u8>) -> usize {
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0')) % 1_000
}

/// What of `/proc/PID/maps` can be read and written.
fn regions(maps: &str) -> Vec<Region> {
    let region = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (begin, end) = range.split_once('-')?;
        let is_wanted = rest.starts_with("rw") && !rest.contains("[vvar") && !rest.contains("/dev/");
        let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
        is_wanted.then_some(Region { begin: hexadecimal(begin)?, end: hexadecimal(end)? })
    };
    maps.lines().filter_map(region).collect()
}

fn search_region(memory: &mut File, region: Region, searcher: &Searcher<'_>, room: &mut [u8], reading: &mut Reading) {
    let (mut search, mut at) = (None, region.begin);
    while at < region.end {
        let wanted = room.len().min(usize::try_from(region.end - at).unwrap_or(usize::MAX));
        let read = memory.seek(SeekFrom::Start(at)).and_then(|_| memory.read(&mut room[..wanted])).unwrap_or(0);
        for block in room[..read].chunks(BLOCK) {
            if block.iter().all(|byte| *byte == 0) {
                end(&mut search, reading);
            } else {
                search.get_or_insert_with(|| (at, searcher.begin())).1.push(block);
            }
            at += block.len() as u64;
        }
        reading.bytes += read as u64;
        if read == 0 {
            end(&mut search, reading);
            reading.absent += BLOCK as u64;
            at += BLOCK as u64;
        }
    }
    end(&mut search, reading);
}

/// Ends a search that began at an address.
fn end(search: &mut Option<(u64, Search<'_>)>, reading: &mut Reading) {
    let Some((begin, search)) = search.take() else { return };
    reading.hits.extend(search.finish().into_iter().map(|hit| Hit { offset: begin + hit.offset, ..hit }));
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{
        canary::draw,
        encoding::{Depth, Encoding},
    };

    #[test]
    fn codes_that_are_kept_are_told_from_chance() {
        let cards = draw(4, &mut StdRng::seed_from_u64(32), 2026);
        let all: Vec<&Canary> = cards.iter().collect();
        let (mut before, mut after) = (Codes::none(), Codes::none());
        before.look(b" 200 404 ");
        after.look(b" 200 404 301 ");
        assert_eq!(after.kept(&before, &all).0, 0);
        for card in &cards[..3] {
            let code: Vec<u8> = card.keys(Field::Code).collect();
            after.look(&[b"\0", &code[..], b"\0"].concat());
            // Within something else it is not alone.
            before.look(&[b"7", &code[..], b"\0"].concat());
        }
        let (found, chance) = after.kept(&before, &all);
        assert!(found == 3 && chance < 1e-6, "{found} with a chance of {chance}");
    }

    #[test]
    fn one_code_in_its_field_is_no_chance() {
        let cards = draw(14, &mut StdRng::seed_from_u64(33), 2026);
        let all: Vec<&Canary> = cards.iter().collect();
        let (before, mut after) = (Codes::none(), Codes::none());
        let code: Vec<u8> = cards[9].keys(Field::Code).collect();
        after.look(&[b" ", &code[..], b" "].concat());
        let (found, chance) = after.kept(&before, &all);
        assert!(found == 1 && chance > 2e-3, "one that stands anywhere may be: {chance}");
        after.look(&[b"\0", &code[..], &[0; FIELD_REST]].concat());
        let (found, chance) = after.kept(&before, &all);
        assert!(found == 1 && chance < 2e-3, "{found} with a chance of {chance}");
    }

    #[test]
    fn only_what_can_be_written_is_read() {
        let maps = "55d0-55e0 r--p 00000000 00:00 1 /usr/bin/x\n55e0-55f0 rw-p 00000000 00:00 1 /usr/bin/x\n\
                    7000-8000 rw-p 00000000 00:00 0 [heap]\n9000-a000 rw-s 00000000 00:00 0 /dev/dri/card\n";
        let writable = [Region { begin: 0x55e0, end: 0x55f0 }, Region { begin: 0x7000, end: 0x8000 }];
        assert_eq!(regions(maps), writable);
    }

    #[test]
    fn a_number_in_another_process_is_found() {
        let cards = draw(2, &mut StdRng::seed_from_u64(31), 2026);
        let searcher = Searcher::new(&cards, Depth::Memory, 0xb7).unwrap();
        // It keeps a line that it has read.
        let mut child = Command::new("sh")
            .args(["-c", "read held; echo ready; read rest; echo $held >/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        input.write_all(&cards[1].keys(Field::Number).chain(*b"\n").collect::<Vec<_>>()).unwrap();
        let mut ready = [0; 6];
        output.read_exact(&mut ready).unwrap();
        let process = Process { id: child.id(), name: "sh".to_owned() };
        let reading = search(&process, &searcher);
        child.kill().unwrap();
        child.wait().unwrap();
        match reading {
            Ok(reading) => {
                let hit = reading.hits.iter().find(|hit| hit.encoding == Encoding::Text);
                assert!(hit.is_some_and(|hit| hit.canary == 1), "{reading:?}");
                assert!(reading.hits.iter().all(|hit| hit.canary == 1));
            }
            // Without privilege it says so.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
        }
    }
}
