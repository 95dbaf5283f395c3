//! Look-ups: the statement that finds an account and whether a dispute of it is open, with its strategy or only the strategy's
//! name, and the one that reads every strategy.

use super::field::Field;
use super::mapping::{MappedField, Mapping};
use super::name::{FieldPath, InvalidName};
use super::object::{Object, account, dispute, strategy};
use super::soql::{Condition, Query, SoqlError, Value};
use crate::account::LookupKey;

/// Most rows that are asked for. More than one is already too many to choose from; a third shows that it is no coincidence.
const MOST_ROWS: u16 = 3;
/// Most strategies that are read at once. What is beyond them is read with its account.
const MOST_STRATEGIES: u16 = 200;

/// No statement can be written for this look-up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The mapping has not the field that the look-up goes by.
    #[error("the mapping has no {0}")]
    Unmapped(&'static str),
    /// A way to a field is too long.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Salesforce would not take the statement.
    #[error(transparent)]
    Soql(#[from] SoqlError),
}

/// What of an account's strategy is asked for with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrategyPart {
    /// All that look-ups need.
    Whole,
    /// Its external id: the rest is known.
    Id,
}

/// The statement for a look-up.
///
/// Its names come from the mapping and its one value from the key, which was checked when it was made. Fields are asked for
/// by name because a field that is hidden from the user makes the statement fail, where reading the row would leave it out.
///
/// # Errors
/// [`LookupError`] where the mapping and the key do not make a statement.
pub fn statement(mapping: &Mapping, key: &LookupKey, part: StrategyPart) -> Result<String, LookupError> {
    let mut query = Query::of(mapping.api(Object::CollectionAccount).clone(), MOST_ROWS);
    for field in read(mapping, Object::CollectionAccount) {
        query = query.field(field.path.clone());
    }
    let is_asked = |field: &&MappedField| part == StrategyPart::Whole || field.field == strategy::EXTERNAL_ID;
    for field in read(mapping, Object::CollectionStrategy).filter(is_asked) {
        query = query.field(mapping.from_account(field)?);
    }
    let query = query.with(open_disputes(mapping)?).matching(condition(mapping, key)?);
    Ok(query.text()?)
}

/// The statement for every strategy that may be used.
///
/// # Errors
/// [`LookupError`] where the mapping does not make a statement.
pub fn strategies(mapping: &Mapping) -> Result<String, LookupError> {
    let mut query = Query::of(mapping.api(Object::CollectionStrategy).clone(), MOST_STRATEGIES);
    for field in read(mapping, Object::CollectionStrategy) {
        query = query.field(field.path.clone());
    }
    Ok(query.matching(Condition::Is(path(mapping, strategy::ACTIVE)?, true.into())).text()?)
}

/// The mapped fields that look-ups ask for.
fn read(mapping: &Mapping, object: Object) -> impl Iterator<Item = &MappedField> {
    mapping.fields(object).iter().filter(|mapped| mapped.field.is_read)
}

/// The open disputes of each account, of which one is enough to know.
fn open_disputes(mapping: &Mapping) -> Result<Query, LookupError> {
    let account = mapped(mapping, dispute::ACCOUNT)?;
    let children = account.children.clone().ok_or(LookupError::Unmapped(dispute::ACCOUNT.name))?;
    let status = mapped(mapping, dispute::STATUS)?;
    let open = dispute::OPEN_STATUSES.iter().filter_map(|word| status.values.value(word)).map(Value::text);
    let open = Condition::In(status.path.clone(), open.collect::<Result<_, _>>()?);
    Ok(Query::of(children, 1).field(path(mapping, dispute::EXTERNAL_ID)?).matching(open))
}

fn condition(mapping: &Mapping, key: &LookupKey) -> Result<Condition, LookupError> {
    let is = |field, text: &str| Ok(Condition::Is(path(mapping, field)?, Value::text(text)?));
    match key {
        LookupKey::Number(phone) => {
            let mut numbers = vec![is(account::PHONE, phone.as_e164())?];
            if mapping.field(account::ALTERNATIVE_PHONE).is_some() {
                numbers.push(is(account::ALTERNATIVE_PHONE, phone.as_e164())?);
            }
            Ok(Condition::Any(numbers))
        }
        LookupKey::Reference(reference) => is(account::REFERENCE, reference.as_str()),
        LookupKey::Account(id) => is(account::EXTERNAL_ID, id.as_str()),
    }
}

fn path(mapping: &Mapping, field: Field) -> Result<FieldPath, LookupError> {
    Ok(mapped(mapping, field)?.path.clone())
}

fn mapped(mapping: &Mapping, field: Field) -> Result<&MappedField, LookupError> {
    mapping.field(field).ok_or(LookupError::Unmapped(field.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salesforce::mapping::Profile;
    use crate::{AccountId, Phone, Reference};

    fn keys() -> [LookupKey; 3] {
        [
            LookupKey::Number(Phone::parse("+12025550143").unwrap()),
            LookupKey::Reference(Reference::parse("40017731").unwrap()),
            LookupKey::Account(AccountId::parse("CA-1001").unwrap()),
        ]
    }

    #[test]
    fn each_profile_asks_in_its_own_names() {
        for (profile, from, conditions, disputes, strategy) in [
            (
                Profile::CollectXpert,
                " FROM cxp__Collection_Account__c WHERE ",
                [
                    "(cxp__Phone_E164__c = '+12025550143' OR cxp__Alt_Phone_E164__c = '+12025550143')",
                    "cxp__Account_Reference__c = '40017731'",
                    "cxp__External_Id__c = 'CA-1001'",
                ],
                ", (SELECT cxp__External_Id__c FROM cxp__Disputes__r WHERE cxp__Status__c IN ('Open', 'Under Review') LIMIT 1) FROM ",
                "cxp__Strategy__r.cxp__Min_Payment_Amount__c, ",
            ),
            (
                Profile::CollectionsAndRecovery,
                " FROM CollectionPlan WHERE ",
                [
                    "(Phone_E164__c = '+12025550143' OR Alt_Phone_E164__c = '+12025550143')",
                    "Letter_Reference__c = '40017731'",
                    "External_Id__c = 'CA-1001'",
                ],
                ", (SELECT External_Id__c FROM Debt_Disputes__r WHERE Status__c IN ('Open', 'Under Review') LIMIT 1) FROM ",
                "Collection_Strategy__r.Min_Payment_Amount__c, ",
            ),
        ] {
            let mapping = profile.mapping(None).unwrap();
            for (key, condition) in keys().iter().zip(conditions) {
                let text = statement(&mapping, key, StrategyPart::Whole).unwrap();
                assert!(text.ends_with(&format!("{from}{condition} LIMIT 3")), "{text}");
                assert!(text.contains(disputes) && text.contains(strategy), "{text}");
                assert!(text.starts_with("SELECT ") && text.len() < 4_000, "{text}");
            }
        }
    }

    #[test]
    fn a_known_strategy_is_asked_for_by_its_id_alone() {
        for (profile, id, all) in [
            (
                Profile::CollectXpert,
                "cxp__Strategy__r.cxp__External_Id__c",
                "FROM cxp__Collection_Strategy__c WHERE cxp__Active__c = true LIMIT 200",
            ),
            (
                Profile::CollectionsAndRecovery,
                "Collection_Strategy__r.External_Id__c",
                "FROM Collection_Strategy__c WHERE Active__c = true LIMIT 200",
            ),
        ] {
            let mapping = profile.mapping(None).unwrap();
            let text = statement(&mapping, &keys()[0], StrategyPart::Id).unwrap();
            let relationship = id.split_once('.').unwrap().0;
            assert_eq!((text.matches(id).count(), text.matches(relationship).count()), (1, 1), "{text}");
            let text = strategies(&mapping).unwrap();
            assert!(text.ends_with(all), "{text}");
        }
    }

    #[test]
    fn every_flag_and_nothing_twice_is_asked_for() {
        for profile in Profile::ALL {
            let mapping = profile.mapping(None).unwrap();
            let text = statement(&mapping, &keys()[2], StrategyPart::Whole).unwrap();
            let (fields, _) = text.strip_prefix("SELECT ").unwrap().split_once(", (SELECT ").unwrap();
            let fields: Vec<&str> = fields.split(", ").collect();
            for flag in rules::contact::Flag::ALL {
                let path = mapping.field(account::flag(flag)).unwrap().path.as_str();
                assert_eq!(fields.iter().filter(|field| **field == path).count(), 1, "{path}");
            }
        }
    }

    #[test]
    fn without_another_number_rows_are_found_by_the_one() {
        let text = Profile::CollectXpert.text().replace("alternative_phone = \"{ns}Alt_Phone_E164__c\"", "");
        let mapping = Mapping::read(&text, None).unwrap();
        let statement = statement(&mapping, &keys()[0], StrategyPart::Whole).unwrap();
        assert!(statement.ends_with(" WHERE (cxp__Phone_E164__c = '+12025550143') LIMIT 3"), "{statement}");
    }
}
