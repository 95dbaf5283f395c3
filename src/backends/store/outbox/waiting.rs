//! Flags that somebody asked for and the account book does not have yet: they forbid at once, whatever the book says.

use std::collections::BTreeSet;

use book::{AccountId, Record};
use rules::contact::Flag;

use super::super::apply::from_json;
use super::super::{Store, StoreError};
use super::FLAGS;

impl Store {
    /// The flags of an account that wait for the book, those among them that it refused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting_flags(&self, account: AccountId) -> Result<BTreeSet<Flag>, StoreError> {
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT record FROM outbox WHERE lane = ?1 AND parked < 2")?;
            let lane = format!("{FLAGS}{}", account.as_str());
            let records = statement.query_map([lane], |row| row.get::<_, String>(0))?;
            let mut flags = BTreeSet::new();
            for record in records {
                if let Ok(Record::AccountUpdate(update)) = from_json(&record?) {
                    flags.extend(update.set);
                }
            }
            Ok(flags)
        })
        .await
    }
}
