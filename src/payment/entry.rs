//! What the caller is asked for, and what was wrong with it.

use borsh::{BorshDeserialize, BorshSerialize};

named! {
    /// What the caller is asked for, and at last the wait for the processor.
    Step {
        /// The card number.
        Number "number",
        /// The expiry date, as MMYY.
        Expiry "expiry",
        /// The security code.
        Code "code",
        /// The digits of the postal code.
        Postal "postal",
        /// The routing number of a bank (ABA).
        Routing "routing",
        /// The account's number.
        Account "account",
        /// The account's number once more.
        AccountAgain "account_again",
        /// Everything is keyed; the processor is asked.
        Wait "wait",
    }
}

named! {
    /// What was wrong with a field.
    EntryError {
        /// No key, or no end of the field, in time.
        Timeout "timeout",
        /// Wrong length or check digit, or of no known brand.
        InvalidNumber "invalid_number",
        /// A card of a brand that this payment does not take.
        DisallowedBrand "disallowed_brand",
        /// No such month, past, or more than twenty years ahead.
        InvalidDate "invalid_date",
        /// Not as many digits as the brand's code has.
        InvalidCode "invalid_code",
        /// Not as many digits as the country's code has.
        InvalidPostal "invalid_postal",
        /// Not nine digits, wrong check digit, or of no Federal Reserve district.
        InvalidRouting "invalid_routing",
        /// Not 4 to 17 digits.
        InvalidAccount "invalid_account",
        /// The second entry of the account is not the first: both are asked for again.
        Mismatch "mismatch",
        /// The vault takes numbers for tests only, and this is none.
        NotATestNumber "not_a_test_number",
    }
}

/// Why a prompt is to be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum PromptReason {
    /// The step is asked for the first time.
    First,
    /// The caller cleared the field with the star key.
    Cleared,
    /// What was keyed was refused.
    Retry(EntryError),
}
