//! The Payment Arrangement: what was agreed.

use super::{Object, strategy};
use crate::salesforce::field::Class::C1;
use crate::salesforce::field::{Field, Kind, fields};

const OBJECT: Object = Object::PaymentArrangement;

/// What sort it is.
pub const TYPES: &[&str] = &["pay_in_full", "promise", "installments", "settlement"];
/// How far it has come.
pub const STATUSES: &[&str] = &["proposed", "pending_approval", "active", "cancelled"];

fields! {
    /// The arrangement's key.
    EXTERNAL_ID = Field::new(OBJECT, "external_id", Kind::ExternalId, C1).written();
    /// The account.
    ACCOUNT = Field::new(OBJECT, "account", Kind::Reference(Object::CollectionAccount), C1).written();
    /// The strategy whose bounds it keeps.
    STRATEGY = Field::new(OBJECT, "strategy", Kind::Reference(Object::CollectionStrategy), C1).written().optional();
    /// The call in which it was agreed.
    ATTEMPT = Field::new(OBJECT, "attempt", Kind::Reference(Object::ContactAttempt), C1).written();
    /// What sort it is.
    TYPE = Field::new(OBJECT, "type", Kind::Picklist(TYPES), C1).written();
    /// How far it has come.
    STATUS = Field::new(OBJECT, "status", Kind::Picklist(STATUSES), C1).written();
    /// What is paid in all.
    TOTAL = Field::new(OBJECT, "total", Kind::Money, C1).written();
    /// The ISO 4217 currency of its amounts, in an org that has several.
    CURRENCY = Field::new(OBJECT, "currency", Kind::Text(3), C1).written().optional();
    /// The first instalment, which no other exceeds.
    INSTALLMENT_AMOUNT = Field::new(OBJECT, "installment_amount", Kind::Money, C1).written();
    /// How many there are.
    INSTALLMENT_COUNT = Field::new(OBJECT, "installment_count", Kind::Number, C1).written();
    /// The last one.
    FINAL_INSTALLMENT_AMOUNT = Field::new(OBJECT, "final_installment_amount", Kind::Money, C1).written();
    /// Every due date with its amount, a line each: `2026-12-01 123.45 USD`.
    SCHEDULE = Field::long_text(OBJECT, "schedule", C1).written().optional();
    /// How often.
    FREQUENCY = Field::new(OBJECT, "frequency", Kind::Picklist(strategy::FREQUENCIES), C1).written().at_times();
    /// The first due date.
    FIRST_PAYMENT_DATE = Field::new(OBJECT, "first_payment_date", Kind::Date, C1).written();
    /// The last one.
    LAST_PAYMENT_DATE = Field::new(OBJECT, "last_payment_date", Kind::Date, C1).written();
    /// Whether a person must approve it.
    APPROVAL_REQUIRED = Field::new(OBJECT, "approval_required", Kind::Bool, C1).written().optional();
    /// Whether it was read back and affirmed.
    READ_BACK_CONFIRMED = Field::new(OBJECT, "read_back_confirmed", Kind::Bool, C1).written();
    /// What was owed when it was agreed.
    BALANCE_AT_CREATION = Field::new(OBJECT, "balance_at_creation", Kind::Money, C1).written().optional();
    /// When it was agreed.
    AGREED_AT = Field::new(OBJECT, "agreed_at", Kind::Instant, C1).written().optional();
    /// What another field could not take.
    NOTES = Field::long_text(OBJECT, "notes", C1).written().at_times().optional();
}
