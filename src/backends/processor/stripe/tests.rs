use proptest::prelude::*;
use rules::money::Currency;
use testkit::stripe as server;

use super::{
    super::tests::{amount, charge_of, sought_of, stripe_options},
    *,
};

fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, Currency::parse(currency).unwrap())
}

#[test]
fn amounts_are_counted_as_stripe_counts_them() {
    for (minor, currency, expected) in [
        (4_200, "USD", Some((4_200, "usd"))),
        (500, "JPY", Some((500, "jpy"))),
        (500, "ISK", Some((50_000, "isk"))),
        (500, "UGX", Some((50_000, "ugx"))),
        (1_230, "KWD", Some((1_230, "kwd"))),
        (1_234, "KWD", None),
        (0, "USD", None),
        (-1, "USD", None),
    ] {
        let expected = expected.map(|(amount, code)| (amount, code.to_owned()));
        assert_eq!(stripe_amount(money(minor, currency)), expected, "{currency}");
    }
}

#[tokio::test]
async fn a_payment_is_found_on_a_later_page() {
    let directory = tempfile::tempdir().unwrap();
    let running = server::Stripe::start(directory.path()).await.unwrap();
    let stripe = Stripe::new(&stripe_options(&running), None, false).unwrap();
    let kept = running.keep("4242424242424242");
    let first = charge_of(&kept, 100);
    let expected = stripe.charge(first).await.unwrap();
    for _ in 0..PAGE {
        stripe.charge(charge_of(&kept, 100)).await.unwrap();
    }
    assert_eq!(stripe.read(sought_of(first, None)).await, Ok(expected));
    assert_eq!(stripe.read(sought_of(charge_of(&kept, 100), None)).await, Ok(Reading::Absent));
}

/// What an answer says of the payment 7 of 42 dollars.
fn judged(body: &str, status: u16) -> Result<Reading, ProcessorError> {
    let (payment, opened_at) = (Uuid::from_u128(7), Timestamp::UNIX_EPOCH);
    let sought = Sought { payment, reference: None, amount: amount(4_200), opened_at };
    judge(&Answered { status, body: body.as_bytes().to_vec() }, &sought, false)
}

const SUCCEEDED: &str = r#"{"id":"pi_abcdefghijkl","status":"succeeded","amount":4200,"currency":"usd","livemode":false,
"metadata":{"tonegate_payment":"00000000-0000-0000-0000-000000000007"},"charges":{"data":[1,2]}}"#;

#[test]
fn only_the_payment_itself_is_read() {
    assert!(matches!(judged(SUCCEEDED, 200), Ok(Reading::Approved(_))));
    for (from, to) in [
        ("4200", "4201"),
        ("usd", "eur"),
        ("false", "true"),
        ("000000000007", "000000000008"),
        ("succeeded", "glorious"),
        ("pi_abcdefghijkl", "pi_123456789012"),
    ] {
        assert_eq!(judged(&SUCCEEDED.replace(from, to), 200), Err(ProcessorError::Malformed), "{to}");
    }
    for (status, expected) in [
        ("processing", Reading::Pending),
        ("canceled", Reading::Declined(DeclineReason::Declined)),
        ("requires_payment_method", Reading::Declined(DeclineReason::Declined)),
        ("requires_confirmation", Reading::Declined(DeclineReason::Declined)),
        ("requires_action", Reading::Declined(DeclineReason::AuthenticationRequired)),
    ] {
        assert_eq!(judged(&SUCCEEDED.replace("succeeded", status), 200), Ok(expected), "{status}");
    }
}

#[test]
fn a_refusal_is_told_by_its_status_and_its_codes_alone() {
    let error = |kind: &str, code: &str| {
        format!(r#"{{"error":{{"type":"{kind}","code":"{code}","message":"4242424242424242 is bad"}}}}"#)
    };
    for (status, body, expected) in [
        (402, error("card_error", "expired_card"), Ok(Reading::Declined(DeclineReason::ExpiredCard))),
        (402, error("card_error", "something_new"), Ok(Reading::Declined(DeclineReason::Declined))),
        (402, error("invalid_request_error", "expired_card"), Err(ProcessorError::Refused(402))),
        (402, "no JSON".to_owned(), Err(ProcessorError::Malformed)),
        (400, error("invalid_request_error", ""), Err(ProcessorError::Refused(400))),
        (400, error("idempotency_error", ""), Err(ProcessorError::Malformed)),
        (409, error("idempotency_error", "idempotency_key_in_use"), Err(ProcessorError::Lost)),
        (401, String::new(), Err(ProcessorError::Refused(401))),
        (429, String::new(), Err(ProcessorError::Busy)),
        (503, String::new(), Err(ProcessorError::Failed(503))),
        (302, String::new(), Err(ProcessorError::Malformed)),
    ] {
        assert_eq!(judged(&body, status), expected, "{status}");
    }
}

/// What a list of refunds says of the one under the key 9, of 42 dollars.
fn listed(refunds: &[(&str, i64, u128)], has_more: bool) -> Result<Refunded, ProcessorError> {
    let object = |(status, amount, key): &(&str, i64, u128)| {
        let metadata = serde_json::json!({"tonegate_refund": Uuid::from_u128(*key)});
        serde_json::json!({"status": status, "amount": amount, "metadata": metadata})
    };
    let data: Vec<_> = refunds.iter().map(object).collect();
    let page = serde_json::json!({"data": data, "has_more": has_more}).to_string();
    given_back(&super::object(page.as_bytes())?, Uuid::from_u128(9), 4_200)
}

#[test]
fn a_refund_is_known_by_its_key_or_by_all_of_its_money() {
    for (refunds, expected) in [
        (vec![], Refunded::Absent),
        (vec![("succeeded", 4_200, 9)], Refunded::Done),
        (vec![("failed", 4_200, 9)], Refunded::Failed),
        (vec![("canceled", 4_200, 9)], Refunded::Failed),
        (vec![("requires_action", 4_200, 9)], Refunded::Pending),
        // Under other keys, or given back by somebody at Stripe.
        (vec![("failed", 4_200, 8)], Refunded::Absent),
        (vec![("succeeded", 4_199, 8)], Refunded::Absent),
        (vec![("succeeded", 4_000, 8), ("succeeded", 200, 7)], Refunded::Done),
        (vec![("succeeded", 4_000, 8), ("pending", 200, 7)], Refunded::Pending),
    ] {
        assert_eq!(listed(&refunds, false), Ok(expected), "{refunds:?}");
    }
    assert_eq!(listed(&[("succeeded", 1, 8)], true), Err(ProcessorError::Malformed), "it may be on the next page");
    assert_eq!(listed(&[("glorious", 4_200, 9)], false), Err(ProcessorError::Malformed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_bent_answer_is_never_another_payment_or_a_panic(at in 0..SUCCEEDED.len(), byte: u8) {
        let mut bent = SUCCEEDED.as_bytes().to_vec();
        bent[at] = byte;
        if let Ok(text) = String::from_utf8(bent) {
            let _ = judged(&text, 200);
        }
    }
}
