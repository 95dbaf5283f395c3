//! The Collection Account.

use rules::contact::Flag;

use super::{Object, attempt};
use crate::salesforce::field::Class::{C0, C1, C2};
use crate::salesforce::field::{Field, Kind, fields};

const OBJECT: Object = Object::CollectionAccount;

/// Who works on an account.
pub const QUEUES: &[&str] = &["ai", "human", "hold"];

fields! {
    /// The account's id in every book.
    EXTERNAL_ID = Field::new(OBJECT, "external_id", Kind::ExternalId, C1).read().filtered();
    /// The reference on letters.
    REFERENCE = Field::new(OBJECT, "reference", Kind::Text(32), C1).read().filtered();
    /// The debtor's given names.
    GIVEN_NAME = Field::text(OBJECT, "given_name", C1).read();
    /// The debtor's family name.
    FAMILY_NAME = Field::text(OBJECT, "family_name", C1).read();
    /// The debtor's number.
    PHONE = Field::new(OBJECT, "phone", Kind::Phone, C1).read().filtered();
    /// Another number of theirs, by which the account is found too.
    ALTERNATIVE_PHONE = Field::new(OBJECT, "alternative_phone", Kind::Phone, C1).filtered().optional();
    /// Verification factor.
    DATE_OF_BIRTH = Field::new(OBJECT, "date_of_birth", Kind::Date, C1).read();
    /// Verification factor.
    POSTAL_CODE = Field::text(OBJECT, "postal_code", C1).read();
    /// What is owed now.
    BALANCE = Field::new(OBJECT, "balance", Kind::Money, C1).read();
    /// Its ISO 4217 currency, in an org that has several; the mapping's where it is not mapped.
    CURRENCY = Field::new(OBJECT, "currency", Kind::Text(3), C1).read().optional();
    /// To whom it is owed.
    CREDITOR = Field::text(OBJECT, "creditor", C1).read();
    /// BCP 47 tag of the language to talk in.
    LANGUAGE = Field::text(OBJECT, "language", C1).read();
    /// IANA name of the debtor's time zone.
    TIME_ZONE = Field::text(OBJECT, "time_zone", C1).read();
    /// What may be arranged.
    STRATEGY = Field::new(OBJECT, "strategy", Kind::Reference(Object::CollectionStrategy), C2);
    /// [`Flag::Cease`].
    CEASE = flag(Flag::Cease);
    /// [`Flag::VoiceOptOut`].
    VOICE_OPT_OUT = flag(Flag::VoiceOptOut);
    /// [`Flag::Attorney`].
    ATTORNEY = flag(Flag::Attorney);
    /// [`Flag::Bankruptcy`].
    BANKRUPTCY = flag(Flag::Bankruptcy);
    /// [`Flag::Dispute`].
    DISPUTE = flag(Flag::Dispute);
    /// [`Flag::WrittenDispute`].
    WRITTEN_DISPUTE = flag(Flag::WrittenDispute);
    /// [`Flag::Deceased`].
    DECEASED = flag(Flag::Deceased);
    /// [`Flag::Minor`].
    MINOR = flag(Flag::Minor);
    /// [`Flag::IdentityTheft`].
    IDENTITY_THEFT = flag(Flag::IdentityTheft);
    /// [`Flag::Litigation`].
    LITIGATION = flag(Flag::Litigation);
    /// [`Flag::Military`].
    MILITARY = flag(Flag::Military);
    /// [`Flag::BreathingSpace`].
    BREATHING_SPACE = flag(Flag::BreathingSpace);
    /// [`Flag::Vulnerable`].
    VULNERABLE = flag(Flag::Vulnerable);
    /// [`Flag::Hardship`].
    HARDSHIP = flag(Flag::Hardship);
    /// [`Flag::TimeBarred`].
    TIME_BARRED = flag(Flag::TimeBarred);
    /// From when on the debtor may be called, in their zone; for calls to debtors.
    CALL_WINDOW_START = Field::new(OBJECT, "call_window_start", Kind::Time, C0).optional();
    /// Until when.
    CALL_WINDOW_END = Field::new(OBJECT, "call_window_end", Kind::Time, C0).optional();
    /// Who works on it.
    QUEUE = Field::new(OBJECT, "queue", Kind::Picklist(QUEUES), C0).written().optional();
    /// Why a person must take over.
    ESCALATION_REASON = Field::text(OBJECT, "escalation_reason", C1).written().optional();
    /// When the debtor was last called, or called.
    LAST_CONTACT_AT = Field::new(OBJECT, "last_contact_at", Kind::Instant, C1).written().optional();
    /// Who was reached.
    LAST_OUTCOME = Field::new(OBJECT, "last_outcome", Kind::Picklist(attempt::OUTCOMES), C1).written().optional();
}

/// The field of a flag; it has the flag's name.
#[must_use]
pub const fn flag(flag: Flag) -> Field {
    Field::new(OBJECT, flag.name(), Kind::Bool, C0).read().written()
}
