use proptest::prelude::*;

use super::*;

const APPROVED: &str = "status=approved&token=tok_abcdefghijklmnopqrstuvwx&authorisation=A1B2C3&last_four=0005";
const KEPT: &str = r#"{"id":"pm_1NwZyI2eZvKYlo2C","object":"payment_method","billing_details":{"address":{"city":null}},
    "card":{"brand":"amex","last4":"0005","exp_year":2030},"created":1726673582,"livemode":false,"metadata":{}}"#;

fn last_four() -> LastFour {
    LastFour::parse("0005").unwrap()
}

fn answer(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn read_whole(shape: Shape, status: u16, body: &str) -> Outcome {
    read(shape, (Brand::Amex, last_four()), &answer(status, body)).unwrap()
}

fn token_of(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Approved(held, _) | Outcome::Tokenised(held) => {
            (held.brand == Brand::Amex && held.last_four == last_four()).then(|| held.token.as_str())
        }
        Outcome::Declined(_) | Outcome::Failed(_) | Outcome::Unknown => None,
    }
}

#[test]
fn an_approval_is_read_only_when_whole() {
    for (shape, body) in [(Shape::Sandbox, APPROVED), (Shape::Stripe, KEPT)] {
        let whole = answer(200, body);
        assert!(read(shape, (Brand::Amex, last_four()), &whole).is_some_and(|outcome| token_of(&outcome).is_some()));
        for cut in 0..whole.len() {
            assert!(read(shape, (Brand::Amex, last_four()), &whole[..cut]).is_none(), "{shape:?} cut at {cut}");
        }
    }
}

#[test]
fn a_processor_that_keeps_the_card_gives_its_token() {
    assert_eq!(token_of(&read_whole(Shape::Stripe, 200, KEPT)), Some("pm_1NwZyI2eZvKYlo2C"));
    let kept = r#"{"token":"tkn-0001-abcdef","expires":"2030-12"}"#;
    for status in [200, 201] {
        assert_eq!(token_of(&read_whole(Shape::Tokeniser, status, kept)), Some("tkn-0001-abcdef"));
    }
}

#[test]
fn declines_come_by_reason_from_a_closed_list() {
    for (reason, expected) in [
        ("insufficient_funds", DeclineReason::InsufficientFunds),
        ("expired_card", DeclineReason::ExpiredCard),
        ("incorrect_code", DeclineReason::IncorrectCode),
        ("something_else", DeclineReason::Declined),
    ] {
        let outcome = read_whole(Shape::Sandbox, 402, &format!("status=declined&reason={reason}"));
        assert_eq!(outcome, Outcome::Declined(expected));
    }
    for (status, error, expected) in [
        (402, r#""code":"card_declined","decline_code":"insufficient_funds""#, DeclineReason::InsufficientFunds),
        (402, r#""code":"card_declined","decline_code":"fraudulent""#, DeclineReason::Declined),
        (402, r#""code":"incorrect_cvc","message":"4242""#, DeclineReason::IncorrectCode),
        (402, r#""message":"no code at all""#, DeclineReason::Declined),
        (400, r#""code":"routing_number_invalid""#, DeclineReason::IncorrectNumber),
        (422, r#""code":"expired_card""#, DeclineReason::ExpiredCard),
    ] {
        for shape in [Shape::Stripe, Shape::Tokeniser] {
            let outcome = read_whole(shape, status, &format!(r#"{{"error":{{"type":"card_error",{error}}}}}"#));
            assert_eq!(outcome, Outcome::Declined(expected), "{shape:?} {error}");
        }
    }
}

#[test]
fn a_refusal_of_the_request_is_no_charge_and_anything_odd_is_an_outcome_of_its_own() {
    for &shape in Shape::ALL {
        let refused = Outcome::Failed(FailReason::ProcessorRefused);
        assert_eq!(read_whole(shape, 400, "number=4242424242424242"), refused);
        assert_eq!(read_whole(shape, 400, r#"{"error":{"message":"4242424242424242"}}"#), refused);
        assert_eq!(read_whole(shape, 401, ""), refused);
        let good = if shape == Shape::Sandbox { APPROVED } else { KEPT };
        let odd = lost(shape, FailReason::ProcessorFailed);
        assert_eq!(odd == Outcome::Unknown, shape == Shape::Sandbox);
        for status in [100, 204, 302, 500, 503] {
            assert_eq!(read_whole(shape, status, good), odd, "{shape:?} status {status}");
        }
        for status in [408, 409, 425] {
            let expected = if shape == Shape::Sandbox { Outcome::Unknown } else { refused };
            assert_eq!(read_whole(shape, status, good), expected, "{shape:?} status {status}");
        }
    }
    for body in [
        "",
        "status=approved",
        "status=pending",
        &format!("{APPROVED}&status=approved"),
        &format!("{APPROVED}&broken"),
        &APPROVED.replace("0005", "0006"),
        &APPROVED.replace("tok_", "tok%5F"),
    ] {
        assert_eq!(read_whole(Shape::Sandbox, 200, body), Outcome::Unknown);
    }
    for body in [
        "",
        "null",
        "[]",
        r#"{"id":4242424242424242}"#,
        r#"{"id":"4242424242424242"}"#,
        r#"{"id":"pm_1NwZyI2eZvKYlo2C""#,
        r#"{"id":"pm_1NwZyI2eZvKYlo2C","id":"pm_2NwZyI2eZvKYlo2C"}"#,
        r#"{"data":{"id":"pm_1NwZyI2eZvKYlo2C"}}"#,
        r#"["id","pm_1NwZyI2eZvKYlo2C"]"#,
        &KEPT.replace("0005", "0006"),
        &KEPT.replace("pm_", "pm "),
    ] {
        assert_eq!(read_whole(Shape::Stripe, 200, body), Outcome::Failed(FailReason::ProcessorFailed), "{body}");
    }
}

#[test]
fn only_one_plain_length_frames_a_body() {
    for head in [
        "content-length: 3\r\ncontent-length: 3",
        "content-length: +3",
        "content-length: ",
        "transfer-encoding: chunked",
        "content-length: 3\r\ntransfer-encoding: chunked",
        "content-length: 99999",
        "content-length: 123456",
        "server: none",
        "not a header",
    ] {
        let bytes = format!("HTTP/1.1 200 X\r\n{head}\r\n\r\na=b");
        assert_eq!(
            read(Shape::Sandbox, (Brand::Amex, last_four()), bytes.as_bytes()),
            Some(Outcome::Unknown),
            "{head}"
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), lead: bool, which in 0usize..3) {
        let mut answer = if lead { b"HTTP/1.1 200 X\r\ncontent-length: 20\r\n\r\n".to_vec() } else { Vec::new() };
        answer.extend(bytes);
        let _ = read(Shape::ALL[which], (Brand::Amex, last_four()), &answer);
    }

    #[test]
    fn no_json_gives_out_what_is_no_token(text in "[0-9a-z_ \\-]{0,40}") {
        let outcome = read_whole(Shape::Tokeniser, 200, &format!(r#"{{"token":"{text}"}}"#));
        match Token::parse(&text) {
            Ok(token) => prop_assert_eq!(token_of(&outcome), Some(token.as_str())),
            Err(_) => prop_assert_eq!(outcome, Outcome::Failed(FailReason::ProcessorFailed)),
        }
    }
}
