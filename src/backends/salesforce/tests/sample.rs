//! Accounts in an org of either profile, written by the names of its mapping.

use ::book::salesforce::{
    Field,
    object::{account, strategy},
};
use serde_json::Map;

use super::*;

/// An org with one strategy, and accounts of it.
pub(super) struct Sample {
    pub(super) rig: Rig,
    pub(super) mapping: Mapping,
    strategy: String,
}

impl Sample {
    pub(super) async fn of(profile: Profile) -> Self {
        Self::on(Rig::of_profile(profile).await, profile)
    }

    pub(super) fn on(rig: Rig, profile: Profile) -> Self {
        let mapping = profile.mapping(None).unwrap();
        let values = [
            (strategy::EXTERNAL_ID, json!("standard")),
            (strategy::NAME, json!("Standard")),
            (strategy::ACTIVE, json!(true)),
            (strategy::MIN_PAYMENT, json!(25)),
            (strategy::MIN_FIRST_PAYMENT, json!(25)),
            (strategy::MAX_INSTALMENTS, json!(6)),
            (strategy::FREQUENCIES_ON_OFFER, json!("Monthly;Biweekly")),
            (strategy::MAX_DAYS_TO_FIRST, json!(30)),
            (strategy::MAX_TOTAL_DAYS, json!(180)),
            (strategy::BUSINESS_DAYS, json!("Following")),
        ];
        let row = row(&mapping, &values);
        let strategy = rig.org.insert(mapping.api(Object::CollectionStrategy).as_str(), &row).unwrap();
        Self { rig, mapping, strategy }
    }

    /// Adds an account `CA-{number}`, whose debtor has the one telephone number of all of them.
    pub(super) fn add(&self, number: usize) {
        let debtor = json!({
            "FirstName": "Maria", "LastName": "Delgado", "Birthdate": "1984-03-17", "MailingPostalCode": "20009"
        });
        let debtor = self.rig.org.insert("Contact", &debtor).unwrap();
        let values = [
            (account::EXTERNAL_ID, json!(format!("CA-{number}"))),
            (account::REFERENCE, json!(format!("4001773{number}"))),
            (account::PHONE, json!("+12025550143")),
            (account::DATE_OF_BIRTH, json!("1984-03-17")),
            (account::POSTAL_CODE, json!("20009")),
            (account::BALANCE, json!(612.4)),
            (account::CREDITOR, json!("Harborlight Medical")),
            (account::LANGUAGE, json!("en")),
            (account::TIME_ZONE, json!("America/New_York")),
            (account::STRATEGY, json!(self.strategy)),
        ];
        let mut row = row(&self.mapping, &values);
        row[self.debtor()] = debtor.into();
        self.rig.org.insert(self.account(), &row).unwrap();
    }

    /// Changes the one account.
    pub(super) fn set(&self, field: Field, value: &Value) {
        let row = &self.rig.org.rows(self.account())[0];
        let id = row["Id"].as_str().unwrap();
        let path = self.mapping.field(field).unwrap().path.as_str();
        self.rig.org.update(self.account(), id, &json!({ path: value })).unwrap();
    }

    pub(super) fn account(&self) -> &str {
        self.mapping.api(Object::CollectionAccount).as_str()
    }

    pub(super) fn look_ups(&self) -> LookUps {
        LookUps::new(Arc::clone(&self.rig.connections), self.mapping.clone(), version())
    }

    /// The lookup to the debtor, by whose relationship the names are read.
    fn debtor(&self) -> String {
        let path = &self.mapping.field(account::GIVEN_NAME).unwrap().path;
        let relationship = path.names().next().unwrap();
        relationship.strip_suffix("__r").map_or_else(|| format!("{relationship}Id"), |name| format!("{name}__c"))
    }
}

/// The fields of the object's own; what is the contact's is in the contact.
fn row(mapping: &Mapping, values: &[(Field, Value)]) -> Value {
    let own = |(field, value): &(Field, Value)| {
        let path = &mapping.field(*field)?.path;
        path.is_own().then(|| (path.as_str().to_owned(), value.clone()))
    };
    Value::Object(values.iter().filter_map(own).collect::<Map<_, _>>())
}
