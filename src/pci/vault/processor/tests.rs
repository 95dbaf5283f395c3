use gate::wire::{Brands, Currency, Holder, Postal};

use super::*;
use crate::settings;

fn open(method: Method) -> Open {
    Open {
        capture: [0; 16],
        payment: *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef",
        method,
        amount_minor: 12_345,
        currency: Currency::parse("USD").unwrap(),
        brands: Brands::all(),
        postal: Postal::Us,
        year: 2026,
        month: 11,
        holder: Holder::parse("Jane van Doe").unwrap(),
    }
}

fn keyed(fields: &[(Step, &str)]) -> SealedCard {
    let mut card = SealedCard::new().unwrap();
    for (step, digits) in fields {
        digits.bytes().for_each(|digit| card.push(*step, digit));
    }
    card
}

fn card(postal: &str) -> SealedCard {
    keyed(&[(Step::Number, "4242424242424242"), (Step::Expiry, "1230"), (Step::Code, "987"), (Step::Postal, postal)])
}

fn account() -> SealedCard {
    keyed(&[(Step::Routing, "110000000"), (Step::Account, "000123456789"), (Step::AccountAgain, "000123456789")])
}

fn processor(shape: Shape, account: &str) -> Processor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Processor {
        shape,
        name: ServerName::try_from("localhost").unwrap(),
        tls: Arc::new(versions.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()),
        head: settings::head(shape, ["/v1/x", "localhost", "secret", account]).unwrap(),
        answer_within: Duration::from_secs(1),
    }
}

/// Head and body of the request that `shape` is sent.
fn sent(shape: Shape, method: Method, card: &SealedCard) -> (String, String) {
    let request = processor(shape, "").request(&open(method), card).unwrap();
    let text = std::str::from_utf8(request.expose()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.ends_with(&format!("\r\ncontent-length: {}", body.len())));
    (head.to_owned(), body.to_owned())
}

#[test]
fn a_request_is_one_post_with_the_payment_as_its_idempotency_key() {
    let (head, body) = sent(Shape::Sandbox, Method::Card, &card("94107"));
    assert!(head.starts_with("POST /v1/x HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret\r\n"));
    assert!(head.contains("\r\nidempotency-key: 0123456789abcdef0123456789abcdef\r\n"));
    assert!(head.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n") && !head.contains("stripe"));
    assert!(body == "number=4242424242424242&expiry=1230&code=987&amount=12345&currency=USD&postal=94107");
}

#[test]
fn what_was_not_keyed_is_not_sent() {
    let (_, body) = sent(Shape::Sandbox, Method::Card, &card(""));
    assert!(body.ends_with("&currency=USD"));
    let (_, body) = sent(Shape::Stripe, Method::Card, &card(""));
    assert!(body.ends_with("&card[cvc]=987"));
    let (_, body) = sent(Shape::Tokeniser, Method::Card, &card(""));
    assert!(body.ends_with(r#""code":"987"}"#));
}

#[test]
fn each_shape_gets_its_own_words() {
    let (head, body) = sent(Shape::Stripe, Method::Card, &card("94107"));
    assert!(head.contains(&format!("\r\nstripe-version: {STRIPE_VERSION}\r\n")) && !head.contains("stripe-account"));
    assert!(
        body == "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=30&card[cvc]=987\
                 &billing_details[address][postal_code]=94107"
    );
    let (_, body) = sent(Shape::Stripe, Method::BusinessChecking, &account());
    assert!(
        body == "type=us_bank_account&us_bank_account[routing_number]=110000000\
                 &us_bank_account[account_number]=000123456789&us_bank_account[account_type]=checking\
                 &us_bank_account[account_holder_type]=company&billing_details[name]=Jane+van+Doe"
    );
    let (head, body) = sent(Shape::Tokeniser, Method::Card, &card("94107"));
    assert!(head.contains("\r\ncontent-type: application/json\r\n") && !head.contains("stripe"));
    assert!(
        body == r#"{"type":"card","number":"4242424242424242","exp_month":"12","exp_year":"30","code":"987","postal":"94107"}"#
    );
    let (_, body) = sent(Shape::Tokeniser, Method::Savings, &account());
    assert!(
        body == r#"{"type":"bank_account","routing":"110000000","account":"000123456789","account_type":"savings","holder_type":"individual","holder":"Jane van Doe"}"#
    );
    let (_, body) = sent(Shape::Sandbox, Method::Checking, &account());
    assert!(
        body == "routing=110000000&account=000123456789&account_type=checking&holder_type=individual\
                 &amount=12345&currency=USD&holder=Jane+van+Doe"
    );
}

#[test]
fn a_connected_account_is_named_to_stripe() {
    let request = processor(Shape::Stripe, "acct_1").request(&open(Method::Card), &card("")).unwrap();
    assert!(std::str::from_utf8(request.expose()).unwrap().contains("\r\nstripe-account: acct_1\r\n"));
}

#[test]
fn the_longest_request_fits_and_a_setting_that_breaks_the_head_is_refused() {
    let longest =
        Open { amount_minor: u64::MAX, holder: Holder::parse(&"J ".repeat(20)).unwrap(), ..open(Method::Checking) };
    let long = keyed(&[(Step::Routing, "110000000"), (Step::Account, &"1".repeat(17)), (Step::Postal, "941071234")]);
    let wide = keyed(&[
        (Step::Number, &"4".repeat(19)),
        (Step::Expiry, "1230"),
        (Step::Code, "9876"),
        (Step::Postal, "941071234"),
    ]);
    for &shape in Shape::ALL {
        let mut processor = processor(shape, "");
        let room = HEAD_BYTES - processor.head.len();
        processor.head.insert_str(0, &"x".repeat(room));
        assert!(processor.request(&longest, &long).is_ok(), "{shape:?}");
        assert!(processor.request(&Open { method: Method::Card, ..longest }, &wide).is_ok(), "{shape:?}");
    }
    for settings in [
        ["v1", "localhost", "secret", ""],
        ["/v1 x", "localhost", "secret", ""],
        ["/v1", "localhost", "sec\r\nret", ""],
        ["/v1", "localhost", "secret", "acct 1"],
        ["/v1", "local\nhost", "secret", ""],
    ] {
        assert!(settings::head(Shape::Stripe, settings).is_err());
    }
    assert!(settings::head(Shape::Stripe, ["/", "localhost", &"x".repeat(HEAD_BYTES), ""]).is_err());
}
