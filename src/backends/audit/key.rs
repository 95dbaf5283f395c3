//! The Ed25519 keys that sign notes (RFC 8032), public and private, and their files.

use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::{Zeroize, Zeroizing};

use super::note::SIGNED;
use super::{sha256, to_hex};

/// Bytes of either key.
const KEY: usize = 32;
/// Bytes of a key's hash.
pub(super) const HASH: usize = 4;
/// The kind of key and signature: Ed25519.
const ALGORITHM: u8 = 1;
/// How the line of a private key begins.
const PRIVATE: &str = "PRIVATE+KEY+";
/// Longest name of a key, in characters.
const LONGEST_NAME: usize = 40;

/// Why a key, or its file, cannot be used. Never holds a private key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is no public key.
    #[error("is no public key; write the line NAME+HASH+KEY as it was printed, whole")]
    NotPublic,
    /// It is a private key where a public one belongs.
    #[error("is a private key, and none belongs here; write the line NAME+HASH+KEY that was printed with it")]
    Private,
    /// The file holds no private key.
    #[error("{}: holds no private key, which is a line that begins with `{PRIVATE}`", .0.display())]
    NotPrivate(PathBuf),
    /// Others can read or write the file.
    #[error("{}: others than its owner can read or change it (mode {mode:o}); chmod 600 it, and make a new key if they had it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file belongs to somebody else.
    #[error("{}: belongs to user {owner}, not to who runs this program or to root", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// The name cannot stand in a note.
    #[error("{0:?} cannot name a key; use up to {LONGEST_NAME} letters, digits, `-`, `_` and `.`")]
    Name(String),
    /// The file cannot be read or made.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system has no randomness.
    #[error("the system gives no randomness for a key")]
    NoRandomness,
}

/// Whether a text can name a key.
#[must_use]
pub fn is_key_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// A public key with the name of its owner. As text: `NAME+HASH+KEY`, the hash in hexadecimal, the key in base64.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Verifier {
    name: String,
    key: [u8; KEY],
}

impl Verifier {
    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key itself.
    #[must_use]
    pub fn key(&self) -> &[u8; KEY] {
        &self.key
    }

    pub(super) fn hash(&self) -> [u8; HASH] {
        let bytes = [self.name.as_bytes(), b"\n", &[ALGORITHM], &self.key].concat();
        sha256(&bytes).first_chunk().copied().unwrap_or_default()
    }

    /// Whether these bytes were signed by the owner of the key.
    pub(super) fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.key).verify(bytes, signature).is_ok()
    }
}

impl FromStr for Verifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.starts_with(PRIVATE) {
            return Err(KeyError::Private);
        }
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::NotPublic);
        };
        let key = key_of(key).filter(|_| is_key_name(name)).ok_or(KeyError::NotPublic)?;
        let verifier = Self { name: name.to_owned(), key };
        if to_hex(&verifier.hash()) == hash { Ok(verifier) } else { Err(KeyError::NotPublic) }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = BASE64_STANDARD.encode([&[ALGORITHM], self.key.as_slice()].concat());
        write!(formatter, "{}+{}+{key}", self.name, to_hex(&self.hash()))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

fn key_of(text: &str) -> Option<[u8; KEY]> {
    let mut bytes = BASE64_STANDARD.decode(text).ok()?;
    let key = bytes.split_first().filter(|(kind, _)| **kind == ALGORITHM).and_then(|(_, key)| key.try_into().ok());
    bytes.zeroize();
    key
}

/// A private key, which signs. It cannot be printed.
pub struct Signer {
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

impl Signer {
    /// A new key, and the text of its file.
    ///
    /// # Errors
    /// Where the name cannot stand in a note, or the system has no randomness.
    pub fn generate(name: &str) -> Result<(Self, Zeroizing<String>), KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name(name.to_owned()));
        }
        let mut seed = Zeroizing::new([0; KEY]);
        SystemRandom::new().fill(seed.as_mut()).map_err(|_| KeyError::NoRandomness)?;
        let signer = Self::of_seed(name, &seed).ok_or(KeyError::NoRandomness)?;
        let bytes = Zeroizing::new([&[ALGORITHM], seed.as_slice()].concat());
        let key = Zeroizing::new(BASE64_STANDARD.encode(&*bytes));
        let text = format!("{PRIVATE}{name}+{}+{}\n", to_hex(&signer.verifier.hash()), *key);
        Ok((signer, Zeroizing::new(text)))
    }

    /// Makes a key in a new file for its owner alone.
    ///
    /// # Errors
    /// Where the name cannot be used or the file exists or cannot be made.
    pub fn create(name: &str, path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let (signer, text) = Self::generate(name)?;
        let options = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = options.map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(signer)
    }

    /// Reads a key's file, which nobody but its owner may read or change.
    ///
    /// # Errors
    /// Where the file cannot be read, others have access to it, or it holds no private key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(failed)?;
        let (mode, owner) = (metadata.mode() & 0o777, metadata.uid());
        if mode & 0o077 != 0 {
            return Err(KeyError::Open { path: path.to_owned(), mode });
        }
        // Root may look at anybody's.
        let user = rustix::process::geteuid().as_raw();
        if owner != 0 && user != 0 && owner != user {
            return Err(KeyError::Foreign { path: path.to_owned(), owner });
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?);
        let line = text.lines().find_map(|line| line.strip_prefix(PRIVATE));
        line.and_then(Self::of_line).ok_or_else(|| KeyError::NotPrivate(path.to_owned()))
    }

    fn of_line(line: &str) -> Option<Self> {
        let mut parts = line.trim_end().splitn(3, '+');
        let (name, hash, key) = (parts.next()?, parts.next()?, parts.next()?);
        let seed = Zeroizing::new(key_of(key)?);
        let signer = Self::of_seed(name, &seed).filter(|_| is_key_name(name))?;
        (to_hex(&signer.verifier.hash()) == hash).then_some(signer)
    }

    fn of_seed(name: &str, seed: &[u8; KEY]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let key = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { pair, verifier: Verifier { name: name.to_owned(), key } })
    }

    /// The public key, with which anybody can verify.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// A text under its signature. The text must end with a line feed.
    #[must_use]
    pub fn note(&self, text: &str) -> String {
        format!("{text}\n{}", self.line(text))
    }

    /// The line of a signature for a text.
    #[must_use]
    pub fn line(&self, text: &str) -> String {
        let signature = self.sign(text.as_bytes());
        let bytes = [self.verifier.hash().as_slice(), &signature].concat();
        format!("{SIGNED}{} {}\n", self.verifier.name, BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.pair.sign(bytes).as_ref().to_vec()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signer").field("name", &self.verifier.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// The key of RFC 8032 §7.1, test 1, under a name: what others that read signed notes make of it.
    #[test]
    fn a_key_is_written_as_other_programs_write_it() {
        let seed = *b"\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60";
        let signer = Signer::of_seed("example", &seed).unwrap();
        assert!(to_hex(signer.verifier().key()).starts_with("d75a980182b10ab7d54bfed3c964073a"));
        let text = signer.verifier().to_string();
        assert_eq!(text.parse::<Verifier>().unwrap(), *signer.verifier());
        assert!(text.starts_with("example+"), "{text}");
    }

    #[test]
    fn a_key_file_is_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let made = Signer::create("gateway-1", &path).unwrap();
        assert_eq!(Signer::read(&path).unwrap().verifier(), made.verifier());
        assert!(matches!(Signer::create("gateway-1", &path), Err(KeyError::File { .. })), "it is never written over");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = Signer::read(&path).unwrap_err();
        assert!(matches!(error, KeyError::Open { mode: 0o640, .. }), "{error}");
        std::fs::write(&path, "no key").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(Signer::read(&path), Err(KeyError::NotPrivate(_))));
        assert!(matches!(Signer::create("a+b", &directory.path().join("other")), Err(KeyError::Name(_))));
        assert!(format!("{made:?}").contains("gateway-1") && !format!("{made:?}").contains("PRIVATE"));
    }

    #[test]
    fn a_private_key_is_never_taken_for_a_public_one() {
        let (_, text) = Signer::generate("one").unwrap();
        assert!(matches!(text.parse::<Verifier>(), Err(KeyError::Private)));
        for bad in ["", "one", "one+00000000+AAAA", "one+zz+"] {
            assert!(matches!(bad.parse::<Verifier>(), Err(KeyError::NotPublic)), "{bad:?}");
        }
    }
}
