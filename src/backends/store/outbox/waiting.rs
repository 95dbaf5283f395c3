//! Flags that somebody asked for and the account book may not have yet: they forbid at once, whatever the book says.

use std::collections::BTreeSet;

use book::{AccountId, Record};
use jiff::{SignedDuration, Timestamp};
use rules::contact::Flag;

use super::super::apply::from_json;
use super::super::{Store, StoreError};
use super::FLAGS;

/// Longer than a look-up takes, and than the round of the outbox that it may have met.
const JUST_BEFORE: SignedDuration = SignedDuration::from_mins(1);

impl Store {
    /// The flags of an account that wait for the book or for their call, those that it refused, and those that it took just before
    /// `now`: it may have read the account before it took them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting_flags(&self, account: AccountId, now: Timestamp) -> Result<BTreeSet<Flag>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT record FROM outbox WHERE lane IN (?1, ?2) AND kind = 'account_update' \
                 AND (parked < 2 OR finished_ms > ?3)",
            )?;
            let (own, urgent) = (account.as_str(), format!("{FLAGS}{}", account.as_str()));
            let just_before = now.saturating_sub(JUST_BEFORE).unwrap_or(Timestamp::MIN).as_millisecond();
            let records = statement.query_map((own, urgent, just_before), |row| row.get::<_, String>(0))?;
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
