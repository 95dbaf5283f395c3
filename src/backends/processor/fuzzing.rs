//! Answers of processors, as they are and otherwise (`fuzz/README.md`).

use jiff::Timestamp;
use rules::money::{Currency, Money};
use uuid::Uuid;

use super::{Reading, Sought, https::Answered, sandbox, stripe, tokeniser};

/// Statuses that an answer may come with, by its second byte.
const STATUSES: [u16; 12] = [200, 201, 402, 400, 401, 404, 409, 422, 429, 500, 503, 302];
/// From this many digits in a row on a name could hide a card.
const DIGITS: usize = 12;

/// The first byte chooses the dialect, the second the status; the rest is the body.
pub(crate) fn read(bytes: &[u8]) {
    let [dialect, status, body @ ..] = bytes else { return };
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let sought = Sought {
        payment: Uuid::from_u128(7),
        reference: None,
        amount: Money::new(4_200, Currency::USD),
        opened_at: Timestamp::UNIX_EPOCH,
    };
    let answered = Answered { status, body: body.to_vec() };
    let reading = match dialect % 3 {
        0 => stripe::judge(&answered, &sought, false).ok(),
        1 => tokeniser::judge(sought.payment, &answered).ok(),
        _ => sandbox::parse(sought.payment, body),
    };
    let Some(Reading::Approved(receipt)) = reading else { return };
    // A UUID has several forms, and JSON several for each; whichever it is, the 7 at its end is there.
    assert!(body.contains(&b'7'), "an approval of no payment");
    let names = [receipt.reference, receipt.held.map(|held| held.token)];
    for name in names.iter().flatten() {
        let longest = name.as_str().split(|letter: char| !letter.is_ascii_digit()).map(str::len).max();
        assert!(longest < Some(DIGITS), "a name that could be a card");
    }
}
