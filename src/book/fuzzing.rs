//! What is fuzzed of the account book (`fuzz/README.md`).

use jiff::civil::{Date, date};

use crate::import::{BUILT_IN_STRATEGIES, Import, accounts as read_accounts, strategies as read_strategies};

#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;

const TODAY: Date = date(2026, 11, 23);

/// A file of accounts. Every row is accepted or reported.
pub fn accounts(bytes: &[u8]) {
    let strategies = read_strategies(BUILT_IN_STRATEGIES).expect("what comes with the gateway").rows;
    let Ok(import) = read_accounts(bytes, &strategies, TODAY) else { return };
    check(&import);
    for account in &import.rows {
        assert!(account.date_of_birth < TODAY);
        assert!(strategies.iter().any(|strategy| strategy.id == account.strategy), "a strategy that there is");
    }
}

/// A file of strategies. Every row is accepted or reported, and what is accepted can be negotiated with.
pub fn strategies(bytes: &[u8]) {
    let Ok(import) = read_strategies(bytes) else { return };
    check(&import);
    for strategy in &import.rows {
        assert!(strategy.bounds.check().is_ok());
    }
}

fn check<T>(import: &Import<T>) {
    let report = &import.report;
    assert_eq!(report.accepted, import.rows.len() as u64);
    assert!(report.rejected() == 0 || !report.problems.is_empty(), "what is left out is told");
    assert!(!report.to_string().is_empty());
}

#[cfg(test)]
mod tests {
    super::replay::replay!(accounts, strategies);
}
