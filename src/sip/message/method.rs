//! Request methods.

use std::fmt;

use crate::grammar::is_token;

/// A request's method; case counts (RFC 3261 §7.1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// RFC 3261 §13.
    Invite,
    /// RFC 3261 §13.2.2.4, §17.1.1.3.
    Ack,
    /// RFC 3261 §15.
    Bye,
    /// RFC 3261 §9.
    Cancel,
    /// RFC 3261 §11.
    Options,
    /// RFC 6086.
    Info,
    /// RFC 6665 §4.1.3: what comes of a REFER of this side.
    Notify,
    /// RFC 3515: sent, and not allowed here.
    Refer,
    /// A method of another extension that is known and not allowed here.
    NotAllowed(&'static str),
    /// A method that nobody registered.
    Unknown(String),
}

/// Other registered methods that this side answers with 405.
const NOT_ALLOWED: [&str; 6] = ["REGISTER", "UPDATE", "PRACK", "SUBSCRIBE", "MESSAGE", "PUBLISH"];

impl Method {
    /// What this side allows: the value of Allow.
    pub const ALLOWED: &'static str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, NOTIFY";

    /// The method of this name, or `None` where it is no token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let method = match text {
            "INVITE" => Self::Invite,
            "ACK" => Self::Ack,
            "BYE" => Self::Bye,
            "CANCEL" => Self::Cancel,
            "OPTIONS" => Self::Options,
            "INFO" => Self::Info,
            "NOTIFY" => Self::Notify,
            "REFER" => Self::Refer,
            text => match NOT_ALLOWED.iter().find(|known| **known == text) {
                Some(known) => Self::NotAllowed(known),
                None if is_token(text) => Self::Unknown(text.to_owned()),
                None => return None,
            },
        };
        Some(method)
    }

    /// The method's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Info => "INFO",
            Self::Notify => "NOTIFY",
            Self::Refer => "REFER",
            Self::NotAllowed(name) => name,
            Self::Unknown(name) => name,
        }
    }

    /// The method as a metric's label, from a fixed set.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Info => "INFO",
            Self::Notify => "NOTIFY",
            Self::Refer => "REFER",
            Self::NotAllowed(name) => name,
            Self::Unknown(_) => "OTHER",
        }
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.label())
    }
}
