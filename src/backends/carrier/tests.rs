//! Against a carrier's REST API on loopback, and against what carriers sign.

use call::{
    api::{AccountType, CaptureStep, Method, Postal},
    carrier::{CarrierEnd, CarrierReceipt},
    port::Terms,
};
use gate::wire::{Brand, Brands, LastFour, Token};
use jiff::Timestamp;
use rules::money::{Currency, Money};
use serde_json::{Value, json};
use testkit::carrier::{CarrierFault, CarrierServer, PAYMENT_SID, TelnyxKey, twilio_signature};

use super::*;

const CALL: Uuid = Uuid::from_u128(7);
const CAPTURE: Uuid = Uuid::from_u128(9);
const TOKEN: &str = "12345678901234567890123456789012";
const GATEWAY: &str = "https://gateway.example.com";

fn link(carrier: Carrier, server: &CarrierServer) -> CarrierLink {
    link_to(carrier, server.url())
}

fn link_to(carrier: Carrier, url: String) -> CarrierLink {
    drop(rustls::crypto::ring::default_provider().install_default());
    CarrierLink::new(CarrierOptions {
        carrier,
        url,
        account: "AC1".into(),
        token: TOKEN.to_owned().into(),
        public_key: Some(TelnyxKey::of_seed([3; 32]).public()),
        connector: "Default".into(),
        authority: None,
        callbacks: GATEWAY.into(),
    })
    .unwrap()
}

fn start() -> CarrierCommand {
    start_of(Method::Card, AccountType::default())
}

fn start_of(method: Method, account_type: AccountType) -> CarrierCommand {
    let brands = Brands::none().with(Brand::Visa).with(Brand::Diners);
    let postal = Postal::None;
    CarrierCommand::Start {
        amount: Money::new(5_050, Currency::USD),
        terms: Terms { method, account_type, brands, postal, attempts: 2 },
    }
}

#[tokio::test]
async fn twilio_is_asked_for_each_field_of_the_payment_that_it_began() {
    let mut server = CarrierServer::bind().await.unwrap();
    let link = link(Carrier::Twilio, &server);
    assert_eq!(link.obey(CALL, CAPTURE, "CA1", &CarrierCommand::Complete).await, Err(CarrierError::Unknown));
    link.obey(CALL, CAPTURE, "CA1", &start()).await.unwrap();
    let begun = server.next().await;
    assert_eq!(begun.path, "/2010-04-01/Accounts/AC1/Calls/CA1/Payments.json");
    assert!(begun.authorization.starts_with("Basic "));
    for (name, value) in [
        ("ChargeAmount", "50.50"),
        ("Currency", "USD"),
        ("ValidCardTypes", "visa+diners-club"),
        ("PostalCode", "false"),
    ] {
        assert_eq!(begun.parameter(name), Some(value), "{name}");
    }
    let mut keys = vec![begun.parameter("IdempotencyKey").unwrap().to_owned()];
    for (command, name, value) in [
        (CarrierCommand::Ask(CaptureStep::Code), "Capture", "security-code"),
        (CarrierCommand::Complete, "Status", "complete"),
        (CarrierCommand::Cancel, "Status", "cancel"),
    ] {
        link.obey(CALL, CAPTURE, "CA1", &command).await.unwrap();
        let request = server.next().await;
        assert_eq!(request.path, format!("/2010-04-01/Accounts/AC1/Calls/CA1/Payments/{PAYMENT_SID}.json"));
        assert_eq!(request.parameter(name), Some(value));
        keys.push(request.parameter("IdempotencyKey").unwrap().to_owned());
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 4, "each command has a key of its own");
}

#[tokio::test]
async fn twilio_is_told_of_a_bank_account_what_it_asks_of_one() {
    let mut server = CarrierServer::bind().await.unwrap();
    let link = link(Carrier::Twilio, &server);
    let start = start_of(Method::BankAccount, AccountType::ConsumerSavings);
    link.obey(CALL, CAPTURE, "CA1", &start).await.unwrap();
    let begun = server.next().await;
    let expected =
        [("PaymentMethod", Some("ach-debit")), ("BankAccountType", Some("consumer-savings")), ("ValidCardTypes", None)];
    for (name, value) in expected {
        assert_eq!(begun.parameter(name), value, "{name}");
    }
    let url = format!("{GATEWAY}/carrier/twilio/{CALL}/{CAPTURE}");
    let form = [("Result", "success"), ("BankAccountNumber", "xxxxxxxx6789"), ("PaymentConfirmationCode", "ach_1a2b")];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let told = link.told_by_twilio(CALL, CAPTURE, body.as_bytes(), Some(&twilio_signature(TOKEN, &url, &form)));
    let receipt = CarrierReceipt {
        confirmation: Token::parse("ach_1a2b").ok(),
        brand: Some(Brand::BankAccount),
        last_four: LastFour::parse("6789").unwrap(),
    };
    let event = CarrierEvent::Ended(CarrierEnd::Paid(receipt));
    assert_eq!(told, Ok(Some(CarrierTold { call: CALL, capture: CAPTURE, event })));
}

#[tokio::test]
async fn a_command_is_repeated_under_one_key_and_a_carrier_that_fails_is_left_alone() {
    let mut server = CarrierServer::bind().await.unwrap();
    let link = link(Carrier::Twilio, &server);
    server.fail(1);
    link.obey(CALL, CAPTURE, "CA1", &start()).await.unwrap();
    let (first, second) = (server.next().await, server.next().await);
    assert_eq!(first.parameter("IdempotencyKey"), second.parameter("IdempotencyKey"));
    server.fail(100);
    let refused = link.obey(CALL, CAPTURE, "CA1", &start()).await;
    assert_eq!(refused, Err(CarrierError::Refused(503)));
    let left_alone = link.obey(CALL, CAPTURE, "CA1", &start()).await;
    assert_eq!(left_alone, Err(CarrierError::Refused(503)), "at the fifth failure, which may have been none");
    while server.has_next() {
        server.next().await;
    }
    assert_eq!(link.obey(CALL, CAPTURE, "CA1", &start()).await, Err(CarrierError::Open));
    assert!(!server.has_next(), "it is left alone");
}

#[tokio::test]
async fn twilio_s_word_counts_with_its_signature_alone() {
    let server = CarrierServer::bind().await.unwrap();
    let link = link(Carrier::Twilio, &server);
    let url = format!("{GATEWAY}/carrier/twilio/{CALL}/{CAPTURE}");
    let told = |form: &[(&str, &str)], token: &str| {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let signature = twilio_signature(token, &url, form);
        link.told_by_twilio(CALL, CAPTURE, body.as_bytes(), Some(&signature)).map(|told| told.map(|told| told.event))
    };
    let number = CaptureStep::Number;
    let keying = [("Capture", "payment-card-number"), ("PartialResult", "true"), ("PaymentCardNumber", "xxxx")];
    assert_eq!(told(&keying, TOKEN), Ok(Some(CarrierEvent::Keying { step: number, error: None })));
    assert_eq!(told(&keying, "another-token"), Err(TellError::Unsigned));
    assert_eq!(link.told_by_twilio(CALL, CAPTURE, b"Result=success", None), Err(TellError::Unsigned));
    let keyed = [("Capture", "payment-card-number"), ("PartialResult", "false")];
    assert_eq!(told(&keyed, TOKEN), Ok(Some(CarrierEvent::Keyed(number))));
    let wrong = [("Capture", "expiration-date"), ("ErrorType", "invalid-date")];
    let expected = CarrierEvent::Keying { step: CaptureStep::Expiry, error: Some("invalid_date") };
    assert_eq!(told(&wrong, TOKEN), Ok(Some(expected)));
    let paid = [
        ("Result", "success"),
        ("PaymentCardNumber", "xxxxxxxxxxxx1111"),
        ("PaymentCardType", "visa"),
        ("PaymentConfirmationCode", "ch_a9dc6297"),
    ];
    let last_four = LastFour::parse("1111").unwrap();
    let confirmation = Token::parse("ch_a9dc6297").ok();
    let receipt = CarrierReceipt { confirmation, brand: Some(Brand::Visa), last_four };
    assert_eq!(told(&paid, TOKEN), Ok(Some(CarrierEvent::Ended(CarrierEnd::Paid(receipt)))));
    for (form, end) in [
        (
            vec![("Result", "payment-connector-error"), ("PaymentError", "Your card was declined.")],
            CarrierEnd::Declined,
        ),
        (vec![("Result", "payment-connector-error")], CarrierEnd::Unknown),
        (vec![("Result", "success"), ("PaymentCardNumber", "4111111111111x")], CarrierEnd::Unknown),
        (vec![("Result", "caller-interrupted-with-star")], CarrierEnd::Cancelled),
        (vec![("Result", "too-many-failed-attempts")], CarrierEnd::Failed("too_many_attempts")),
    ] {
        assert_eq!(told(&form, TOKEN), Ok(Some(CarrierEvent::Ended(end))), "{form:?}");
    }
    assert_eq!(told(&[("Capture", "security-code")], TOKEN), Ok(None), "the answer to a command");
}

#[tokio::test]
async fn a_number_does_not_pass_for_a_confirmation() {
    let server = CarrierServer::bind().await.unwrap();
    let link = link(Carrier::Twilio, &server);
    let url = format!("{GATEWAY}/carrier/twilio/{CALL}/{CAPTURE}");
    for number in ["4111111111111111", "4111-1111-1111-1111", "4111_1111_1111_1111", "pm_411111-1111111111"] {
        let form = [("Result", "success"), ("PaymentCardNumber", "xxxx1111"), ("PaymentToken", number)];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let told = link.told_by_twilio(CALL, CAPTURE, body.as_bytes(), Some(&twilio_signature(TOKEN, &url, &form)));
        let Ok(Some(CarrierTold { event: CarrierEvent::Ended(CarrierEnd::Paid(receipt)), .. })) = told else {
            panic!("not paid")
        };
        assert_eq!((receipt.confirmation, receipt.last_four.as_str()), (None, "1111"), "{number}");
    }
}

/// What comes of beginning a payment while these go wrong, and whether it may have begun.
async fn begun(faults: &[CarrierFault]) -> Result<(), (CarrierError, bool)> {
    let server = CarrierServer::bind().await.unwrap();
    server.meet(faults);
    let link = link(Carrier::Twilio, &server);
    link.obey(CALL, CAPTURE, "CA1", &start()).await.map_err(|error| (error, error.is_unclear()))
}

#[tokio::test]
async fn an_attempt_that_may_have_been_carried_out_outweighs_what_is_refused_after_it() {
    use CarrierFault::{Garbage, Silent, Status};
    let refused = CarrierError::Refused;
    let (lost, failed, timed_out, garbled, busy, wrong, recovered) = tokio::join!(
        begun(&[Silent, Status(400)]),
        begun(&[Status(429), Status(503), Status(404)]),
        begun(&[Status(408), Status(404)]),
        begun(&[Garbage]),
        begun(&[Status(429); 3]),
        begun(&[Status(429), Status(400)]),
        begun(&[Silent, Status(503)]),
    );
    assert_eq!(lost, Err((CarrierError::Silent, true)));
    assert_eq!(failed, Err((refused(503), true)));
    assert_eq!(timed_out, Err((refused(408), true)));
    assert_eq!(garbled, Err((CarrierError::Malformed, true)));
    assert_eq!(busy, Err((refused(429), false)));
    assert_eq!(wrong, Err((refused(400), false)));
    assert_eq!(recovered, Ok(()));
}

#[tokio::test]
async fn a_carrier_that_is_left_alone_in_the_midst_of_a_command_may_have_carried_it_out() {
    let server = CarrierServer::bind().await.unwrap();
    let link = link(Carrier::Telnyx, &server);
    let busy = CarrierFault::Status(429);
    server.meet(&[busy, busy, busy, busy, CarrierFault::Silent]);
    assert_eq!(link.obey(CALL, CAPTURE, "v3:abc", &start()).await, Err(CarrierError::Refused(429)));
    assert_eq!(link.obey(CALL, CAPTURE, "v3:abc", &start()).await, Err(CarrierError::Silent), "and then left alone");
    let left_alone = link.obey(CALL, CAPTURE, "v3:abc", &start()).await;
    assert_eq!(left_alone.map_err(|error| (error, error.is_unclear())), Err((CarrierError::Open, false)));
}

#[tokio::test]
async fn a_carrier_that_is_not_reached_has_carried_out_nothing() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let link = link_to(Carrier::Telnyx, format!("http://{closed}"));
    let unreached = link.obey(CALL, CAPTURE, "v3:abc", &start()).await;
    assert_eq!(unreached.map_err(|error| (error, error.is_unclear())), Err((CarrierError::Unreached, false)));
}

#[tokio::test]
async fn a_payment_given_up_before_twilio_names_it_is_cancelled_once_it_does() {
    let mut server = CarrierServer::bind().await.unwrap();
    let link = link(Carrier::Twilio, &server);
    server.meet(&[CarrierFault::Held]);
    let start = start();
    let beginning = link.obey(CALL, CAPTURE, "CA1", &start);
    let giving_up = async {
        let key = server.next().await.parameter("IdempotencyKey").map(str::to_owned);
        let given_up = link.obey(CALL, CAPTURE, "CA1", &CarrierCommand::Cancel).await;
        server.release();
        (key, given_up)
    };
    let (begun, (key, given_up)) = tokio::join!(beginning, giving_up);
    assert_eq!((begun, given_up), (Ok(()), Ok(())));
    let cancelled = server.next().await;
    assert_eq!(cancelled.path, format!("/2010-04-01/Accounts/AC1/Calls/CA1/Payments/{PAYMENT_SID}.json"));
    assert_eq!(cancelled.parameter("Status"), Some("cancel"));
    assert_ne!(cancelled.parameter("IdempotencyKey").map(str::to_owned), key);
    let again = link.obey(CALL, CAPTURE, "CA1", &CarrierCommand::Cancel).await;
    assert_eq!((again, server.has_next()), (Err(CarrierError::Unknown), false), "it is forgotten");
}

#[tokio::test]
async fn telnyx_is_told_once_and_its_word_counts_with_a_fresh_signature() {
    let mut server = CarrierServer::bind().await.unwrap();
    let link = link(Carrier::Telnyx, &server);
    link.obey(CALL, CAPTURE, "v3:abc", &start()).await.unwrap();
    let request = server.next().await;
    assert_eq!(
        (request.path.as_str(), request.authorization.as_str()),
        ("/v2/calls/v3:abc/actions/pay", "Bearer 12345678901234567890123456789012")
    );
    let asked: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(
        (&asked["amount"], &asked["valid_card_types"], &asked["max_attempts"]),
        (&json!(50.50), &json!(["visa", "diners-club"]), &json!(2))
    );
    assert_eq!(link.obey(CALL, CAPTURE, "v3:abc", &CarrierCommand::Cancel).await, Err(CarrierError::Unknown));

    let (key, now) = (TelnyxKey::of_seed([3; 32]), Timestamp::from_second(1_800_000_000).unwrap());
    let body = |kind: &str, payload: Value| {
        let mut payload = payload;
        payload["client_state"] = asked["client_state"].clone();
        json!({"data": {"event_type": kind, "payload": payload}}).to_string()
    };
    let told = |second: i64, key: &TelnyxKey, body: &str| {
        let signature = key.sign(second, body);
        link.told_by_telnyx(now, Some(&second.to_string()), Some(&signature), body.as_bytes())
    };
    let step =
        body("call.payment.progress", json!({"payment_step": "security-code", "error_type": "invalid-security-code"}));
    let event = CarrierEvent::Keying { step: CaptureStep::Code, error: Some("invalid_code") };
    assert_eq!(told(1_800_000_000, &key, &step), Ok(Some(CarrierTold { call: CALL, capture: CAPTURE, event })));
    assert_eq!(told(1_800_000_000, &TelnyxKey::of_seed([4; 32]), &step), Err(TellError::Unsigned));
    assert_eq!(told(1_799_999_000, &key, &step), Err(TellError::Unsigned), "told too long ago");
    assert_eq!(told(1_800_000_000, &key, "{}"), Err(TellError::Malformed));
    assert_eq!(told(1_800_000_000, &key, &body("call.hangup", json!({}))), Ok(None));
    let declined =
        body("call.payment.completed", json!({"result": "payment-connector-error", "payment_error": "card declined"}));
    let ended = told(1_800_000_000, &key, &declined).unwrap().unwrap();
    assert_eq!(ended.event, CarrierEvent::Ended(CarrierEnd::Declined));
}
