//! The account of a row.

use jiff::tz::TimeZoneDatabase;
use rules::contact::{Flag, Flags};

use super::row::Row;
use super::{AnswerError, rows};
use crate::account::{Account, AccountId, Name, Reference, Strategy, is_language, is_postal_code};
use crate::phone::Phone;
use crate::salesforce::field::Field;
use crate::salesforce::object::{account as fields, dispute};

pub(super) fn read(row: &Row<'_>, strategy: &Strategy) -> Result<Account, AnswerError> {
    let currency = row.currency(fields::CURRENCY)?;
    if currency != strategy.bounds.currency() {
        return Err(AnswerError::Currency);
    }
    Ok(Account {
        id: row.parsed(fields::EXTERNAL_ID, "id of an account", AccountId::parse)?,
        reference: row.parsed(fields::REFERENCE, "reference", Reference::parse)?,
        name: Name { given: row.text(fields::GIVEN_NAME)?, family: row.text(fields::FAMILY_NAME)? },
        phone: row.parsed(fields::PHONE, "telephone number", Phone::parse)?,
        date_of_birth: row.date(fields::DATE_OF_BIRTH)?,
        postal_code: checked(row, fields::POSTAL_CODE, "postal code", is_postal_code)?,
        balance: row.money(fields::BALANCE, currency)?,
        creditor: row.text(fields::CREDITOR)?,
        flags: flags(row)?,
        language: checked(row, fields::LANGUAGE, "BCP 47 tag such as en or es-US", is_language)?,
        time_zone: checked(row, fields::TIME_ZONE, "IANA time zone", is_time_zone)?,
        strategy: strategy.id.clone(),
    })
}

fn checked(row: &Row<'_>, field: Field, expected: &'static str, is: fn(&str) -> bool) -> Result<String, AnswerError> {
    row.parsed(field, expected, |text| if is(text) { Ok(text.to_owned()) } else { Err(()) })
}

fn is_time_zone(name: &str) -> bool {
    TimeZoneDatabase::bundled().get(name).is_ok()
}

/// Every flag, each of which must be known. An open dispute is one whatever the account's own flag says.
fn flags(row: &Row<'_>) -> Result<Flags, AnswerError> {
    let mut flags = Flags::clear();
    for flag in Flag::ALL {
        if row.bool(fields::flag(flag))? {
            flags.set.insert(flag);
        }
    }
    if has_open_dispute(row)? {
        flags.set.insert(Flag::Dispute);
    }
    Ok(flags)
}

/// A sub-query without rows is answered with null.
fn has_open_dispute(row: &Row<'_>) -> Result<bool, AnswerError> {
    let missing = AnswerError::Missing(dispute::ACCOUNT);
    let children = row.mapping.field(dispute::ACCOUNT).and_then(|account| account.children.as_ref()).ok_or(missing)?;
    let disputes = row.child(children.as_str()).ok_or(missing)?;
    if disputes.is_null() { Ok(false) } else { rows(disputes).map(|rows| !rows.is_empty()) }
}
