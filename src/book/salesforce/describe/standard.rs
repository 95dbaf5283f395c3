//! Salesforce's own objects and fields. They are never made, so one that is not seen is hidden.

/// What stands before the parts of an address in their names (Object Reference, "Address Compound Fields").
const ADDRESSES: [&str; 7] = ["", "Mailing", "Other", "Billing", "Shipping", "PersonMailing", "PersonOther"];
const PARTS_OF_ADDRESS: [&str; 10] = [
    "Street",
    "City",
    "State",
    "StateCode",
    "PostalCode",
    "Country",
    "CountryCode",
    "Latitude",
    "Longitude",
    "GeocodeAccuracy",
];
const PARTS_OF_NAME: [&str; 5] = ["FirstName", "LastName", "MiddleName", "Salutation", "Suffix"];

/// Whether a name is Salesforce's own: every other ends with `__c` or the like.
pub(super) fn is_standard(name: &str) -> bool {
    !name.contains("__")
}

/// The field whose permission lets a standard field be seen: parts of a name or of an address are granted with the whole.
pub(super) fn permission(field: &str) -> String {
    if PARTS_OF_NAME.iter().any(|part| part.eq_ignore_ascii_case(field)) {
        return "Name".to_owned();
    }
    let is_of =
        |prefix: &&&str| PARTS_OF_ADDRESS.iter().any(|part| format!("{prefix}{part}").eq_ignore_ascii_case(field));
    ADDRESSES.iter().find(is_of).map_or_else(|| field.to_owned(), |prefix| format!("{prefix}Address"))
}

/// What is so where an object is not seen, and what to change.
pub(super) fn unseen_object(api: &str) -> (String, String) {
    if is_standard(api) {
        let what = format!("{api} is a standard object that the gateway's user may not see");
        let remedy = format!(
            "grant Read on {api} in the user's permission set, and the licence that it comes with, or correct the mapping"
        );
        return (what, remedy);
    }
    let what = format!("the org has no object {api}, or the gateway's user may not see it");
    (what, format!("create {api}, give the user's permission set access to it, or correct the mapping"))
}
