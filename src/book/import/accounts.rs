//! Accounts from CSV.

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::tz::TimeZoneDatabase;
use rules::contact::{Flag, Flags};
use rules::money::{Currency, Money};

use super::row::{Row, read};
use super::{Import, ImportError, Problem};
use crate::account::{Account, AccountId, Name, Reference, Strategy, StrategyId, is_language, is_postal_code};
use crate::phone::Phone;

/// The columns of an accounts file, in any order.
pub const ACCOUNT_COLUMNS: &[&str] = &[
    "external_id",
    "reference",
    "given_name",
    "family_name",
    "phone",
    "date_of_birth",
    "postal_code",
    "balance",
    "currency",
    "creditor",
    "flags",
    "language",
    "time_zone",
    "strategy",
];

/// Full age in years, under which an account must carry the flag `minor`.
const FULL_AGE: i16 = 18;

/// Reads accounts. `today` judges dates of birth; `strategies` are the ones an account may name.
///
/// # Errors
/// [`ImportError`] where the file as a whole cannot be read. Bad rows are in the report.
pub fn accounts(bytes: &[u8], strategies: &[Strategy], today: Date) -> Result<Import<Account>, ImportError> {
    let mut reader = AccountReader { strategies, today, zones: TimeZoneDatabase::bundled(), seen: Seen::default() };
    let (rows, report) = read(bytes, ACCOUNT_COLUMNS, |row, remarks| reader.account(row, remarks))?;
    Ok(Import { rows, report })
}

/// What the rows before have used, with the line on which they did.
#[derive(Default)]
struct Seen {
    ids: HashMap<AccountId, u64>,
    references: HashMap<Reference, u64>,
    phones: HashMap<Phone, u64>,
}

struct AccountReader<'a> {
    strategies: &'a [Strategy],
    today: Date,
    zones: TimeZoneDatabase,
    seen: Seen,
}

impl AccountReader<'_> {
    /// Reads every column before giving up, so that one pass reports all problems of a row.
    fn account(&mut self, row: &mut Row<'_>, remarks: &mut Vec<Problem>) -> Option<Account> {
        let id = row.parsed("external_id", "use the account's id in your system", AccountId::parse);
        let reference = row.parsed("reference", "use the reference printed on letters", Reference::parse);
        let name = name(row);
        let phone = row.parsed("phone", "write it as + and digits, for example +1 and ten digits", Phone::parse);
        let date_of_birth = self.date_of_birth(row);
        let postal_code = postal_code(row);
        let balance = balance(row, remarks);
        let creditor = row.required("creditor");
        let flags = flags(row);
        let language = language(row);
        let time_zone = self.time_zone(row);
        let strategy = self.strategy(row, balance);
        let account = Account {
            id: id?,
            reference: reference?,
            name: name?,
            phone: phone?,
            date_of_birth: date_of_birth?,
            postal_code: postal_code?,
            balance: balance?,
            creditor: creditor?,
            flags: flags?,
            language: language?,
            time_zone: time_zone?,
            strategy: strategy?,
        };
        self.check_age(row, &account);
        self.check_duplicates(row, &account, remarks);
        Some(account)
    }

    fn date_of_birth(&self, row: &mut Row<'_>) -> Option<Date> {
        let remedy = "write it as year-month-day, for example 1980-02-29";
        let date = row.parsed("date_of_birth", remedy, |text| text.parse::<Date>().map_err(|_| "not a date"))?;
        if date >= self.today {
            row.problem("date_of_birth", "the date is not in the past", "correct the year");
            return None;
        }
        Some(date)
    }

    fn time_zone(&self, row: &mut Row<'_>) -> Option<String> {
        let text = row.required("time_zone")?;
        if self.zones.get(&text).is_err() {
            row.problem("time_zone", "not an IANA time zone", "use a name such as America/Chicago");
            return None;
        }
        Some(text)
    }

    fn strategy(&self, row: &mut Row<'_>, balance: Option<Money>) -> Option<StrategyId> {
        let id = row.parsed("strategy", "use the id of a strategy", StrategyId::parse)?;
        let Some(strategy) = self.strategies.iter().find(|strategy| strategy.id == id) else {
            row.problem("strategy", "no strategy has this id", "add the strategy or name another");
            return None;
        };
        if balance.is_some_and(|balance| balance.currency() != strategy.bounds.currency()) {
            row.problem("currency", "the strategy is in another currency", "name a strategy in this currency");
            return None;
        }
        Some(id)
    }

    fn check_age(&self, row: &mut Row<'_>, account: &Account) {
        let birthday = account.date_of_birth.saturating_add(jiff::Span::new().years(FULL_AGE));
        if birthday > self.today && !account.flags.contains(Flag::Minor) {
            row.problem("date_of_birth", "the person is a minor", "set the flag minor or correct the date");
        }
    }

    fn check_duplicates(&mut self, row: &mut Row<'_>, account: &Account, remarks: &mut Vec<Problem>) {
        let line = row.line();
        let first_id = *self.seen.ids.entry(account.id.clone()).or_insert(line);
        if first_id != line {
            row.problem("external_id", format!("line {first_id} has the same id"), "keep one of the two rows");
        }
        let first_reference = *self.seen.references.entry(account.reference.clone()).or_insert(line);
        if first_reference != line {
            let what = format!("line {first_reference} has the same reference");
            row.problem("reference", what, "give every account its own reference");
        }
        let first_phone = *self.seen.phones.entry(account.phone.clone()).or_insert(line);
        if first_phone != line {
            let what = format!("line {first_phone} has the same number");
            remarks.push(row.remark(
                Some("phone"),
                what,
                "nothing, if they share it: callers are asked for a reference",
            ));
        }
    }
}

fn name(row: &mut Row<'_>) -> Option<Name> {
    let given = row.required("given_name");
    let family = row.required("family_name");
    Some(Name { given: given?, family: family? })
}

fn postal_code(row: &mut Row<'_>) -> Option<String> {
    let text = row.required("postal_code")?;
    if !is_postal_code(&text) {
        row.problem("postal_code", "not a postal code", "use 3 to 10 letters and digits; keep leading zeros");
        return None;
    }
    Some(text)
}

fn balance(row: &mut Row<'_>, remarks: &mut Vec<Problem>) -> Option<Money> {
    let currency = row.parsed("currency", "use an ISO 4217 code such as USD", Currency::parse);
    let text = row.required("balance")?;
    let currency = currency?;
    let balance = Money::parse(&text, currency)
        .map_err(|error| row.problem("balance", error.to_string(), "write a plain amount without symbols or grouping"))
        .ok()?;
    if !balance.is_positive() {
        remarks.push(row.remark(Some("balance"), "nothing is owed", "nothing, if that is so: no payment is asked for"));
    }
    Some(balance)
}

/// Names of flags with spaces between, or nothing.
fn flags(row: &mut Row<'_>) -> Option<Flags> {
    let text = row.optional("flags")?;
    let flags: Option<Flags> =
        text.split_whitespace().map(Flag::named).collect::<Option<Vec<Flag>>>().map(Flags::from_iter);
    if flags.is_none() {
        let names: Vec<&str> = Flag::ALL.iter().map(|flag| flag.name()).collect();
        row.problem("flags", "not a known flag", format!("use spaces between any of {}", names.join(" ")));
    }
    flags
}

fn language(row: &mut Row<'_>) -> Option<String> {
    let text = row.required("language")?;
    if !is_language(&text) {
        row.problem("language", "not a language tag", "use a BCP 47 tag such as en or es-US");
        return None;
    }
    Some(text)
}
