//! An org filled with the accounts of a file, whatever its mapping calls them, and told of by a gateway's settings.

use std::{collections::BTreeMap, path::Path};

use book::{
    Account, AccountId, Strategy,
    import::{self, BUILT_IN_STRATEGIES},
    salesforce::{
        Field, Mapping, Object, Profile,
        object::{account, strategy},
    },
};
use jiff::civil::Date;
use rules::money::{BasisPoints, Money};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{CONSUMER_KEY, Org, OrgOptions, Schema, USERNAME, schema::sample};

/// An org with accounts, and the names under which it has them.
pub struct FilledOrg {
    /// The org.
    pub org: Org,
    /// Its mapping.
    pub mapping: Mapping,
    profile: Profile,
}

/// Why an org could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// It did not start.
    #[error("the org does not start: {0}")]
    Start(#[from] std::io::Error),
    /// The accounts cannot be read.
    #[error("the accounts cannot be read: {0}")]
    Accounts(String),
    /// The org refuses a row.
    #[error("the org refuses a row: {0}")]
    Row(String),
    /// The mapping has no value for a word, or not the field.
    #[error("the mapping has nothing for {0}")]
    Unmapped(&'static str),
}

impl FilledOrg {
    /// Starts an org in a directory, with the built-in strategies and the accounts of a CSV file, as they are on a day.
    ///
    /// # Errors
    /// [`FillError`].
    pub async fn start(directory: &Path, profile: Profile, accounts: &[u8], today: Date) -> Result<Self, FillError> {
        let options = OrgOptions::new(Schema::parse(sample(profile)).map_err(unread)?);
        Self::of(Org::start(directory, options).await?, profile, BUILT_IN_STRATEGIES, accounts, today)
    }

    /// Fills an org that has the objects of a profile with the strategies and accounts of two CSV files, as they are on a day.
    ///
    /// # Errors
    /// [`FillError`].
    pub fn of(org: Org, profile: Profile, strategies: &[u8], accounts: &[u8], today: Date) -> Result<Self, FillError> {
        let mapping = profile.mapping(None).map_err(unread)?;
        let strategies = import::strategies(strategies).map_err(unread)?.rows;
        let accounts = import::accounts(accounts, &strategies, today).map_err(unread)?.rows;
        let filled = Self { org, mapping, profile };
        filled.fill(&strategies, &accounts)?;
        Ok(filled)
    }

    /// The lines of the section `[book]` of a gateway that uses it.
    #[must_use]
    pub fn settings(&self) -> String {
        format!(
            "kind = \"salesforce\"\nprofile = \"{}\"\nurl = \"{}\"\nclient_id = \"{CONSUMER_KEY}\"\n\
             username = \"{USERNAME}\"\nkey_file = \"{}\"\nca = \"{}\"\n",
            self.profile.name(),
            self.org.login_url(),
            self.org.key_file().display(),
            self.org.authority().display(),
        )
    }

    /// Every row of an object.
    #[must_use]
    pub fn rows(&self, object: Object) -> Vec<Value> {
        self.org.rows(self.mapping.api(object).as_str())
    }

    /// Changes a field of an account, as somebody else would.
    ///
    /// # Errors
    /// [`FillError`] where there is no such account or field, or the org refuses.
    pub fn set(&self, id: &AccountId, field: Field, value: &Value) -> Result<(), FillError> {
        let key = self.path(account::EXTERNAL_ID)?;
        let rows = self.rows(Object::CollectionAccount);
        let row = rows.iter().find(|row| row[key] == id.as_str()).ok_or(FillError::Unmapped("the account"))?;
        let (object, own) = (self.mapping.api(Object::CollectionAccount), json!({ self.path(field)?: value }));
        self.org.update(object.as_str(), row["Id"].as_str().unwrap_or_default(), &own).map_err(FillError::Row)
    }

    fn fill(&self, strategies: &[Strategy], accounts: &[Account]) -> Result<(), FillError> {
        let mut ids = BTreeMap::new();
        for strategy in strategies {
            ids.insert(strategy.id.as_str(), self.add_strategy(strategy)?);
        }
        for account in accounts {
            let strategy = ids.get(account.strategy.as_str()).ok_or(FillError::Unmapped("the strategy"))?;
            self.add_account(account, strategy)?;
        }
        Ok(())
    }

    fn add_strategy(&self, row: &Strategy) -> Result<String, FillError> {
        let bounds = &row.bounds;
        let frequencies =
            bounds.frequencies.iter().map(|frequency| self.value(strategy::FREQUENCIES_ON_OFFER, frequency));
        let frequencies = frequencies.collect::<Result<Vec<_>, FillError>>()?.join(";");
        let percent = |share: BasisPoints| f64::from(share.0) / 100.0;
        let settlement = bounds.settlement.as_ref();
        let values = [
            (strategy::EXTERNAL_ID, json!(row.id.as_str())),
            (strategy::NAME, json!(row.name)),
            (strategy::ACTIVE, json!(true)),
            (strategy::MIN_PAYMENT, amount(bounds.min_payment)),
            (strategy::MIN_FIRST_PAYMENT, amount(bounds.min_first_payment)),
            (strategy::MAX_INSTALMENTS, json!(bounds.max_instalments)),
            (strategy::FREQUENCIES_ON_OFFER, json!(frequencies)),
            (strategy::MAX_DAYS_TO_FIRST, json!(bounds.max_days_to_first)),
            (strategy::MAX_TOTAL_DAYS, json!(bounds.max_total_days)),
            (strategy::BUSINESS_DAYS, json!(self.value(strategy::BUSINESS_DAYS, &bounds.business_days)?)),
            (strategy::APPROVAL_OVER, bounds.approval_over.map_or(Value::Null, amount)),
            (strategy::SETTLEMENT_FLOOR, json!(settlement.map(|bounds| percent(bounds.floor)))),
            (strategy::SETTLEMENT_APPROVAL_UNDER, json!(settlement.map(|bounds| percent(bounds.approval_under)))),
            (strategy::SETTLEMENT_VALID_DAYS, json!(settlement.map(|bounds| bounds.valid_days))),
        ];
        self.insert(Object::CollectionStrategy, self.own(&values))
    }

    fn add_account(&self, row: &Account, strategy: &str) -> Result<(), FillError> {
        let debtor = json!({
            "FirstName": row.name.given, "LastName": row.name.family, "Birthdate": row.date_of_birth,
            "MailingPostalCode": row.postal_code,
        });
        let debtor = self.org.insert("Contact", &debtor).map_err(FillError::Row)?;
        let mut values = vec![
            (account::EXTERNAL_ID, json!(row.id.as_str())),
            (account::REFERENCE, json!(row.reference.as_str())),
            (account::PHONE, json!(row.phone.as_e164())),
            (account::DATE_OF_BIRTH, json!(row.date_of_birth)),
            (account::POSTAL_CODE, json!(row.postal_code)),
            (account::BALANCE, amount(row.balance)),
            (account::CREDITOR, json!(row.creditor)),
            (account::LANGUAGE, json!(row.language)),
            (account::TIME_ZONE, json!(row.time_zone)),
            (account::STRATEGY, json!(strategy)),
        ];
        values.extend(row.flags.set.iter().map(|flag| (account::flag(*flag), json!(true))));
        let mut fields = self.own(&values);
        fields.insert(self.debtor()?, debtor.into());
        self.insert(Object::CollectionAccount, fields).map(drop)
    }

    fn insert(&self, object: Object, row: Map<String, Value>) -> Result<String, FillError> {
        self.org.insert(self.mapping.api(object).as_str(), &Value::Object(row)).map_err(FillError::Row)
    }

    /// The lookup to the debtor, by whose relationship the names are read.
    fn debtor(&self) -> Result<String, FillError> {
        let relationship = self.path(account::GIVEN_NAME)?.split('.').next().unwrap_or_default();
        let custom = relationship.strip_suffix("__r").map(|name| format!("{name}__c"));
        Ok(custom.unwrap_or_else(|| format!("{relationship}Id")))
    }

    /// The fields of the object's own, by their API names; what is the contact's is in the contact.
    fn own(&self, values: &[(Field, Value)]) -> Map<String, Value> {
        let own = |(field, value): &(Field, Value)| {
            let path = &self.mapping.field(*field)?.path;
            path.is_own().then(|| (path.as_str().to_owned(), value.clone()))
        };
        values.iter().filter_map(own).collect()
    }

    fn path(&self, field: Field) -> Result<&str, FillError> {
        let mapped = self.mapping.field(field).ok_or(FillError::Unmapped(field.name))?;
        Ok(mapped.path.as_str())
    }

    /// The org's value for a word of the gateway's.
    fn value(&self, field: Field, word: &impl Serialize) -> Result<String, FillError> {
        let (word, mapped) = (serde_json::to_value(word).unwrap_or_default(), self.mapping.field(field));
        let value = mapped.and_then(|mapped| mapped.values.value(word.as_str()?));
        value.map(str::to_owned).ok_or(FillError::Unmapped(field.name))
    }
}

fn unread(why: impl std::fmt::Display) -> FillError {
    FillError::Accounts(why.to_string())
}

fn amount(money: Money) -> Value {
    json!(money.to_decimal().parse::<f64>().unwrap_or_default())
}
