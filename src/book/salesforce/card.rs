//! Names of fields that are made for account data of a card (PCI DSS 4.0.1, section 2), which no mapping may name.
//!
//! Stricter than what [`rules::account_data`] takes for such in a text: a mapping is written once, by a person who can choose
//! another name, and an expiry has no place in it either. Brand and last four digits have.

use rules::account_data::is_forbidden_field;

/// What no other word holds, wherever it stands, in small letters alone.
const PHRASES: [&str; 32] = [
    "cardnumber",
    "cardnum",
    "cardpan",
    "cardpin",
    "cardcode",
    "cardexp",
    "cardtrack",
    "cardaccount",
    "cardverif",
    "cardsecur",
    "ccnum",
    "ccexp",
    "cvv",
    "cvc",
    "cvn2",
    "cav2",
    "securitycode",
    "verificationcode",
    "verificationvalue",
    "primaryaccountn",
    "fullpan",
    "pannumber",
    "pinblock",
    "expiry",
    "expiration",
    "expdate",
    "expmonth",
    "expyear",
    "trackdata",
    "trackone",
    "tracktwo",
    "magstripe",
];
/// More of them.
const LONG_PHRASES: [&str; 2] = ["magneticstripe", "magneticdata"];
/// What is such as a word of its own.
const WORDS: [&str; 14] =
    ["pan", "cid", "csc", "cvn", "cvd", "cav", "pin", "track", "track1", "track2", "track3", "exp", "cardno", "ccno"];

/// Whether an API name is made for a card number, a security code, an expiry, a PIN or a magnetic stripe: by any word of it,
/// in small letters, in capitals, joined or with underscores between.
#[must_use]
pub fn is_forbidden(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let has_phrase = PHRASES.iter().chain(&LONG_PHRASES).any(|phrase| letters.contains(phrase));
    has_phrase || is_forbidden_field(name) || has_word(&by_underscore(name)) || has_word(&by_case(name))
}

fn has_word(words: &[String]) -> bool {
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    let is_of_card = ["card", "cc"].into_iter().any(has) && ["number", "num", "no", "nr"].into_iter().any(has);
    is_of_card || WORDS.into_iter().any(has)
}

/// `Debit_CARD_no__c` is `debit`, `card`, `no`, `c`.
fn by_underscore(name: &str) -> Vec<String> {
    name.split('_').map(str::to_ascii_lowercase).collect()
}

/// `debitPANToken` is `debit`, `pan`, `token`.
fn by_case(name: &str) -> Vec<String> {
    let bytes = name.as_bytes();
    let mut words = vec![String::new()];
    for (at, byte) in bytes.iter().enumerate() {
        let is_after_small = at > 0 && bytes[at - 1].is_ascii_lowercase();
        let is_before_small = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        if *byte == b'_' || (byte.is_ascii_uppercase() && (is_after_small || is_before_small)) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| *byte != b'_') {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_made_for_cards_is_known() {
        for name in [
            "PAN__c",
            "cxp__Pan__c",
            "Debtor_PAN__c",
            "debitPANToken__c",
            "blng__CardNumber__c",
            "blng__CVV__c",
            "Card_Number__c",
            "cardno",
            "CC_No__c",
            "Card_Full_Number__c",
            "SecurityCode",
            "Card_Security_Code__c",
            "CVC2__c",
            "Card_Expiry_Month__c",
            "CardExpiration__c",
            "Exp_Date__c",
            "Track_2__c",
            "Track2_Data__c",
            "Magnetic_Stripe__c",
            "PIN__c",
            "cid__c",
            "Primary_Account_Number__c",
        ] {
            assert!(is_forbidden(name), "{name}");
        }
    }

    #[test]
    fn what_may_be_kept_and_what_only_sounds_alike_is_let_through() {
        for name in [
            "cxp__Card_Brand__c",
            "cxp__Card_Last4__c",
            "Card_Last_Four__c",
            "CardLast4__c",
            "Company__c",
            "Company_Name__c",
            "Spanish__c",
            "Opinion__c",
            "Account_Number__c",
            "Phone_E164__c",
            "Discount__c",
            "Processor_Txn_Id__c",
            "Expected_Date__c",
            "Installment_Count__c",
            "SourceSystemRecordIdentifier",
            "CollectionPlan",
        ] {
            assert!(!is_forbidden(name), "{name}");
        }
    }

    fn in_some_case(words: &str, capitals: u32) -> String {
        let is_capital = |place: usize| capitals >> (place % 32) & 1 == 1;
        words.chars().enumerate().map(|(at, c)| if is_capital(at) { c.to_ascii_uppercase() } else { c }).collect()
    }

    proptest! {
        #[test]
        fn no_spelling_gets_through(
            words in prop::sample::select(vec![
                vec!["pan"], vec!["card", "number"], vec!["cvv"], vec!["cvc"], vec!["cvv2"], vec!["security", "code"],
                vec!["expiry"], vec!["card", "expiration"], vec!["track", "data"], vec!["track", "2"], vec!["track2"],
                vec!["primary", "account", "number"], vec!["mag", "stripe"], vec!["pin"], vec!["csc"],
            ]),
            capitals in any::<u32>(),
            between in "_{1,2}",
            before in prop::option::of("[A-Za-z]{1,8}__"),
            first in prop::option::of("[A-Za-z]{1,8}_"),
            last in prop::option::of("_[A-Za-z]{1,8}"),
            kind in prop::sample::select(vec!["", "__c", "__r", "__C"]),
        ) {
            let middle = in_some_case(&words.join(&between), capitals);
            let [before, first, last] = [before, first, last].map(Option::unwrap_or_default);
            let name = format!("{before}{first}{middle}{last}{kind}");
            prop_assert!(is_forbidden(&name), "{name}");
        }

        #[test]
        fn phrases_get_through_in_no_joined_spelling(
            words in prop::sample::select(vec!["cardnumber", "cvv", "cvc", "securitycode", "expiry", "trackdata"]),
            capitals in any::<u32>(),
            first in "[A-Za-z]{0,8}",
            last in "[A-Za-z]{0,8}",
        ) {
            let name = format!("{first}{}{last}__c", in_some_case(words, capitals));
            prop_assert!(is_forbidden(&name), "{name}");
        }

        #[test]
        fn any_text_is_looked_at(name in ".{0,40}") {
            let _ = is_forbidden(&name);
        }
    }
}
