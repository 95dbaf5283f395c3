//! Whom a caller is referred to.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::uri::Uri;

/// Longest URI that a caller is referred to, in bytes.
const MOST_URI: usize = 256;

/// Whom a caller is referred to: a `sip:` or `tel:` URI without headers of its own. It may hold a number, so it cannot be
/// printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ReferTarget(Uri);

/// Why a text is no [`ReferTarget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReferTargetError {
    /// No URI at all, or a `tel:` without a number.
    #[error("is no URI; write one like \"sip:desk@example.com\" or \"tel:+12025550100\"")]
    NoUri,
    /// A URI of another kind.
    #[error("is neither a sip: nor a tel: URI")]
    Scheme,
    /// A URI that says more than where.
    #[error("says more than where (`?` or `method=`); leave that out")]
    More,
    /// Longer than 256 bytes.
    #[error("is longer than 256 bytes")]
    TooLong,
}

impl ReferTarget {
    /// The value of Refer-To (RFC 3515 §2.1).
    pub(crate) fn header(&self) -> String {
        format!("<{}>", self.0)
    }
}

impl FromStr for ReferTarget {
    type Err = ReferTargetError;

    fn from_str(text: &str) -> Result<Self, ReferTargetError> {
        if text.len() > MOST_URI {
            return Err(ReferTargetError::TooLong);
        }
        let uri: Uri = text.parse().map_err(|_| ReferTargetError::NoUri)?;
        match &uri {
            Uri::Sip(sip) if sip.secure => Err(ReferTargetError::Scheme),
            Uri::Sip(sip) if sip.headers.is_some() || sip.parameters.find("method").is_some() => {
                Err(ReferTargetError::More)
            }
            Uri::Tel(_) if !uri.subscriber().is_some_and(is_number) => Err(ReferTargetError::NoUri),
            Uri::Sip(_) | Uri::Tel(_) => Ok(Self(uri)),
            Uri::Other(_) => Err(ReferTargetError::Scheme),
        }
    }
}

impl fmt::Debug for ReferTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ReferTarget(..)")
    }
}

/// Whether a text is a number with its visual separators (RFC 3966 §3).
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b"-.()*#".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_where_and_nothing_more() {
        for text in ["sip:desk@example.com", "sip:desk@203.0.113.7:5062;transport=tcp", "tel:+1-202-555-0100;ext=7"] {
            let target: ReferTarget = text.parse().unwrap();
            assert_eq!((target.header(), format!("{target:?}")), (format!("<{text}>"), "ReferTarget(..)".to_owned()));
        }
        let long = format!("sip:{}@example.com", "d".repeat(256));
        for (text, error) in [
            ("desk", ReferTargetError::NoUri),
            ("sip:desk@example.com>\r\nX: y", ReferTargetError::NoUri),
            ("tel:desk", ReferTargetError::NoUri),
            ("tel:+", ReferTargetError::NoUri),
            ("sips:desk@example.com", ReferTargetError::Scheme),
            ("https://example.com/", ReferTargetError::Scheme),
            ("sip:desk@example.com?Replaces=1", ReferTargetError::More),
            ("sip:desk@example.com;method=BYE", ReferTargetError::More),
            (long.as_str(), ReferTargetError::TooLong),
        ] {
            assert_eq!(text.parse::<ReferTarget>(), Err(error), "{text}");
        }
    }
}
