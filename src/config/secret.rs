//! Where a secret is: in an environment variable or in a file, never in the configuration.

use std::io;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

/// The prefix of every environment variable a secret may be read from.
pub(crate) const PREFIX: &str = "TONEGATE_";
/// Fewest characters of a secret that a person cannot guess.
pub(crate) const MIN_LENGTH: usize = 16;
const MAX_LENGTH: usize = 4_096;

/// The place of one secret: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct SecretSource {
    /// An environment variable that begins with `TONEGATE_`.
    pub(crate) env: Option<String>,
    /// A file whose whole text, without surrounding white space, is the secret.
    pub(crate) file: Option<PathBuf>,
}

/// Why a secret cannot be had. Never holds the secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// Neither place is named, or both are.
    #[error("names no place for the secret or two; set either `env` or `file`")]
    NotOnePlace,
    /// The variable is not one of this program's.
    #[error("the environment variable {0} does not begin with TONEGATE_; rename it")]
    ForeignVariable(String),
    /// The variable is not set.
    #[error("the environment variable {0} is not set; set it before starting")]
    Unset(String),
    /// The file cannot be read.
    #[error("cannot read the file {}: {source}", path.display())]
    Unreadable {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Too short to be safe or too long to be meant.
    #[error("the secret has {0} characters; it needs {MIN_LENGTH} to {MAX_LENGTH}")]
    Length(usize),
}

impl SecretSource {
    /// What is wrong with the place itself, without reading it.
    pub(crate) fn place(&self) -> Result<(), SecretError> {
        match (&self.env, &self.file) {
            (Some(name), None) if !name.starts_with(PREFIX) => Err(SecretError::ForeignVariable(name.clone())),
            (Some(_), None) | (None, Some(_)) => Ok(()),
            (None, None) | (Some(_), Some(_)) => Err(SecretError::NotOnePlace),
        }
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// Where the place is not exactly one, or holds nothing usable.
    pub(crate) fn read(&self) -> Result<SecretString, SecretError> {
        self.place()?;
        let text = match (&self.env, &self.file) {
            (Some(name), _) => std::env::var(name).map_err(|_| SecretError::Unset(name.clone()))?,
            (None, Some(path)) => std::fs::read_to_string(path)
                .map_err(|source| SecretError::Unreadable { path: path.clone(), source })?,
            (None, None) => return Err(SecretError::NotOnePlace),
        };
        let secret = SecretString::from(text.trim().to_owned());
        let length = secrecy::ExposeSecret::expose_secret(&secret).chars().count();
        if (MIN_LENGTH..=MAX_LENGTH).contains(&length) { Ok(secret) } else { Err(SecretError::Length(length)) }
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    /// Written by hand, because a derived reader would quote a secret that somebody put in the file by mistake.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let misplaced = || -> D::Error {
            de::Error::custom(
                "write { env = \"TONEGATE_…\" } or { file = \"…\" }; the secret itself is never in this file",
            )
        };
        let value = toml::Value::deserialize(deserializer).map_err(|_| misplaced())?;
        let table = value.as_table().ok_or_else(misplaced)?;
        let text =
            |name| table.get(name).map(|value| value.as_str().map(str::to_owned).ok_or_else(misplaced)).transpose();
        Ok(Self { env: text("env")?, file: text("file")?.map(PathBuf::from) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_exactly_one_place() {
        let both = SecretSource { env: Some("TONEGATE_X".into()), file: Some("x".into()) };
        assert!(matches!(both.read(), Err(SecretError::NotOnePlace)));
        assert!(matches!(SecretSource::default().read(), Err(SecretError::NotOnePlace)));
    }

    #[test]
    fn only_this_programs_variables_are_read() {
        let source = SecretSource { env: Some("PATH".into()), file: None };
        assert!(matches!(source.read(), Err(SecretError::ForeignVariable(_))));
    }

    #[test]
    fn a_file_is_read_without_its_line_end_and_never_printed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "correct-horse-battery\n").unwrap();
        let source = SecretSource { env: None, file: Some(path.clone()) };
        let secret = source.read().unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(&secret), "correct-horse-battery");
        assert!(!format!("{secret:?}").contains("horse"));
        std::fs::write(&path, "short").unwrap();
        assert!(matches!(source.read(), Err(SecretError::Length(5))));
    }
}
