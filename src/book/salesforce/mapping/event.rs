//! What the event of an assignment is called in an org, and its fields.

use super::ApiName;
use crate::salesforce::field::Kind;

/// A logical field of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventField {
    /// The assignment's id: text.
    Assignment,
    /// The external id of the account: text.
    Account,
    /// Whether it is assigned or revoked: text.
    Action,
    /// The strategy's id: text.
    Strategy,
    /// A whole number; the greatest is called first.
    Priority,
    /// From when on: date/time.
    NotBefore,
    /// Until when: date/time.
    NotAfter,
    /// The number that the strategy engine saw.
    Phone,
    /// BCP 47 tag: text.
    Language,
    /// IANA name: text.
    TimeZone,
    /// Most instalments: number.
    MaxInstalments,
    /// Least payment: currency.
    MinPayment,
}

impl EventField {
    /// Each of them, the three that must be mapped first.
    pub const ALL: [Self; 12] = [
        Self::Assignment,
        Self::Account,
        Self::Action,
        Self::Strategy,
        Self::Priority,
        Self::NotBefore,
        Self::NotAfter,
        Self::Phone,
        Self::Language,
        Self::TimeZone,
        Self::MaxInstalments,
        Self::MinPayment,
    ];

    /// Its name in mappings and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Assignment => "assignment",
            Self::Account => "account",
            Self::Action => "action",
            Self::Strategy => "strategy",
            Self::Priority => "priority",
            Self::NotBefore => "not_before",
            Self::NotAfter => "not_after",
            Self::Phone => "phone",
            Self::Language => "language",
            Self::TimeZone => "time_zone",
            Self::MaxInstalments => "max_instalments",
            Self::MinPayment => "min_payment",
        }
    }

    /// Of which kind it is where the org's event is made as the gateway's own.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Assignment | Self::Account | Self::TimeZone => Kind::Text(64),
            // A record id.
            Self::Strategy => Kind::Text(18),
            Self::Action | Self::Phone | Self::Language => Kind::Text(16),
            // No event has a currency field.
            Self::Priority | Self::MaxInstalments | Self::MinPayment => Kind::Number,
            Self::NotBefore | Self::NotAfter => Kind::Instant,
        }
    }

    /// Whether a mapping must have it, and an event a value in it.
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Assignment | Self::Account | Self::Action)
    }
}

/// The event of an org.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMapping {
    pub(super) api: ApiName,
    pub(super) fields: Vec<(EventField, ApiName)>,
    pub(super) assign: String,
    pub(super) revoke: String,
}

impl EventMapping {
    /// The name of its table in a mapping.
    pub const TABLE: &str = "assignment_event";

    /// Its API name.
    #[must_use]
    pub const fn api(&self) -> &ApiName {
        &self.api
    }

    /// How the event is subscribed to (Pub/Sub API, "Topic Names").
    #[must_use]
    pub fn topic(&self) -> String {
        format!("/event/{}", self.api)
    }

    /// The name of a field; `None` where it is left out.
    #[must_use]
    pub fn field(&self, field: EventField) -> Option<&ApiName> {
        self.fields.iter().find(|(mapped, _)| *mapped == field).map(|(_, name)| name)
    }

    /// The action that assigns.
    #[must_use]
    pub fn assign(&self) -> &str {
        &self.assign
    }

    /// The action that revokes.
    #[must_use]
    pub fn revoke(&self) -> &str {
        &self.revoke
    }
}
