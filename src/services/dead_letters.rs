//! What the account book refused, for those who look after it.

use std::sync::Arc;

use backends::store::{Parked, Store};
use book::salesforce::{Mapping, Object, bulk::Table, upserts};

use crate::api::{DeadLetter, DeadLetters, Told, Untold};

/// [`DeadLetters`] of a store; with the mapping of an org, whose rows they would have been.
pub(crate) struct Undelivered {
    pub(crate) store: Store,
    pub(crate) mapping: Option<Arc<Mapping>>,
}

impl DeadLetters for Undelivered {
    fn list(&self) -> Told<Vec<DeadLetter>> {
        let store = self.store.clone();
        Box::pin(async move {
            let parked = store.outbox_parked().await.map_err(|_| Untold::Unavailable)?;
            Ok(parked.into_iter().map(dead_letter).collect())
        })
    }

    fn table(&self, object: Object) -> Told<String> {
        let (store, mapping) = (self.store.clone(), self.mapping.clone());
        Box::pin(async move {
            let mapping = mapping.ok_or(Untold::NoMapping)?;
            let records = store.outbox_parked_records().await.map_err(|_| Untold::Unavailable)?;
            // What this org has no row for is in no table.
            let rows: Vec<_> =
                records.iter().filter_map(|record| upserts(&mapping, record, &[]).ok()).flatten().collect();
            Ok(Table::of(&mapping, object, &rows).csv())
        })
    }

    fn replay(&self, entry: i64) -> Told<bool> {
        let store = self.store.clone();
        Box::pin(async move { store.replay(entry).await.map_err(|_| Untold::Unavailable) })
    }
}

fn dead_letter(parked: Parked) -> DeadLetter {
    let Parked { entry, kind, key: external_id, tries, failure: reason, created_at, parked_at } = parked;
    DeadLetter { entry, kind, external_id, reason, tries, created: created_at, parked: parked_at }
}

#[cfg(test)]
mod tests {
    use backends::store::{OutboxChange, StoreOptions, Write};
    use book::{AccountId, AccountUpdate, ContactAttempt, ExternalId, Record, salesforce::Profile};
    use jiff::Timestamp;
    use rules::contact::Flag;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn what_was_refused_is_a_table_of_each_object_until_it_is_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions { least_free: 0, ..StoreOptions::at(directory.path().join("store.db")) };
        let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
        let (call, account) = (Uuid::from_u128(1), AccountId::parse("CA-1001").unwrap());
        let attempt = ContactAttempt {
            account: Some(account.clone()),
            ..ContactAttempt::inbound(call, "carrier", Timestamp::UNIX_EPOCH, "collector")
        };
        let (external_id, at) = (ExternalId::update(call, 1), Timestamp::UNIX_EPOCH);
        let update = AccountUpdate { external_id, call, account, set: [Flag::Dispute].into(), at };
        let records = [Record::from(attempt), update.into()];
        store.write(records.into_iter().map(Write::from).collect::<Vec<_>>()).await.unwrap();
        let park = |entry| Write::Outbox(OutboxChange::Park { entry, tries: 3, at, failure: "refused" });
        store.write(vec![park(1), park(2)]).await.unwrap();

        let mapping = Arc::new(Profile::CollectXpert.mapping(None).unwrap());
        let letters = Undelivered { store: store.clone(), mapping: Some(mapping) };
        let list = letters.list().await.unwrap();
        assert_eq!(list.iter().map(|letter| &*letter.kind).collect::<Vec<_>>(), ["contact_attempt", "account_update"]);
        for (object, column, cell) in [
            (Object::ContactAttempt, "cxp__Status__c", "In Progress"),
            (Object::CollectionAccount, "cxp__Active_Dispute__c", "true"),
            (Object::Dispute, "cxp__Collection_Account__r.cxp__External_Id__c", "CA-1001"),
        ] {
            let table = letters.table(object).await.unwrap();
            let (header, row) = table.split_once('\n').unwrap();
            let place = header.split(',').position(|title| title == column);
            assert_eq!(place.and_then(|place| row.trim_end().split(',').nth(place)), Some(cell), "{table}");
        }
        assert_eq!(letters.replay(1).await, Ok(true));
        assert_eq!(letters.replay(1).await, Ok(false));
        assert_eq!(letters.list().await.unwrap().len(), 1);
        let letters = Undelivered { store, mapping: None };
        assert_eq!(letters.table(Object::ContactAttempt).await, Err(Untold::NoMapping));
    }
}
