//! The command line. No configuration file, no environment: a control that could be changed unseen is none.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use thiserror::Error;

/// How the vault is to be used.
pub const USAGE: &str = "\
usage: tonegate-vault --processor-name NAME --processor-ca FILE --processor-token FILE
                      [--processor-path PATH] [--answer-seconds N] [--canary]
                                        serve captures; the control socket is standard input
       tonegate-vault --check           harden, print what holds
       tonegate-vault --help            print this";

/// What the command line asks for.
pub enum Command {
    /// Print how the vault is to be used, and leave.
    Help,
    /// Harden, print what holds, leave.
    Check,
    /// Serve captures.
    Serve(Options),
}

/// How to serve.
pub struct Options {
    /// The name that the processor's certificate must bear.
    pub processor_name: String,
    /// PEM: the authority that must have signed it.
    pub processor_authority: PathBuf,
    /// The file with the bearer token.
    pub processor_token: PathBuf,
    /// Where payments are posted; `/v1/payments` unless said otherwise.
    pub processor_path: String,
    /// How long the processor may take to answer; 1 to 60 seconds.
    pub answer_within: Duration,
    /// Whether the canary range is taken. Never with a processor that moves money.
    pub canary: bool,
}

/// What is wrong with the command line. Names the option.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// Not an option.
    #[error("unknown option {0}")]
    Unknown(String),
    /// An option without its value, or with one it cannot have.
    #[error("{0} needs a valid value")]
    Value(&'static str),
    /// An option that is needed.
    #[error("{0} is missing")]
    Missing(&'static str),
}

impl Command {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// The first argument that is wrong, or an option that is missing.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, OptionsError> {
        let (mut name, mut authority, mut token) = (None, None, None);
        let (mut path, mut seconds, mut canary) = ("/v1/payments".to_owned(), 20, false);
        let mut arguments = arguments.into_iter();
        while let Some(option) = arguments.next() {
            let mut value = |option| arguments.next().ok_or(OptionsError::Value(option));
            match option.to_str() {
                Some("--help" | "-h") => return Ok(Self::Help),
                Some("--check") => return Ok(Self::Check),
                Some("--canary") => canary = true,
                Some("--processor-name") => name = Some(text("--processor-name", value("--processor-name")?)?),
                Some("--processor-ca") => authority = Some(value("--processor-ca")?.into()),
                Some("--processor-token") => token = Some(value("--processor-token")?.into()),
                Some("--processor-path") => path = text("--processor-path", value("--processor-path")?)?,
                Some("--answer-seconds") => {
                    let text = value("--answer-seconds")?;
                    let number =
                        text.to_str().and_then(|text| text.parse().ok()).filter(|number| (1..=60).contains(number));
                    seconds = number.ok_or(OptionsError::Value("--answer-seconds"))?;
                }
                _ => return Err(OptionsError::Unknown(option.to_string_lossy().into_owned())),
            }
        }
        Ok(Self::Serve(Options {
            processor_name: name.ok_or(OptionsError::Missing("--processor-name"))?,
            processor_authority: authority.ok_or(OptionsError::Missing("--processor-ca"))?,
            processor_path: path,
            processor_token: token.ok_or(OptionsError::Missing("--processor-token"))?,
            answer_within: Duration::from_secs(seconds),
            canary,
        }))
    }
}

fn text(option: &'static str, value: OsString) -> Result<String, OptionsError> {
    value.into_string().map_err(|_| OptionsError::Value(option))
}
