//! Twilio's routes: who may use them, what they ask of the call, and how they refuse.

use base64::Engine;
use call::api::{ApiReply, ApiRequest, Callback, CaptureAsk, CaptureStep, SessionStep};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const CALLBACK: &str = "https://bot.example.com/pay";

impl House {
    fn payments(&self, part: &str) -> RequestBuilder {
        self.request(Method::POST, &self.payments_path(part))
    }

    fn payments_path(&self, part: &str) -> String {
        format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/CA{}/Payments{part}", self.call.simple())
    }
}

fn form(request: RequestBuilder, more: &str) -> RequestBuilder {
    let who = format!("IdempotencyKey=one&StatusCallback={CALLBACK}&{more}");
    request.header("content-type", "application/x-www-form-urlencoded").body(who)
}

async fn answered(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_payment_is_begun_and_goes_on_by_an_agent_of_twilio_s() {
    let callback = || Callback::new(CALLBACK.into());
    let ask = CaptureAsk { currency: Some("USD".into()), ..CaptureAsk::card(12_050) };
    let house = House::with(move |request| {
        let begun = ApiRequest::OpenSession { ask: ask.clone(), key: "one".into(), callback: callback() };
        let step = SessionStep::Ask(CaptureStep::Number);
        let stepped = ApiRequest::StepSession { session: CAPTURE, key: "one".into(), callback: callback(), step };
        Some(if request == begun {
            ApiReply::CaptureStarted(view(CaptureReply::Opened))
        } else if request == stepped {
            ApiReply::Done
        } else if let ApiRequest::StepSession { session: CAPTURE, .. } = request {
            ApiReply::Refused(Missing::Capture)
        } else {
            ApiReply::NoCapture
        })
    })
    .await;
    let token = house.bearers.for_bot(house.call);
    for password in [token.expose_secret(), AUTH_TOKEN] {
        let begin = form(house.payments(".json"), "ChargeAmount=120.50").basic_auth(ACCOUNT, Some(password));
        let (status, begun) = answered(begin).await;
        let payment = format!("PK{}", CAPTURE.simple());
        assert_eq!((status, &begun["sid"], &begun["account_sid"]), (201, &json!(payment), &json!(ACCOUNT)), "{begun}");
        let go_on =
            |part: String, more| answered(form(house.payments(&part), more).basic_auth(ACCOUNT, Some(password)));
        let (status, gone_on) = go_on(format!("/{payment}.json"), "Capture=payment-card-number").await;
        assert_eq!((status, &gone_on["sid"]), (202, &json!(payment)));
        let (status, early) = go_on(format!("/{payment}.json"), "Status=complete").await;
        assert_eq!((status, &early["code"]), (409, &json!(20_409)));
        let (status, other) = go_on(format!("/PK{}.json", Uuid::nil().simple()), "Status=cancel").await;
        assert_eq!((status, &other["code"]), (404, &json!(20_404)));
    }
}

#[tokio::test]
async fn strangers_and_people_take_no_payments() {
    let house = House::with(|_| Some(ApiReply::Done)).await;
    let elsewhere = Uuid::from_u128(8).simple();
    let elsewhere = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/CA{elsewhere}/Payments.json");
    for request in [
        house.payments(".json"),
        house.payments(".json").basic_auth(ACCOUNT, Some("no-token-of-anybody")),
        house.payments(".json").basic_auth(ACCOUNT, Some(OPERATOR)),
        house.request(Method::POST, &elsewhere).basic_auth(ACCOUNT, Some(AUTH_TOKEN)),
    ] {
        let (status, body) = answered(form(request, "ChargeAmount=1")).await;
        assert_eq!((status, &body["code"]), (401, &json!(20_003)));
    }
    let elsewhere = house.request(Method::GET, "/v1/calls").basic_auth(ACCOUNT, Some(AUTH_TOKEN));
    assert_eq!(problem(elsewhere).await.0, StatusCode::UNAUTHORIZED, "it is for these routes alone");
}

#[tokio::test]
async fn a_parameter_is_refused_by_its_name_and_not_repeated() {
    let house = House::with(|_| Some(ApiReply::Done)).await;
    let begin = form(house.payments(".json"), "ChargeAmount=4111111111111111x").basic_auth(ACCOUNT, Some(AUTH_TOKEN));
    let (status, body) = answered(begin).await;
    assert_eq!((status, &body["code"]), (400, &json!(20_001)));
    let message = body["message"].as_str().unwrap();
    assert!(message.starts_with("ChargeAmount: ") && !message.contains("4111"), "{message}");
}

#[tokio::test]
async fn whatever_goes_wrong_is_told_as_twilio_tells_it() {
    let house = House::with(|_| Some(ApiReply::Refused(Missing::Key))).await;
    let known = |request: RequestBuilder| request.basic_auth(ACCOUNT, Some(AUTH_TOKEN));
    let long = "x".repeat(9_000);
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Nothing.json");
    for (request, status, code) in [
        (form(known(house.payments(".json")), "ChargeAmount=1"), 422, 20_422),
        (form(known(house.payments(".json")), &long), 413, 20_413),
        (form(known(house.payments(&format!("/PK{}.json", CAPTURE.simple()))), &long), 413, 20_413),
        (known(house.request(Method::GET, &house.payments_path(".json"))), 405, 20_405),
        (known(house.request(Method::POST, &path)), 404, 20_404),
    ] {
        let (answered, body) = answered(request).await;
        assert_eq!((answered, &body["code"], &body["status"]), (status, &json!(code), &json!(status)), "{body}");
    }
}

#[tokio::test]
async fn a_form_that_never_comes_is_late_as_twilio_tells_it() {
    let house = House::with(|_| None).await;
    let mut socket = tokio::net::TcpStream::connect(house.address).await.unwrap();
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{ACCOUNT}:{AUTH_TOKEN}"));
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Basic {credentials}\r\nContent-Length: 9\r\n\
         Connection: close\r\n\r\n",
        house.payments_path(".json")
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = socket.read_to_end(&mut answer);
    timeout(Duration::from_secs(30), reading).await.unwrap().unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.contains(r#""code":20504"#), "{answer}");
}
