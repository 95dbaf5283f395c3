//! The Collection Strategy: what may be arranged on the accounts that follow it.

use super::Object;
use crate::salesforce::field::Class::C2;
use crate::salesforce::field::{Field, Kind, fields};

const OBJECT: Object = Object::CollectionStrategy;

/// How often instalments may fall due.
pub const FREQUENCIES: &[&str] = &["monthly", "biweekly", "weekly"];
/// Where a due date without banking goes.
pub const BUSINESS_DAY_RULES: &[&str] = &["following", "modified_following", "preceding"];

fields! {
    /// The strategy's id.
    EXTERNAL_ID = Field::new(OBJECT, "external_id", Kind::ExternalId, C2).read();
    /// Its name among people.
    NAME = Field::text(OBJECT, "name", C2).read();
    /// Whether it may be used.
    ACTIVE = Field::new(OBJECT, "active", Kind::Bool, C2).read();
    /// The least instalment.
    MIN_PAYMENT = Field::new(OBJECT, "min_payment", Kind::Money, C2).read();
    /// The least first instalment.
    MIN_FIRST_PAYMENT = Field::new(OBJECT, "min_first_payment", Kind::Money, C2).read();
    /// The ISO 4217 currency of its amounts, in an org that has several; the mapping's where it is not mapped.
    CURRENCY = Field::new(OBJECT, "currency", Kind::Text(3), C2).read().optional();
    /// The most instalments.
    MAX_INSTALMENTS = Field::new(OBJECT, "max_instalments", Kind::Number, C2).read();
    /// The frequencies on offer.
    FREQUENCIES_ON_OFFER = Field::new(OBJECT, "frequencies", Kind::Picklists(FREQUENCIES), C2).read();
    /// The most days until the first payment.
    MAX_DAYS_TO_FIRST = Field::new(OBJECT, "max_days_to_first", Kind::Number, C2).read();
    /// The most days until the last.
    MAX_TOTAL_DAYS = Field::new(OBJECT, "max_total_days", Kind::Number, C2).read();
    /// Where a due date without banking goes.
    BUSINESS_DAYS = Field::new(OBJECT, "business_days", Kind::Picklist(BUSINESS_DAY_RULES), C2).read();
    /// Plans for more than this need a person's approval; nothing in it: none does.
    APPROVAL_OVER = Field::new(OBJECT, "approval_over", Kind::Money, C2).read().optional();
    /// The least share of a balance in a settlement, in per cent; nothing in all three: there is none.
    SETTLEMENT_FLOOR = Field::new(OBJECT, "settlement_floor_percent", Kind::Number, C2).read().optional();
    /// Below this share a person must approve, in per cent.
    SETTLEMENT_APPROVAL_UNDER =
        Field::new(OBJECT, "settlement_approval_under_percent", Kind::Number, C2).read().optional();
    /// How many days an offer to settle holds.
    SETTLEMENT_VALID_DAYS = Field::new(OBJECT, "settlement_valid_days", Kind::Number, C2).read().optional();
}
