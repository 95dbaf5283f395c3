use std::io::Write;

use super::*;

impl SealedCard {
    /// Whether every byte of it is zero.
    pub(crate) fn is_zero(&self) -> bool {
        self.0.memory.iter().all(|&byte| byte == 0)
    }
}

#[test]
fn clearing_overwrites_and_nothing_is_written_beyond_the_room() {
    let mut card = SealedCard::new().unwrap();
    (0..2 * FIELD).for_each(|_| card.push(Step::Code, b'7'));
    card.push(Step::Number, b'4');
    assert!(card.expose(Step::Code).len() == FIELD && card.expose(Step::Number) == "4");
    card.clear(Step::Code);
    assert!(card.expose(Step::Code).is_empty() && !card.0.memory.contains(&b'7'));
    assert!(card.expose(Step::Number) == "4" && card.last_four().is_none());

    let mut sealed = Sealed::new(6).unwrap();
    assert!(write!(sealed, "12-{}", 34).is_ok() && sealed.write_all(b"56").is_err());
    assert!(sealed.expose() == b"12-34");
}

/// The flags that the kernel keeps of the mapping in which `address` lies (proc_pid_smaps(5)).
fn flags(address: usize) -> String {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut is_here = false;
    for line in smaps.lines() {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let range = range
            .and_then(|(from, to)| Some(usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?));
        if let Some(range) = range {
            is_here = range.contains(&address);
        } else if is_here && let Some(flags) = line.strip_prefix("VmFlags:") {
            return format!("{flags} ");
        }
    }
    panic!("no such mapping")
}

#[test]
fn its_pages_are_in_no_dump_and_no_child() {
    let sealed = Sealed::new(100).unwrap();
    let flags = flags(sealed.memory.as_ptr() as usize);
    assert!(flags.contains(" dd ") && flags.contains(" dc "), "{flags}");
}
