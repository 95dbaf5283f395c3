//! Versions of the API, as a path has them: `v68.0`.

use std::{fmt, str::FromStr};

/// A version of the REST API. There are three a year, and their minor number is always 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion(u16);

/// The text is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version of the API is written like v68.0")]
pub struct InvalidVersion;

impl ApiVersion {
    /// The number before the point.
    #[must_use]
    pub const fn major(self) -> u16 {
        self.0
    }
}

impl FromStr for ApiVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let digits = text.strip_prefix('v').and_then(|rest| rest.strip_suffix(".0")).ok_or(InvalidVersion)?;
        let is_number = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || digits.starts_with('0') {
            return Err(InvalidVersion);
        }
        digits.parse().map(Self).map_err(|_| InvalidVersion)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "v{}.0", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_paths_have_them() {
        let version: ApiVersion = "v68.0".parse().unwrap();
        assert_eq!((version.major(), version.to_string()), (68, "v68.0".to_owned()));
        assert!(version > "v9.0".parse().unwrap());
        for text in ["", "68", "68.0", "v68", "v68.1", "v.0", "v0.0", "v068.0", "v6 8.0", "v1000.0", "v٣.0"] {
            assert_eq!(text.parse::<ApiVersion>(), Err(InvalidVersion), "{text}");
        }
    }
}
