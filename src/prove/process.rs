//! The processes of one instance: the gateway, and whatever it has started.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::process::{Pid, Signal, kill_process};

/// Where the kernel tells of processes.
const PROC: &str = "/proc";

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub id: u32,
    /// What it is, by the name of its program and, where that is the gateway's, its subcommand.
    pub name: String,
}

impl Process {
    /// Its directory under `/proc`.
    pub(crate) fn directory(&self) -> PathBuf {
        Path::new(PROC).join(self.id.to_string())
    }

    /// Stops it until what this returns is dropped, so that it does not end while it is looked at.
    ///
    /// # Errors
    /// Where it has ended, or is somebody else's.
    pub(crate) fn stop(&self) -> io::Result<Stopped> {
        let process = i32::try_from(self.id).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
        kill_process(process, Signal::STOP)?;
        Ok(Stopped(process))
    }

    /// Whether it is not there any more, or only as what its parent has yet to take.
    pub(crate) fn has_ended(&self) -> bool {
        let stat = fs::read_to_string(self.directory().join("stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next());
        matches!(state, None | Some("Z" | "X"))
    }
}

/// A process that was stopped, and goes on when this is dropped.
pub(crate) struct Stopped(Pid);

impl Drop for Stopped {
    fn drop(&mut self) {
        kill_process(self.0, Signal::CONT).ok();
    }
}

/// A process and all that descend from it, itself first. What ends meanwhile is left out.
///
/// # Errors
/// Where the kernel does not tell.
pub fn tree(root: u32) -> io::Result<Vec<Process>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir(PROC)?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        parents.extend(parent(id).map(|parent| (id, parent)));
    }
    let (mut found, mut next) = (vec![root], 0);
    while let Some(&process) = found.get(next) {
        found.extend(parents.iter().filter(|(id, parent)| *parent == process && *id != process).map(|(id, _)| *id));
        next += 1;
    }
    Ok(found.into_iter().filter_map(|id| name(id).map(|name| Process { id, name })).collect())
}

/// The parent of a process (proc_pid_stat(5): the fourth field; the second may hold anything, in parentheses).
fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(Path::new(PROC).join(id.to_string()).join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn name(id: u32) -> Option<String> {
    let command = fs::read(Path::new(PROC).join(id.to_string()).join("cmdline")).ok()?;
    let mut arguments = command.split(|byte| *byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned());
    let program = arguments.next().filter(|program| !program.is_empty())?;
    let program = Path::new(&program).file_name()?.to_string_lossy().into_owned();
    match arguments.next() {
        Some(command) if program == "tonegate" => Some(format!("tonegate {command}")),
        Some(_) | None => Some(program),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_child_is_in_its_parents_tree_by_its_name() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // Until it says something it may have no name yet: a program that is being loaded has no arguments.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let processes = tree(std::process::id()).unwrap();
        assert_eq!(processes[0].id, std::process::id());
        assert!(processes.contains(&Process { id: child.id(), name: "cat".to_owned() }), "{processes:?}");
        assert!(!processes[0].has_ended());
        let child_process = processes.into_iter().find(|process| process.id == child.id()).unwrap();
        drop(child_process.stop().unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(child_process.has_ended() && child_process.stop().is_err());
    }
}
