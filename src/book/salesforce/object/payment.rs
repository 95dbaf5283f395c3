//! The Payment Transaction: one payment. Of a card it has the brand and the last four digits, and there is no field for more.

use super::Object;
use crate::salesforce::field::Class::C1;
use crate::salesforce::field::{Field, Kind, fields};

const OBJECT: Object = Object::PaymentTransaction;

/// How it was paid.
pub const METHODS: &[&str] = &["card_keyed", "bank_keyed", "card_link", "bank_link"];
/// How the processor answered.
pub const STATUSES: &[&str] = &["initiated", "pending", "succeeded", "failed", "refunded"];

fields! {
    /// The payment's key.
    EXTERNAL_ID = Field::new(OBJECT, "external_id", Kind::ExternalId, C1).written();
    /// The account.
    ACCOUNT = Field::new(OBJECT, "account", Kind::Reference(Object::CollectionAccount), C1).written();
    /// The arrangement it pays.
    ARRANGEMENT =
        Field::new(OBJECT, "arrangement", Kind::Reference(Object::PaymentArrangement), C1).written().at_times().optional();
    /// The call in which it was made.
    ATTEMPT = Field::new(OBJECT, "attempt", Kind::Reference(Object::ContactAttempt), C1).written();
    /// What was to be paid.
    AMOUNT = Field::new(OBJECT, "amount", Kind::Money, C1).written();
    /// Its ISO 4217 currency, in an org that has several.
    CURRENCY = Field::new(OBJECT, "currency", Kind::Text(3), C1).written().optional();
    /// How.
    METHOD = Field::new(OBJECT, "method", Kind::Picklist(METHODS), C1).written();
    /// How the processor answered.
    STATUS = Field::new(OBJECT, "status", Kind::Picklist(STATUSES), C1).written();
    /// The payment's random id, which the processor knows too.
    PROCESSOR_REFERENCE = Field::new(OBJECT, "processor_reference", Kind::Text(64), C1).written().optional();
    /// Why it failed, by the processor's name for it.
    FAILURE = Field::text(OBJECT, "failure", C1).written().at_times().optional();
    /// The card's brand.
    CARD_BRAND = Field::new(OBJECT, "card_brand", Kind::Text(16), C1).written().at_times().optional();
    /// Its last four digits.
    CARD_LAST_FOUR = Field::new(OBJECT, "card_last_four", Kind::Text(4), C1).written().at_times().optional();
    /// The processor's token, for an org that charges by it.
    TOKEN = Field::text(OBJECT, "token", C1).written().at_times().optional();
    /// When the processor answered.
    PROCESSED_AT = Field::new(OBJECT, "processed_at", Kind::Instant, C1).written().at_times();
    /// What another field could not take.
    NOTES = Field::long_text(OBJECT, "notes", C1).written().at_times().optional();
}
