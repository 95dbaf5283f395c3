//! What is fuzzed of the vault (`fuzz/README.md`). Nothing that is read here is shown to anyone.

use std::time::Duration;

use gate::wire::{Brand, Brands, LastFour, Outcome, Step, TO_VAULT_BYTES, VERSION, VaultInput};

use self::script::{Script, beginning};
use crate::{
    answer::{self, CardName},
    card::Today,
    entry::{Entry, EntryOutput, EntryRules, SESSION},
};

#[cfg(test)]
#[path = "../../../fuzz/shared/replay.rs"]
mod replay;
#[path = "../../../fuzz/shared/script.rs"]
mod script;

/// The most keys of any field: the longest card number.
const MOST_KEYS: u8 = 19;

/// An entry, from the packets of a capture socket and the time between them. It ends once, with a card or without one, and
/// within its time.
pub fn card_entry(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut now = beginning();
    let options = script.byte();
    let brands = Brand::ALL.iter().filter(|brand| options & 1 == 0 || **brand == Brand::Visa);
    let rules = EntryRules {
        today: Today { year: 2026, month: 11 },
        postal: options & 2 == 0,
        brands: brands.fold(Brands::none(), |brands, &brand| brands.with(brand)),
        canary: options & 4 == 0,
    };
    let mut entry = Entry::new(rules, now);
    let mut is_over = drained(&mut entry, false);
    while let Some(step) = script.step() {
        match step {
            b'0'..=b'9' | b'*' | b'#' => give(&mut entry, now, &[VERSION, 1, step, 0]),
            b'a'..=b'e' => give(&mut entry, now, &[VERSION, 2, step - b'a' + 1, 0]),
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
    match VaultInput::decode(packet) {
        Ok(VaultInput::Key(key)) => entry.handle_key(now, key),
        Ok(VaultInput::PromptEnded(step)) => entry.handle_prompt_ended(now, step),
        Ok(VaultInput::Cancel) => entry.handle_cancel(),
        Err(_) => {}
    }
}

/// Whether the entry is over, after what it wants now.
fn drained(entry: &mut Entry, mut is_over: bool) -> bool {
    while let Some(output) = entry.poll_output() {
        assert!(!is_over, "nothing comes after the end");
        match output {
            EntryOutput::Progress(Step::Code, count) => assert!(count == 0, "of the code nothing is shown"),
            EntryOutput::Progress(_, count) => assert!(count <= MOST_KEYS),
            EntryOutput::Prompt(..) => {}
            EntryOutput::Complete(_) | EntryOutput::Failed(_) => is_over = true,
        }
    }
    is_over
}

/// A processor's answer, as much of it as has come: an answer that is whole stays what it was as more bytes follow, and
/// an approval is of the card that was sent.
pub fn processor_answer(bytes: &[u8]) {
    let card = CardName { brand: Brand::Amex, last_four: LastFour::parse("0005").expect("four digits") };
    let mut before: Option<Outcome> = None;
    for end in 0..=bytes.len().min(600) {
        let outcome = answer::read(&bytes[..end], card);
        if let Some(before) = &before {
            assert!(outcome.as_ref() == Some(before), "an answer that is whole stays what it was");
        }
        if let Some(Outcome::Approved(approval)) = &outcome {
            assert!(approval.brand == card.brand && approval.last_four == card.last_four);
        }
        before = outcome;
    }
    let _ = answer::read(bytes, card);
}

#[cfg(test)]
mod tests {
    super::replay::replay!(card_entry, processor_answer);
}
