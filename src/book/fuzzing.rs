//! What is fuzzed of the account book (`fuzz/README.md`).

use jiff::Timestamp;
use jiff::civil::{Date, date};
use uuid::Uuid;

use crate::import::{BUILT_IN_STRATEGIES, Import, accounts as read_accounts, strategies as read_strategies};
use crate::salesforce::describe::{Described, compare};
use crate::salesforce::lookup::StrategyPart;
use crate::salesforce::{Graph, Mapping, Object, Profile, answer, card, lookup};
use crate::{AccountId, ContactAttempt, LookUp, LookupKey};

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

/// A mapping for Salesforce. It is taken whole, and then a look-up can be written and nothing in it is made for a card, or every
/// problem is told.
pub fn salesforce_mapping(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Mapping::read(text, None) {
        Ok(mapping) => {
            let key = LookupKey::Account(AccountId::parse("CA-1001").expect("an id"));
            for part in [StrategyPart::Whole, StrategyPart::Id] {
                assert!(lookup::statement(&mapping, &key, part).is_ok());
            }
            assert!(lookup::strategies(&mapping).is_ok());
            let fields = Object::ALL.into_iter().flat_map(|object| mapping.fields(object));
            assert!(!fields.flat_map(|field| field.path.names()).any(card::is_forbidden));
        }
        Err(problems) => {
            assert!(problems.iter().count() > 0);
            assert!(problems.iter().all(|problem| !problem.what.is_empty() && !problem.remedy.is_empty()));
        }
    }
}

/// What an org answers, read as whatever can be asked. The first byte chooses the profile.
pub fn salesforce_answer(bytes: &[u8]) {
    let Some((choice, body)) = bytes.split_first() else { return };
    let profile = Profile::ALL[usize::from(choice % 2)];
    let mapping = profile.mapping(None).expect("what comes with the gateway");
    if let Ok(answer) = serde_json::from_slice(body) {
        if let Ok(LookUp::Found(found)) = answer::read(&mapping, &answer) {
            assert!(found.strategy.bounds.check().is_ok() && found.strategy.id == found.account.strategy);
        }
        let strategies = answer::read_strategies(&mapping, &answer).unwrap_or_default();
        assert!(strategies.iter().all(|strategy| strategy.bounds.check().is_ok()));
        assert!(!matches!(answer::read_with(&mapping, &answer, |_| None), Ok(Some(LookUp::Found(_)))));
    }
    let attempt = ContactAttempt::inbound(Uuid::nil(), "carrier", Timestamp::UNIX_EPOCH, "collector");
    let graph = Graph::of_call(&mapping, &[attempt.into()], &[]).expect("a whole record").expect("a record");
    if let Ok(outcomes) = graph.outcomes(200, body) {
        assert_eq!(outcomes.len(), graph.nodes().len());
    }
    let mut described = Described::default();
    if described.add(body).is_ok() {
        assert!(described.missing(&mapping).len() >= Object::ALL.len() - 1);
        assert!(compare(&mapping, &described).len() >= Object::ALL.len() - 1);
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
    super::replay::replay!(accounts, strategies, salesforce_mapping, salesforce_answer);
}
