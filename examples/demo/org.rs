//! A Salesforce org as the account book of the demo, and what a call leaves in it.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use book::salesforce::{
    Field, Object, Profile,
    object::{arrangement, attempt, payment},
};
use jiff::civil::Date;
use org::FilledOrg;
use rules::money::{Currency, Money};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::outcome::{Agreed, Attempted, Outcome, Paid};

/// The org, on this machine, for as long as the demo lasts.
pub(crate) struct DemoOrg {
    filled: FilledOrg,
    /// Serves the org until both are dropped.
    _runtime: Runtime,
}

impl DemoOrg {
    /// Starts an org in `directory`, with the built-in strategies and the accounts of a file.
    pub(crate) fn start(directory: &Path, accounts: &[u8], today: Date) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let filled = runtime.block_on(FilledOrg::start(directory, Profile::CollectXpert, accounts, today))?;
        Ok(Self { filled, _runtime: runtime })
    }

    /// The lines of the section `[book]` of a gateway that uses it.
    pub(crate) fn settings(&self) -> String {
        self.filled.settings()
    }

    /// How many requests the gateway has made for its call, of those that count toward the org's day: all but those that compared
    /// the org with its mapping at the start.
    pub(crate) fn requests(&self) -> u64 {
        let counts = self.filled.org.counts();
        counts.api_calls - counts.by_kind.get("describe").copied().unwrap_or_default()
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
        let mut rows = self.filled.rows(object);
        ensure!(rows.len() == 1, "{} holds {} rows instead of one", object.name(), rows.len());
        rows.pop().context("a row")
    }

    fn read<'row>(&self, row: &'row Value, field: Field) -> Result<&'row Value> {
        let mapped = self.filled.mapping.field(field).context("a field that is not mapped")?;
        row.get(mapped.path.as_str()).with_context(|| format!("a row without {}", field.name))
    }

    fn text(&self, row: &Value, field: Field) -> Result<String> {
        let text = self.read(row, field)?.as_str().map(str::to_owned);
        text.with_context(|| format!("{} is no text", field.name))
    }

    fn word(&self, row: &Value, field: Field) -> Result<String> {
        let value = self.text(row, field)?;
        let word = self.filled.mapping.field(field).and_then(|mapped| mapped.values.word(&value));
        word.map(str::to_owned).with_context(|| format!("{} holds another value", field.name))
    }

    fn minor(&self, row: &Value, field: Field) -> Result<i64> {
        let amount = self.read(row, field)?.as_f64().context("an amount")?;
        let text = format!("{amount:.2}");
        let money = Money::parse(&text, Currency::USD).map_err(|why| anyhow!("{}: {why}", field.name))?;
        Ok(money.minor())
    }
}
