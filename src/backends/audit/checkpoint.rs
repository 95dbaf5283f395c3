//! Checkpoints: how far the chain had come at a moment, signed, to be kept where who holds the chain cannot reach.

use jiff::Timestamp;
use uuid::Uuid;

use super::key::{Signer, Verifier};
use super::note::{self, Note, NoteError};
use super::{GENESIS, Hash, from_hex, sha256, to_hex};

/// The first line of a checkpoint's text.
pub(super) const TITLE: &str = "tonegate audit checkpoint 1";

/// The lines after it.
const FIELDS: [&str; 9] = ["node", "instance", "opened-after", "chain", "number", "previous", "records", "head", "at"];

/// How far a chain had come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The gateway's name, `audit.node`.
    pub node: String,
    /// The run of the gateway that made it.
    pub instance: Uuid,
    /// The head that this run's opening record follows: its predecessor's.
    pub opened_after: Hash,
    /// The chain, by the hash of its first record.
    pub chain: Hash,
    /// Its number among the chain's checkpoints, from 1.
    pub number: u64,
    /// The SHA-256 hash of the chain's checkpoint before it, as a whole note; zeros for the first.
    pub previous: Hash,
    /// How many records there were.
    pub records: u64,
    /// The hash of the last of them.
    pub head: Hash,
    /// When.
    pub at: Timestamp,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let values = [
            self.node.clone(),
            self.instance.to_string(),
            to_hex(&self.opened_after),
            to_hex(&self.chain),
            self.number.to_string(),
            to_hex(&self.previous),
            self.records.to_string(),
            to_hex(&self.head),
            self.at.to_string(),
        ];
        let lines = FIELDS.iter().zip(values).map(|(name, value)| format!("{name} {value}\n"));
        std::iter::once(format!("{TITLE}\n")).chain(lines).collect()
    }

    /// The signed note.
    #[must_use]
    pub fn note(&self, signer: &Signer) -> String {
        signer.note(&self.text())
    }

    /// Reads the text of a checkpoint: exactly what [`Checkpoint::text`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let values = note::fields(text, TITLE, FIELDS)?;
        let [node, instance, opened_after, chain, number, previous, records, head, at] = values;
        let checkpoint = Self {
            node: node.to_owned(),
            instance: instance.parse().ok()?,
            opened_after: from_hex(opened_after)?,
            chain: from_hex(chain)?,
            number: number.parse().ok()?,
            previous: from_hex(previous)?,
            records: records.parse().ok()?,
            head: from_hex(head)?,
            at: at.parse().ok()?,
        };
        (checkpoint.text() == text).then_some(checkpoint)
    }
}

/// A checkpoint as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where: a file and a line, or the store.
    pub place: String,
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The hash of its note.
    pub hash: Hash,
}

/// A checkpoint that is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {fault}")]
pub struct NotBelieved {
    /// Where it is.
    pub place: String,
    /// Why.
    pub fault: NoteFault,
}

/// What is wrong with one checkpoint by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// It is not a note, or its signature does not hold.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is not a checkpoint's.
    #[error("its text is not that of a checkpoint")]
    Text,
}

/// Checks one note.
///
/// # Errors
/// Why it is not believed.
pub fn believe(place: &str, note: &str, keys: &[Verifier]) -> Result<Found, NotBelieved> {
    let fault = |fault| NotBelieved { place: place.to_owned(), fault };
    let parsed = Note::parse(note).map_err(|error| fault(error.into()))?;
    if parsed.signers(keys).map_err(|error| fault(error.into()))?.is_empty() {
        return Err(fault(NoteError::UnknownKey.into()));
    }
    let checkpoint = Checkpoint::parse(parsed.text).ok_or_else(|| fault(NoteFault::Text))?;
    Ok(Found { place: place.to_owned(), checkpoint, hash: sha256(note.as_bytes()) })
}

/// The notes of a file to which each checkpoint was appended, with the line that each begins at; and whether the file
/// ends in the middle of one, as a crash leaves it.
#[must_use]
pub fn split(file: &str) -> (Vec<(usize, &str)>, bool) {
    let (mut notes, mut start, mut begins_at, mut at) = (Vec::new(), 0, 1, 0);
    let (mut is_text_over, mut is_signed) = (false, false);
    for (number, line) in file.split_inclusive('\n').enumerate() {
        let is_signature = is_text_over && (line.starts_with(note::SIGNED) || may_become_signature(line));
        if is_text_over && !is_signature {
            notes.push((begins_at, &file[start..at]));
            (start, begins_at, is_text_over, is_signed) = (at, number + 1, false, false);
        }
        is_text_over |= line == "\n";
        is_signed |= is_signature && line.ends_with('\n');
        at += line.len();
    }
    let is_cut = start < file.len() && !(is_signed && file.ends_with('\n'));
    if start < file.len() && !is_cut {
        notes.push((begins_at, &file[start..]));
    }
    (notes, is_cut)
}

/// Whether a line is the cut beginning of a signature's, if only a part of its first character.
fn may_become_signature(line: &str) -> bool {
    !line.ends_with('\n') && note::SIGNED.starts_with(line.trim_end_matches(char::REPLACEMENT_CHARACTER))
}

/// The hash that the first checkpoint of a chain follows.
pub(super) const NONE_BEFORE: Hash = GENESIS;

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(number: u64) -> Checkpoint {
        Checkpoint {
            node: "gateway-1".to_owned(),
            instance: Uuid::from_u128(7),
            opened_after: GENESIS,
            chain: sha256(b"first"),
            number,
            previous: NONE_BEFORE,
            records: 12,
            head: sha256(b"last"),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_checkpoint_reads_as_it_was_written_and_no_other_text_does() {
        let text = checkpoint(1).text();
        assert_eq!(Checkpoint::parse(&text), Some(checkpoint(1)));
        for (from, to) in
            [("records 12", "records 012"), ("number 1", "number +1"), ("head ", "Head "), ("at 1970", "at  1970")]
        {
            assert_eq!(Checkpoint::parse(&text.replacen(from, to, 1)), None, "{to}");
        }
    }

    #[test]
    fn notes_that_were_appended_are_found_again_and_a_cut_one_is_told() {
        let (signer, _) = Signer::generate("gateway-1").unwrap();
        let notes: Vec<String> = (1..=3).map(|number| checkpoint(number).note(&signer)).collect();
        let file = notes.concat();
        let (found, is_cut) = split(&file);
        assert_eq!(found.iter().map(|(_, note)| *note).collect::<Vec<_>>(), notes);
        assert!(!is_cut && found[1].0 == 13, "{}", found[1].0);
        let first_two = notes[0].len() + notes[1].len();
        for end in first_two + 1..file.len() {
            let cut = String::from_utf8_lossy(&file.as_bytes()[..end]);
            let (found, is_cut) = split(&cut);
            assert!(is_cut && found.len() == 2, "{end}");
        }
        let keys = [signer.verifier().clone()];
        assert_eq!(believe("here", &notes[2], &keys).unwrap().checkpoint.number, 3);
        let forged = notes[2].replace("records 12", "records 13");
        assert_eq!(believe("here", &forged, &keys).unwrap_err().fault, NoteError::BadSignature.into());
        let (other, _) = Signer::generate("gateway-1").unwrap();
        let unknown = believe("here", &notes[2], &[other.verifier().clone()]).unwrap_err();
        assert_eq!(unknown.fault, NoteError::UnknownKey.into());
    }
}
