//! Who calls: someone with an account, chosen by a seed.

use std::{fs, io, path::PathBuf};

use jiff::civil::Date;

use super::DebtorConfig;

/// Published test card numbers that processors' sandboxes approve.
const CARDS: [&str; 4] = ["4242424242424242", "5555555555554444", "4111111111111111", "6011111111111117"];
/// A strategy that offers no instalments.
const SINGLE: &str = "single";

/// Why nobody can call.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// The accounts cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// No account is right for such a call.
    #[error("{} holds no account that can be arranged for", .0.display())]
    Nobody(PathBuf),
}

/// A person who owes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The account's reference.
    pub reference: String,
    /// The given name.
    pub given_name: String,
    /// The family name.
    pub family_name: String,
    /// The number they call from.
    pub phone: String,
    /// The date of birth.
    pub born: Date,
    /// The postal code.
    pub postal_code: String,
    /// A card, as it is keyed.
    pub card: Card,
}

/// A card that no bank has given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The number.
    pub number: String,
    /// Month and year.
    pub expiry: &'static str,
    /// The security code.
    pub code: &'static str,
}

impl Person {
    /// The person whom the seed chooses among those without a flag, who speak English and may pay in instalments; or the
    /// one with the wanted reference.
    ///
    /// # Errors
    /// Where the file cannot be read or holds nobody such.
    pub fn choose(config: &DebtorConfig) -> Result<Self, PersonError> {
        let path = &config.accounts;
        let text = fs::read_to_string(path).map_err(|error| PersonError::File { path: path.clone(), error })?;
        let mut lines = text.lines();
        let columns: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let rows: Vec<Row> = lines.map(|line| Row { columns: &columns, fields: line.split(',').collect() }).collect();
        let is_wanted = |row: &&Row| match &config.reference {
            Some(reference) => row.field("reference") == reference,
            None => row.field("flags").is_empty() && row.field("language") == "en" && row.field("strategy") != SINGLE,
        };
        let candidates: Vec<&Row> = rows.iter().filter(is_wanted).collect();
        let number = config.seed.checked_rem(candidates.len() as u64).unwrap_or_default();
        let person = candidates.get(number as usize).and_then(|row| row.person(config));
        person.ok_or_else(|| PersonError::Nobody(path.clone()))
    }
}

/// A line of the accounts; no field of which holds a comma.
struct Row<'a> {
    columns: &'a [&'a str],
    fields: Vec<&'a str>,
}

impl<'a> Row<'a> {
    fn field(&self, column: &str) -> &'a str {
        let place = self.columns.iter().position(|known| *known == column);
        place.and_then(|place| self.fields.get(place)).map_or("", |field| field.trim())
    }

    fn person(&self, config: &DebtorConfig) -> Option<Person> {
        let published = CARDS[config.seed as usize % CARDS.len()].to_owned();
        Some(Person {
            reference: self.field("reference").to_owned(),
            given_name: self.field("given_name").to_owned(),
            family_name: self.field("family_name").to_owned(),
            phone: self.field("phone").to_owned(),
            born: self.field("date_of_birth").parse().ok()?,
            postal_code: self.field("postal_code").to_owned(),
            card: Card { number: config.card.clone().unwrap_or(published), expiry: "1230", code: "123" },
        })
    }
}
