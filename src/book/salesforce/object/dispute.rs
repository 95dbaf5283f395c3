//! The Dispute: that a debt, or an amount of it, is said not to be owed.

use super::Object;
use crate::salesforce::field::Class::{C0, C1};
use crate::salesforce::field::{Field, Kind, fields};

const OBJECT: Object = Object::Dispute;

/// What is disputed.
pub const CATEGORIES: &[&str] = &["not_mine", "amount", "already_paid", "identity_theft", "other"];
/// How far it has come.
pub const STATUSES: &[&str] = &["open", "under_review", "resolved", "rejected"];
/// Those in which the account is disputed.
pub const OPEN_STATUSES: &[&str] = &["open", "under_review"];

fields! {
    /// The dispute's key.
    EXTERNAL_ID = Field::new(OBJECT, "external_id", Kind::ExternalId, C1).written();
    /// The account. Its mapping also names the relationship from an account to its disputes, as `children`.
    ACCOUNT = Field::new(OBJECT, "account", Kind::Reference(Object::CollectionAccount), C0).written();
    /// The call in which it was raised.
    ATTEMPT = Field::new(OBJECT, "attempt", Kind::Reference(Object::ContactAttempt), C1).written().at_times().optional();
    /// What is disputed.
    CATEGORY = Field::new(OBJECT, "category", Kind::Picklist(CATEGORIES), C1).written();
    /// How far it has come.
    STATUS = Field::new(OBJECT, "status", Kind::Picklist(STATUSES), C0).written().filtered();
    /// When it was raised.
    RAISED_AT = Field::new(OBJECT, "raised_at", Kind::Instant, C1).written();
    /// What another field could not take.
    NOTES = Field::long_text(OBJECT, "notes", C1).written().at_times().optional();
}
