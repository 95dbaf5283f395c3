//! Signed notes, as C2SP's `signed-note` describes them: a text, and under it one line for each Ed25519 signature (RFC 8032).
//!
//! ```text
//! tonegate audit checkpoint 1                       the text: lines, each ended by a line feed
//! node gateway-1
//!                                                   an empty line
//! — gateway-1 q83vEjRW…                             em dash, name of the key, base64 of its hash (4 bytes) and the signature (64)
//! ```
//!
//! The signature covers the text with its last line feed. A key's hash is the start of `SHA-256(NAME || LF || 1 || KEY)`.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::key::{HASH, Verifier};

/// How the line of a signature begins.
pub(super) const SIGNED: &str = "\u{2014} ";
/// Longest note, in bytes: those here are far shorter.
const LONGEST: usize = 16 << 10;
/// Most signatures of one note that are looked at.
const MOST_SIGNATURES: usize = 16;

/// Why a note is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is no signed note.
    #[error("it is no signed note")]
    Malformed,
    /// A signature that claims a known key is not by it.
    #[error("a signature is not by the key that it names, or the text was changed after it was signed")]
    BadSignature,
    /// No signature is by a known key.
    #[error("no signature is by a key that was given")]
    UnknownKey,
}

/// A note, taken apart but not yet believed.
#[derive(Clone, Debug)]
pub struct Note<'a> {
    /// The text that is signed, with its last line feed.
    pub text: &'a str,
    signatures: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Note<'a> {
    /// Takes a note apart.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        let bounded = Some(note).filter(|note| note.len() <= LONGEST && !note.contains('\r'));
        let (text, lines) = bounded.and_then(|note| note.rsplit_once("\n\n")).ok_or(NoteError::Malformed)?;
        let text = &note[..=text.len()];
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed)?;
        let signatures: Option<Vec<_>> = lines.split('\n').map(signature).collect();
        let signatures = signatures.filter(|found| found.len() <= MOST_SIGNATURES).ok_or(NoteError::Malformed)?;
        Ok(Self { text, signatures })
    }

    /// Those of some keys that signed, each once.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] where one of them is named and did not.
    pub fn signers<'k>(&self, keys: &'k [Verifier]) -> Result<Vec<&'k Verifier>, NoteError> {
        let mut signers: Vec<&Verifier> = Vec::new();
        for (name, bytes) in &self.signatures {
            let (hash, signature) = bytes.split_at(HASH);
            let named = keys.iter().filter(|key| key.name() == *name && key.hash() == hash);
            for key in named {
                if !key.verifies(self.text.as_bytes(), signature) {
                    return Err(NoteError::BadSignature);
                }
                if signers.iter().all(|signer| signer.key() != key.key()) {
                    signers.push(key);
                }
            }
        }
        Ok(signers)
    }

    /// How many keys the signatures name.
    #[must_use]
    pub fn distinct(&self) -> usize {
        let named = self.signatures.iter().map(|(name, bytes)| (*name, &bytes[..HASH]));
        named.collect::<std::collections::HashSet<_>>().len()
    }

    /// How many signatures there are, by whomever.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.signatures.len()
    }
}

fn signature(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, bytes) = line.strip_prefix(SIGNED)?.split_once(' ')?;
    let bytes = BASE64_STANDARD.decode(bytes).ok().filter(|bytes| bytes.len() == HASH + 64)?;
    (!name.is_empty()).then_some((name, bytes))
}

/// The values of a text that is a title and lines `NAME VALUE`, exactly these and in this order.
#[must_use]
pub fn fields<'a, const N: usize>(text: &'a str, title: &str, names: [&str; N]) -> Option<[&'a str; N]> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next() != Some(title) {
        return None;
    }
    let mut values = [""; N];
    for (value, name) in values.iter_mut().zip(names) {
        let (found, rest) = lines.next()?.split_once(' ')?;
        if found != name || rest.is_empty() {
            return None;
        }
        *value = rest;
    }
    lines.next().is_none().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Signer;

    fn signer(name: &str) -> Signer {
        Signer::generate(name).unwrap().0
    }

    #[test]
    fn a_note_is_believed_by_its_text_and_keys_alone() {
        let (one, two, other) = (signer("one"), signer("two"), signer("other"));
        let text = "a title\nfield value\n";
        let note = format!("{}{}", one.note(text), two.line(text));
        let keys = [one.verifier().clone(), two.verifier().clone()];
        let parsed = Note::parse(&note).unwrap();
        assert_eq!((parsed.text, parsed.signatures()), (text, 2));
        assert_eq!(parsed.signers(&keys).unwrap().len(), 2);
        assert!(parsed.signers(&[other.verifier().clone()]).unwrap().is_empty());
        let changed = note.replace("value", "velue");
        assert_eq!(Note::parse(&changed).unwrap().signers(&keys), Err(NoteError::BadSignature));
        let twice = format!("{}{}", one.note(text), one.line(text));
        assert_eq!(Note::parse(&twice).unwrap().signers(&keys).unwrap().len(), 1, "a key signs once");
        // Another key under a name that is known does not count, and is no reason to refuse.
        let namesake = signer("one").note(text);
        assert!(Note::parse(&namesake).unwrap().signers(&keys).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_note_is_named_and_never_a_panic() {
        let note = signer("one").note("title\n");
        for end in (0..note.len()).filter(|end| note.is_char_boundary(*end)) {
            assert!(Note::parse(&note[..end]).is_err(), "{end}");
        }
        for bad in ["", "\n\n", "\n", "text\n\n\n", "text\n\nno signature\n", "a\r\n\n\u{2014} one AAAA\n"] {
            assert!(Note::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn lines_are_read_in_their_order_and_no_others() {
        let read = |text: &str| fields(text, "title", ["one", "two"]).map(|[one, two]| format!("{one}/{two}"));
        assert_eq!(read("title\none a b\ntwo c\n").as_deref(), Some("a b/c"));
        for bad in [
            "title\ntwo c\none a\n",
            "title\none a\n",
            "other\none a\ntwo c\n",
            "title\none a\ntwo c\nmore d\n",
            "title\none \ntwo c\n",
            "title\none a\ntwo c",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
