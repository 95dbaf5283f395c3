//! A Salesforce org as the account book of the demo: the sample accounts in it, and what a call leaves there.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, anyhow, ensure};
use book::{
    Account, Strategy,
    import::{self, BUILT_IN_STRATEGIES},
    salesforce::{
        Field, Mapping, Object, Profile,
        object::{account, arrangement, attempt, payment, strategy},
    },
};
use jiff::civil::Date;
use org::{CONSUMER_KEY, Org, OrgOptions, Schema, USERNAME, schema::COLLECTXPERT};
use rules::money::{Currency, Money};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::outcome::{Agreed, Attempted, Outcome, Paid};

/// The org, on this machine, for as long as the demo lasts.
pub(crate) struct DemoOrg {
    org: Org,
    mapping: Mapping,
    /// Serves the org until both are dropped.
    _runtime: Runtime,
}

impl DemoOrg {
    /// Starts an org in `directory`, with the built-in strategies and the accounts of a file.
    pub(crate) fn start(directory: &Path, accounts: &[u8], today: Date) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let options = OrgOptions::new(Schema::parse(COLLECTXPERT)?);
        let org = runtime.block_on(Org::start(directory, options)).context("the Salesforce org does not start")?;
        let mapping = Profile::CollectXpert.mapping(None)?;
        let demo = Self { org, mapping, _runtime: runtime };
        demo.fill(accounts, today)?;
        Ok(demo)
    }

    /// The lines of the section `[book]` of a gateway that uses it.
    pub(crate) fn settings(&self) -> String {
        format!(
            "kind = \"salesforce\"\nurl = \"{}\"\nclient_id = \"{CONSUMER_KEY}\"\nusername = \"{USERNAME}\"\n\
             key_file = \"{}\"\nca = \"{}\"\n",
            self.org.login_url(),
            self.org.key_file().display(),
            self.org.authority().display(),
        )
    }

    /// How many requests the gateway has made that count toward those of a day.
    pub(crate) fn requests(&self) -> u64 {
        self.org.counts().api_calls
    }

    fn fill(&self, accounts: &[u8], today: Date) -> Result<()> {
        let strategies = import::strategies(BUILT_IN_STRATEGIES)?.rows;
        let accounts = import::accounts(accounts, &strategies, today)?.rows;
        let mut ids = BTreeMap::new();
        for strategy in &strategies {
            ids.insert(strategy.id.as_str(), self.add_strategy(strategy)?);
        }
        for account in &accounts {
            let strategy = ids.get(account.strategy.as_str()).context("an account without a strategy")?;
            self.add_account(account, strategy)?;
        }
        Ok(())
    }

    fn add_strategy(&self, row: &Strategy) -> Result<String> {
        let bounds = &row.bounds;
        let frequencies =
            bounds.frequencies.iter().map(|frequency| self.value(strategy::FREQUENCIES_ON_OFFER, frequency));
        let frequencies = frequencies.collect::<Result<Vec<_>>>()?.join(";");
        let percent = |share: rules::money::BasisPoints| f64::from(share.0) / 100.0;
        let settlement = bounds.settlement.as_ref();
        let values = [
            (strategy::EXTERNAL_ID, json!(row.id.as_str())),
            (strategy::NAME, json!(row.name)),
            (strategy::ACTIVE, json!(true)),
            (strategy::MIN_PAYMENT, amount(bounds.min_payment)?),
            (strategy::MIN_FIRST_PAYMENT, amount(bounds.min_first_payment)?),
            (strategy::MAX_INSTALMENTS, json!(bounds.max_instalments)),
            (strategy::FREQUENCIES_ON_OFFER, json!(frequencies)),
            (strategy::MAX_DAYS_TO_FIRST, json!(bounds.max_days_to_first)),
            (strategy::MAX_TOTAL_DAYS, json!(bounds.max_total_days)),
            (strategy::BUSINESS_DAYS, json!(self.value(strategy::BUSINESS_DAYS, &bounds.business_days)?)),
            (strategy::APPROVAL_OVER, bounds.approval_over.map_or(Ok(Value::Null), amount)?),
            (strategy::SETTLEMENT_FLOOR, json!(settlement.map(|bounds| percent(bounds.floor)))),
            (strategy::SETTLEMENT_APPROVAL_UNDER, json!(settlement.map(|bounds| percent(bounds.approval_under)))),
            (strategy::SETTLEMENT_VALID_DAYS, json!(settlement.map(|bounds| bounds.valid_days))),
        ];
        self.insert(Object::CollectionStrategy, self.row(&values))
    }

    fn add_account(&self, row: &Account, strategy: &str) -> Result<()> {
        let debtor = json!({ "FirstName": row.name.given, "LastName": row.name.family });
        let debtor = self.org.insert("Contact", &debtor).map_err(|why| anyhow!(why))?;
        let mut values = vec![
            (account::EXTERNAL_ID, json!(row.id.as_str())),
            (account::REFERENCE, json!(row.reference.as_str())),
            (account::PHONE, json!(row.phone.as_e164())),
            (account::DATE_OF_BIRTH, json!(row.date_of_birth)),
            (account::POSTAL_CODE, json!(row.postal_code)),
            (account::BALANCE, amount(row.balance)?),
            (account::CREDITOR, json!(row.creditor)),
            (account::LANGUAGE, json!(row.language)),
            (account::TIME_ZONE, json!(row.time_zone)),
            (account::STRATEGY, json!(strategy)),
        ];
        values.extend(row.flags.set.iter().map(|flag| (account::flag(*flag), json!(true))));
        let mut fields = self.row(&values);
        fields.insert("cxp__Debtor__c".to_owned(), debtor.into());
        self.insert(Object::CollectionAccount, fields).map(drop)
    }

    fn insert(&self, object: Object, row: Map<String, Value>) -> Result<String> {
        self.org.insert(self.mapping.api(object).as_str(), &Value::Object(row)).map_err(|why| anyhow!(why))
    }

    /// The fields of the object's own, by their API names; what is the contact's is in the contact.
    fn row(&self, values: &[(Field, Value)]) -> Map<String, Value> {
        let own = |(field, value): &(Field, Value)| {
            let path = &self.mapping.field(*field)?.path;
            path.is_own().then(|| (path.as_str().to_owned(), value.clone()))
        };
        values.iter().filter_map(own).collect()
    }

    /// The org's value for a word of ours.
    fn value(&self, field: Field, word: &impl Serialize) -> Result<String> {
        let word = serde_json::to_value(word)?;
        let mapped = self.mapping.field(field).context("a field that is not mapped")?;
        let value = word.as_str().and_then(|word| mapped.values.value(word));
        value.map(str::to_owned).with_context(|| format!("{} has no such value", field.name))
    }

    /// What the one call left.
    pub(crate) fn outcome(&self) -> Result<Outcome> {
        let attempted = self.only(Object::ContactAttempt)?;
        let agreed = self.only(Object::PaymentArrangement)?;
        let paid = self.only(Object::PaymentTransaction)?;
        self.only(Object::ComplianceRecord)?;
        Ok(Outcome {
            attempt: Attempted {
                status: self.word(&attempted, attempt::STATUS)?,
                outcome: self.word(&attempted, attempt::OUTCOME)?,
                disposition: self.word(&attempted, attempt::DISPOSITION)?,
                identity_verified: self.read(&attempted, attempt::IDENTITY_VERIFIED)?.as_bool() == Some(true),
            },
            arrangement: Agreed {
                kind: self.word(&agreed, arrangement::TYPE)?,
                status: self.word(&agreed, arrangement::STATUS)?,
                total_minor: self.minor(&agreed, arrangement::TOTAL)?,
                schedule: self.text(&agreed, arrangement::SCHEDULE)?.lines().map(str::to_owned).collect(),
            },
            payment: Paid {
                status: self.word(&paid, payment::STATUS)?,
                amount_minor: self.minor(&paid, payment::AMOUNT)?,
                card_brand: self.text(&paid, payment::CARD_BRAND)?,
            },
        })
    }

    /// The only row of an object.
    fn only(&self, object: Object) -> Result<Value> {
        let mut rows = self.org.rows(self.mapping.api(object).as_str());
        ensure!(rows.len() == 1, "{} holds {} rows instead of one", self.mapping.api(object), rows.len());
        rows.pop().context("a row")
    }

    fn read<'row>(&self, row: &'row Value, field: Field) -> Result<&'row Value> {
        let mapped = self.mapping.field(field).context("a field that is not mapped")?;
        row.get(mapped.path.as_str()).with_context(|| format!("a row without {}", field.name))
    }

    fn text(&self, row: &Value, field: Field) -> Result<String> {
        let text = self.read(row, field)?.as_str().map(str::to_owned);
        text.with_context(|| format!("{} is no text", field.name))
    }

    fn word(&self, row: &Value, field: Field) -> Result<String> {
        let value = self.text(row, field)?;
        let word = self.mapping.field(field).and_then(|mapped| mapped.values.word(&value));
        word.map(str::to_owned).with_context(|| format!("{} holds another value", field.name))
    }

    fn minor(&self, row: &Value, field: Field) -> Result<i64> {
        let amount = self.read(row, field)?.as_f64().context("an amount")?;
        let text = format!("{amount:.2}");
        let money = Money::parse(&text, Currency::USD).map_err(|why| anyhow!("{}: {why}", field.name))?;
        Ok(money.minor())
    }
}

fn amount(money: Money) -> Result<Value> {
    Ok(json!(money.to_decimal().parse::<f64>()?))
}
