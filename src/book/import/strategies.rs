//! Strategies from CSV.

use std::collections::HashMap;
use std::str::FromStr;

use rules::arrangement::{Bounds, Frequency, SettlementBounds};
use rules::calendar::BusinessDayRule;
use rules::money::{BasisPoints, Currency, Money};

use super::row::{Row, read};
use super::{Import, ImportError};
use crate::account::{Strategy, StrategyId};

/// The columns of a strategies file, in any order. Those of a settlement are all filled or all empty, and shares are
/// whole per cents.
pub const STRATEGY_COLUMNS: &[&str] = &[
    "id",
    "name",
    "currency",
    "min_payment",
    "min_first_payment",
    "max_instalments",
    "frequencies",
    "max_days_to_first",
    "max_total_days",
    "business_days",
    "approval_over",
    "settlement_floor_percent",
    "settlement_approval_under_percent",
    "settlement_valid_days",
];

/// Reads strategies.
///
/// # Errors
/// [`ImportError`] where the file as a whole cannot be read. Bad rows are in the report.
pub fn strategies(bytes: &[u8]) -> Result<Import<Strategy>, ImportError> {
    let mut seen: HashMap<StrategyId, u64> = HashMap::new();
    let (rows, report) = read(bytes, STRATEGY_COLUMNS, |row, _| {
        let strategy = strategy(row)?;
        let line = row.line();
        let first = *seen.entry(strategy.id.clone()).or_insert(line);
        if first != line {
            row.problem("id", format!("line {first} has the same id"), "keep one of the two rows");
        }
        Some(strategy)
    })?;
    Ok(Import { rows, report })
}

fn strategy(row: &mut Row<'_>) -> Option<Strategy> {
    let id = row.parsed("id", "use a short name without spaces", StrategyId::parse);
    let name = row.required("name");
    let bounds = bounds(row)?;
    if let Err(error) = bounds.check() {
        row.problem("id", error.to_string(), "correct the row");
        return None;
    }
    Some(Strategy { id: id?, name: name?, bounds })
}

fn bounds(row: &mut Row<'_>) -> Option<Bounds> {
    let currency = row.parsed("currency", "use an ISO 4217 code such as USD", Currency::parse)?;
    let min_payment = amount(row, "min_payment", currency);
    let min_first_payment = amount(row, "min_first_payment", currency);
    let max_instalments = number(row, "max_instalments");
    let frequencies = frequencies(row);
    let max_days_to_first = number(row, "max_days_to_first");
    let max_total_days = number(row, "max_total_days");
    let business_days = business_days(row);
    let approval_over = match row.optional("approval_over")?.as_str() {
        "" => Some(None),
        _ => amount(row, "approval_over", currency).map(Some),
    };
    let settlement = settlement(row);
    Some(Bounds {
        min_payment: min_payment?,
        min_first_payment: min_first_payment?,
        max_instalments: max_instalments?,
        frequencies: frequencies?,
        max_days_to_first: max_days_to_first?,
        max_total_days: max_total_days?,
        business_days: business_days?,
        approval_over: approval_over?,
        settlement: settlement?,
    })
}

fn amount(row: &mut Row<'_>, column: &'static str, currency: Currency) -> Option<Money> {
    row.parsed(column, "write a plain amount without symbols or grouping", |text| Money::parse(text, currency))
}

fn number<T: FromStr>(row: &mut Row<'_>, column: &'static str) -> Option<T> {
    row.parsed(column, "write a whole number, not negative", |text| text.parse().map_err(|_| "not a number in range"))
}

fn frequencies(row: &mut Row<'_>) -> Option<Vec<Frequency>> {
    row.parsed("frequencies", "use spaces between any of monthly biweekly weekly", |text| {
        text.split_whitespace().map(Frequency::named).collect::<Option<Vec<_>>>().ok_or("not a known frequency")
    })
}

fn business_days(row: &mut Row<'_>) -> Option<BusinessDayRule> {
    row.parsed("business_days", "use following, modified_following or preceding", |text| match text {
        "following" => Ok(BusinessDayRule::Following),
        "modified_following" => Ok(BusinessDayRule::ModifiedFollowing),
        "preceding" => Ok(BusinessDayRule::Preceding),
        _ => Err("not a known rule"),
    })
}

/// `Some(None)` where all three columns are empty.
fn settlement(row: &mut Row<'_>) -> Option<Option<SettlementBounds>> {
    let columns = ["settlement_floor_percent", "settlement_approval_under_percent", "settlement_valid_days"];
    let values: Vec<String> = columns.iter().map(|column| row.optional(column)).collect::<Option<_>>()?;
    if values.iter().all(String::is_empty) {
        return Some(None);
    }
    let [floor, approval_under, valid_days] = columns.map(|column| number::<u16>(row, column));
    let points = |percent: u16| BasisPoints(u32::from(percent) * 100);
    Some(Some(SettlementBounds {
        floor: points(floor?),
        approval_under: points(approval_under?),
        valid_days: valid_days?,
    }))
}
