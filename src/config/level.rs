//! What is logged: a filter as `tracing` reads it, checked when the file is read.

use serde::{Deserialize, Deserializer, de};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// A level, or `target=level` pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogLevel(String);

impl Default for LogLevel {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl LogLevel {
    /// Whether anything below `info` may be written.
    #[must_use]
    pub(crate) fn is_verbose(&self) -> bool {
        self.filter().max_level_hint().is_none_or(|level| level > LevelFilter::INFO)
    }

    /// The filter as logging takes it.
    #[must_use]
    pub(crate) fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl<'de> Deserialize<'de> for LogLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match EnvFilter::try_new(&text) {
            Ok(_) => Ok(Self(text)),
            Err(_) => Err(de::Error::custom(format_args!(
                "{text:?} is no filter; write error, warn, info, debug or trace, or pairs like \"info,sip=debug\""
            ))),
        }
    }
}

#[cfg(test)]
impl serde::Serialize for LogLevel {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    #[test]
    fn a_level_below_info_is_told_from_others() {
        let is_verbose =
            |level: &str| Config::parse(&format!("[log]\nlevel = \"{level}\"\n")).unwrap().log.level.is_verbose();
        assert!(["debug", "trace", "info,sip=debug", "warn,gate=trace"].into_iter().all(is_verbose));
        assert!(!["info", "warn", "error", "off", "info,sip=warn"].into_iter().any(is_verbose));
    }

    #[test]
    fn a_level_that_logging_would_refuse_is_named_with_its_line() {
        for level in ["xyz=??", "sip=loud"] {
            let problems = Config::parse(&format!("[log]\nformat = \"text\"\nlevel = \"{level}\"\n")).unwrap_err();
            let text = problems[0].to_string();
            assert!(text.starts_with(&format!("line 3: level: \"{level}\" is no filter; write error")), "{text}");
        }
        Config::parse("[log]\nlevel = \"info,sip=debug\"\n").unwrap();
    }
}
