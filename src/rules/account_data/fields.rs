//! Fields that are made for account data.

/// Endings of the names of such fields, in small letters alone.
const ENDINGS: [&str; 20] = [
    "cardnumber",
    "cardno",
    "cardnum",
    "creditcard",
    "debitcard",
    "ccnumber",
    "ccnum",
    "primaryaccountnumber",
    "securitycode",
    "verificationvalue",
    "verificationcode",
    "cvv",
    "cvv2",
    "cvc",
    "cvc2",
    "cav2",
    "trackdata",
    "magstripe",
    "pinblock",
    "cardpin",
];
/// Whole names that are too short to be looked for as endings.
const NAMES: [&str; 7] = ["pan", "cid", "csc", "pin", "track1", "track2", "track"];

/// Whether a field of this name is made for a card number, a security code, a magnetic stripe or a PIN, whatever its value is:
/// `blng__CardNumber__c` and `blng__CVV__c` of Salesforce Billing, `SecurityCode`, `card_number`. The last four digits, the
/// brand, a token and an expiry have other names.
#[must_use]
pub fn is_forbidden_field(name: &str) -> bool {
    // A custom field of a Salesforce package: namespace, name, and the suffix of its kind.
    let name = ["__c", "__C"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let name = name.rsplit_once("__").map_or(name, |(_, name)| name);
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    NAMES.contains(&letters.as_str()) || ENDINGS.iter().any(|ending| letters.ends_with(ending))
}
