//! What is fuzzed of the vault (`fuzz/README.md`). Nothing that is read here is shown to anyone.

use std::time::Duration;

use gate::wire::{
    Brand, Brands, Currency, FromVault, Holder, LastFour, Method, Open, Outcome, Postal, Shape, Step, TO_VAULT_BYTES,
    VERSION, VaultInput,
};

use self::script::{Script, beginning};
use crate::{
    answer,
    entry::{Entry, EntryOutput, Mode, SESSION},
};

#[cfg(test)]
#[path = "../shared/replay.rs"]
mod replay;
#[path = "../shared/script.rs"]
mod script;

/// The most keys of any field: more than the longest card number, so that one too many shows.
const MOST_KEYS: u8 = 24;

/// An entry, from the packets of a capture socket and the time between them. It ends once, with a card or without one, and
/// within its time.
pub fn card_entry(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut now = beginning();
    let options = script.byte();
    let brands = Brand::ALL.iter().filter(|brand| options & 1 == 0 || **brand == Brand::Visa);
    let open = Open {
        capture: [0; 16],
        payment: [0; 16],
        method: if options & 8 == 0 { Method::Card } else { Method::Checking },
        amount_minor: 1,
        currency: Currency::parse("USD").expect("a currency"),
        brands: brands.fold(Brands::none(), |brands, &brand| brands.with(brand)),
        postal: if options & 2 == 0 {
            Postal::ALL[usize::from(options >> 6) % Postal::ALL.len()]
        } else {
            Postal::None
        },
        year: 2026,
        month: 11,
        holder: Holder::parse("").expect("no holder"),
    };
    let mode = Mode { canary: options & 4 == 0, test_numbers: options & 16 != 0 };
    let mut entry = Entry::new(open, mode, now).expect("memory");
    let mut is_over = drained(&mut entry, false);
    while let Some(step) = script.step() {
        match step {
            b'0'..=b'9' | b'*' | b'#' => give(&mut entry, now, &[VERSION, 1, step, 0]),
            b'a'..=b'h' => give(&mut entry, now, &[VERSION, 2, step - b'a', 0]),
            b'x' => give(&mut entry, now, &[VERSION, 3, 0, 0]),
            b'w' => now += script.millis(),
            _ => give(&mut entry, now, script.bytes(TO_VAULT_BYTES)),
        }
        entry.handle_timeout(now);
        is_over = drained(&mut entry, is_over);
    }
    // As often as a deadline is met; each wrong field is counted, so it is not often.
    for _ in 0..100 {
        let Some(due) = entry.poll_timeout() else { break };
        now = now.max(due);
        entry.handle_timeout(now);
        is_over = drained(&mut entry, is_over);
    }
    now += SESSION + Duration::from_secs(1);
    entry.handle_timeout(now);
    assert!(drained(&mut entry, is_over) && entry.poll_timeout().is_none(), "an entry ends in its time");
}

fn give(entry: &mut Entry, now: std::time::Instant, packet: &[u8]) {
    if let Ok(input) = VaultInput::decode(packet) {
        entry.handle_input(now, input);
    }
}

/// Whether the entry is over, after what it wants now.
fn drained(entry: &mut Entry, mut is_over: bool) -> bool {
    while let Some(output) = entry.poll_output() {
        assert!(!is_over, "nothing comes after the end");
        match output {
            EntryOutput::Tell(FromVault::Progress { step: Step::Code, count }) => {
                assert!(count == 0, "of the code nothing is shown");
            }
            EntryOutput::Tell(FromVault::Progress { count, .. }) => assert!(count <= MOST_KEYS),
            EntryOutput::Tell(FromVault::Prompt { .. }) => {}
            EntryOutput::Tell(FromVault::ConnectionWanted | FromVault::Outcome(_) | FromVault::Wiped(_)) => {
                unreachable!("an entry tells of prompts and progress only")
            }
            EntryOutput::Complete(..) | EntryOutput::Failed(_) => is_over = true,
        }
    }
    is_over
}

/// A processor's answer, as much of it as has come: an answer that is whole stays what it was as more bytes follow, and
/// what is kept is the card that was sent.
pub fn processor_answer(bytes: &[u8]) {
    let last_four = LastFour::parse("0005").expect("four digits");
    for &shape in Shape::ALL {
        let read = |bytes: &[u8]| answer::read(shape, (Brand::Amex, last_four), bytes);
        let mut before: Option<Outcome> = None;
        for end in 0..=bytes.len().min(600) {
            let outcome = read(&bytes[..end]);
            assert!(before.is_none() || outcome == before, "an answer that is whole stays what it was");
            if let Some(Outcome::Approved(held, _) | Outcome::Tokenised(held)) = outcome {
                assert!(held.brand == Brand::Amex && held.last_four == last_four);
            }
            before = outcome;
        }
        let _ = read(bytes);
    }
}

#[cfg(test)]
mod tests {
    super::replay::replay!(card_entry, processor_answer);
}
