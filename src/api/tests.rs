use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use call::api::{
    ApiReply, ApiRequest, CaptureAsk, CaptureReply, CaptureStep, CaptureView, FactsReply, Missing, ToolAsk,
    VerifyResult,
};
use call::conditions::Unmet;
use call::transfer::{TransferState, TransferView};
use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::{ApiToken, Role, SecretSource};

mod outbox;
mod payments;
mod tls;

const OPERATOR: &str = "operator-token-0123456789";
const AUDITOR: &str = "auditor-token-0123456789";
const AUTH_TOKEN: &str = "auth-token-of-an-agent-0123456789";
const CAPTURE: Uuid = Uuid::from_u128(9);

fn view(reply: CaptureReply) -> CaptureView {
    CaptureView { id: Some(CAPTURE), muted: true, reply }
}

/// One question and where its answer goes. A call that drops the sender has ended.
type Question = (ApiRequest, oneshot::Sender<ApiReply>);

/// A port over the bounded queue that a call's driver reads.
#[derive(Clone, Debug)]
struct QueuePort {
    questions: mpsc::Sender<Question>,
}

impl QueuePort {
    /// A port that writes to the queue.
    #[must_use]
    fn new(questions: mpsc::Sender<Question>) -> Self {
        Self { questions }
    }
}

impl CallPort for QueuePort {
    fn request(&self, request: ApiRequest, deadline: Duration) -> Answering<'_> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.questions.try_send((request, answer)).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => PortError::Full,
                mpsc::error::TrySendError::Closed(_) => PortError::Ended,
            })?;
            match timeout(deadline, answered).await {
                Ok(Ok(reply)) => Ok(reply),
                Ok(Err(_)) => Err(PortError::Ended),
                Err(_) => Err(PortError::Late),
            }
        })
    }
}

struct Calls(HashMap<Uuid, QueuePort>);

impl CallDirectory for Calls {
    fn list(&self) -> Vec<CallSummary> {
        let started = "2026-03-04T05:06:07Z".parse().unwrap();
        let summary =
            |id: &Uuid| CallSummary { id: *id, trunk: "local".into(), agent: "bot".into(), state: "talking", started };
        self.0.keys().map(summary).collect()
    }

    fn find(&self, id: Uuid) -> Option<Arc<dyn CallPort>> {
        let port = self.0.get(&id)?.clone();
        Some(Arc::new(port))
    }
}

/// The agent of one call has an auth token.
struct Accounts(Uuid);

impl AuthTokens for Accounts {
    fn auth_token(&self, call: Uuid) -> Option<secrecy::SecretString> {
        (call == self.0).then(|| AUTH_TOKEN.to_owned().into())
    }
}

#[derive(Default)]
struct Trail(Mutex<Vec<String>>);

impl AuditTrail for Trail {
    fn record(&self, access: &Access<'_>) {
        let name = access.bearer.map_or("nobody", Bearer::name);
        self.0.lock().unwrap().push(format!("{name} {} {} {}", access.method, access.route, access.status));
    }
}

/// Gives back what the last digit of a payment's id says.
struct Money;

impl Refunds for Money {
    fn refund(&self, payment: Uuid, bearer: &str) -> Refunding {
        assert_eq!(bearer, "desk");
        Box::pin(async move {
            match payment.as_u128() {
                1 => Err(RefundRefusal::NoPayment),
                2 => Err(RefundRefusal::NotPaid),
                3 => Err(RefundRefusal::Refused),
                4 => Err(RefundRefusal::Unavailable),
                5 | 9 => std::future::pending().await,
                6 => Err(RefundRefusal::Open),
                8 => Ok(Given::Pending),
                10 => Err(RefundRefusal::NotBegun),
                _ => Ok(Given::Back),
            }
        })
    }

    fn is_refunding(&self, payment: Uuid) -> bool {
        payment.as_u128() == 5
    }
}

/// A served interface with one call whose answers are a function.
struct House {
    address: SocketAddr,
    call: Uuid,
    bearers: Arc<Bearers>,
    trail: Arc<Trail>,
    _secrets: tempfile::TempDir,
}

impl House {
    async fn with(answer: impl Fn(ApiRequest) -> Option<ApiReply> + Send + 'static) -> Self {
        let (questions, mut asked) = mpsc::channel::<Question>(4);
        tokio::spawn(async move {
            let mut unanswered = Vec::new();
            while let Some((request, to)) = asked.recv().await {
                match answer(request) {
                    Some(reply) => drop(to.send(reply)),
                    None => unanswered.push(to),
                }
            }
        });
        Self::over(questions).await
    }

    async fn over(questions: mpsc::Sender<Question>) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let secrets = tempfile::tempdir().unwrap();
        let token = |name: &str, role, secret: &str| {
            let file = secrets.path().join(name);
            std::fs::write(&file, secret).unwrap();
            ApiToken { name: name.into(), role, secret: SecretSource { env: None, file: Some(file) } }
        };
        let tokens = [token("desk", Role::Operator, OPERATOR), token("eye", Role::Auditor, AUDITOR)];
        let bearers = Arc::new(Bearers::read(&tokens).unwrap());
        let call = Uuid::from_u128(7);
        let trail = Arc::new(Trail::default());
        let interface = Interface {
            calls: Arc::new(Calls(HashMap::from([(call, QueuePort::new(questions))]))),
            bearers: Arc::clone(&bearers),
            accounts: Arc::new(Accounts(call)),
            audit: Arc::clone(&trail) as Arc<dyn AuditTrail>,
            refunds: Arc::new(Money),
            dead_letters: Arc::new(outbox::Letters),
            deadline: Duration::from_millis(200),
            bank_accounts: true,
        };
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(serve(socket, None, routes(interface), CancellationToken::new()));
        Self { address, call, bearers, trail, _secrets: secrets }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        Client::new().request(method, format!("http://{}{path}", self.address))
    }

    /// A request of the call's own bot.
    fn bot(&self, method: Method, part: &str) -> RequestBuilder {
        let token = self.bearers.for_bot(self.call);
        self.request(method, &format!("/v1/calls/{}{part}", self.call)).bearer_auth(token.expose_secret())
    }
}

async fn problem(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status.as_u16());
    (status, body)
}

#[tokio::test]
async fn people_list_calls_and_strangers_do_not() {
    let house = House::with(|_| None).await;
    let response = house.request(Method::GET, "/v1/calls").bearer_auth(AUDITOR).send().await.unwrap();
    let list: Value = response.json().await.unwrap();
    assert_eq!(list["calls"][0]["id"], house.call.to_string());
    for request in [
        house.request(Method::GET, "/v1/calls"),
        house.request(Method::GET, "/v1/calls").bearer_auth("operator-token-0123456780"),
        house.request(Method::GET, "/v1/calls").basic_auth("desk", Some(OPERATOR)),
    ] {
        assert_eq!(problem(request).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        *house.trail.0.lock().unwrap(),
        ["eye GET /v1/calls 200", "nobody GET /v1/calls 401", "nobody GET /v1/calls 401", "nobody GET /v1/calls 401"]
    );
}

#[tokio::test]
async fn each_role_reaches_its_own_routes_alone() {
    let house = House::with(|_| Some(ApiReply::Done)).await;
    let path = |part: &str| format!("/v1/calls/{}{part}", house.call);
    let bot = house.bearers.for_bot(house.call);
    let bot = bot.expose_secret();
    let cases = [
        (OPERATOR, Method::DELETE, path(""), 204),
        (AUDITOR, Method::DELETE, path(""), 403),
        (bot, Method::DELETE, path(""), 204),
        (OPERATOR, Method::POST, "/v1/calls".into(), 501),
        (AUDITOR, Method::POST, "/v1/calls".into(), 403),
        (bot, Method::GET, "/v1/calls".into(), 401),
        (OPERATOR, Method::GET, path("/transfer"), 204),
        (bot, Method::GET, path("/transfer"), 204),
        (AUDITOR, Method::GET, path("/transfer"), 403),
        (AUDITOR, Method::POST, path("/transfer"), 403),
        (AUDITOR, Method::GET, path("/timeline"), 204),
        (bot, Method::GET, path("/timeline"), 403),
        (OPERATOR, Method::GET, path("/facts"), 403),
        (AUDITOR, Method::GET, path("/facts"), 403),
        (bot, Method::GET, path("/facts"), 204),
        (bot, Method::GET, format!("/v1/calls/{}/facts", Uuid::from_u128(8)), 401),
        (OPERATOR, Method::DELETE, format!("/v1/calls/{}", Uuid::from_u128(8)), 404),
        (OPERATOR, Method::DELETE, "/v1/calls/none".into(), 404),
        (AUDITOR, Method::POST, format!("/v1/payments/{}/refund", Uuid::from_u128(7)), 403),
        (bot, Method::POST, format!("/v1/payments/{}/refund", Uuid::from_u128(7)), 401),
        (OPERATOR, Method::GET, "/v1/outbox/parked".into(), 200),
        (AUDITOR, Method::GET, "/v1/outbox/parked".into(), 200),
        (AUDITOR, Method::GET, "/v1/outbox/parked.csv?kind=dispute".into(), 403),
        (AUDITOR, Method::POST, "/v1/outbox/1/replay".into(), 403),
        (bot, Method::GET, "/v1/outbox/parked".into(), 401),
    ];
    for (token, method, path, expected) in cases {
        let status = house.request(method.clone(), &path).bearer_auth(token).send().await.unwrap().status();
        assert_eq!(status.as_u16(), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn facts_come_only_after_what_must_come_first() {
    let verified = Arc::new(Mutex::new(false));
    let state = Arc::clone(&verified);
    let house = House::with(move |request| {
        let mut verified = state.lock().unwrap();
        Some(match request {
            ApiRequest::Verify { value, .. } => {
                *verified = value.reveal() == "97201";
                let result = if *verified { VerifyResult::Match } else { VerifyResult::NoMatch };
                ApiReply::Verified { result, verified: *verified, tries_left: 2 }
            }
            ApiRequest::Facts if *verified => ApiReply::Facts(FactsReply {
                creditor: "Example Bank".into(),
                balance_minor: 12_345,
                currency: "USD".into(),
                reference_ending: "0042".into(),
            }),
            ApiRequest::Facts
            | ApiRequest::Offer(_)
            | ApiRequest::Outcome(_)
            | ApiRequest::StartCapture { .. }
            | ApiRequest::CollectPayment { .. }
            | ApiRequest::CaptureState { .. }
            | ApiRequest::CancelCapture { .. }
            | ApiRequest::OpenSession { .. }
            | ApiRequest::StepSession { .. }
            | ApiRequest::Transfer { .. }
            | ApiRequest::TransferState
            | ApiRequest::RefuseRecording
            | ApiRequest::Timeline
            | ApiRequest::HangUp => ApiReply::Refused(Missing::Verification),
        })
    })
    .await;
    let (status, body) = problem(house.bot(Method::GET, "/facts")).await;
    assert_eq!((status, &body["missing"]), (StatusCode::CONFLICT, &json!("verification")));
    let answer = json!({"factor": "postal_code", "value": "97201"});
    let verified: Value = house.bot(Method::POST, "/verify").json(&answer).send().await.unwrap().json().await.unwrap();
    assert_eq!(verified, json!({"result": "match", "verified": true, "tries_left": 2}));
    let facts: Value = house.bot(Method::GET, "/facts").send().await.unwrap().json().await.unwrap();
    assert_eq!(facts["balance_minor"], 12_345);
}

#[tokio::test]
async fn a_capture_under_way_is_accepted_and_names_its_step() {
    let house = House::with(|request| {
        let keying = CaptureReply::Keying { step: CaptureStep::Expiry, count: 2, attempt: 1, error: None };
        Some(if request == (ApiRequest::StartCapture { ask: CaptureAsk::card(5_000), key: Some("one".into()) }) {
            ApiReply::CaptureStarted(view(CaptureReply::Arming))
        } else if let ApiRequest::CaptureState { capture: None | Some(CAPTURE) } = request {
            ApiReply::Capture(view(keying))
        } else if let ApiRequest::CaptureState { .. } = request {
            ApiReply::NoCapture
        } else {
            ApiReply::Refused(Missing::Capture)
        })
    })
    .await;
    let start = |amount: i64| {
        let request = house.bot(Method::POST, "/captures").header("Idempotency-Key", "one");
        request.json(&json!({ "amount_minor": amount }))
    };
    let started = start(5_000).send().await.unwrap();
    assert_eq!(started.status(), StatusCode::CREATED);
    let place = started.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(place, format!("/v1/calls/{}/captures/{CAPTURE}", house.call));
    for path in ["/captures".to_owned(), format!("/captures/{CAPTURE}")] {
        let state: Value = house.bot(Method::GET, &path).send().await.unwrap().json().await.unwrap();
        let expected =
            json!({"id": CAPTURE, "muted": true, "state": "keying", "step": "expiry", "count": 2, "attempt": 1});
        assert_eq!(state, expected);
    }
    for path in [format!("/captures/{}", Uuid::from_u128(10)), "/captures/none".to_owned()] {
        assert_eq!(problem(house.bot(Method::GET, &path)).await.0, StatusCode::NOT_FOUND);
    }
    let (status, body) = problem(start(0)).await;
    assert_eq!((status, &body["title"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("Bad value")));
    assert_eq!((&body["type"], &body["missing"]), (&json!("urn:tonegate:problem:bad-value"), &Value::Null));
    assert_eq!(problem(house.bot(Method::DELETE, "/captures")).await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_the_call_finds_senseless_is_a_bad_value_too() {
    let house = House::with(|_| Some(ApiReply::Refused(Missing::Sense))).await;
    let (status, body) = problem(house.bot(Method::GET, "/facts")).await;
    assert_eq!((status.as_u16(), &body["type"]), (422, &json!("urn:tonegate:problem:bad-value")));
}

#[tokio::test]
async fn a_cancelled_capture_is_accepted_while_it_ends_and_a_plain_answer_once_it_has() {
    for (reply, expected) in
        [(CaptureReply::Submitted, 202), (CaptureReply::Failed { reason: "cancelled".into() }, 200)]
    {
        let house = House::with(move |_| Some(ApiReply::Capture(view(reply.clone())))).await;
        assert_eq!(house.bot(Method::DELETE, "/captures").send().await.unwrap().status(), expected);
    }
}

#[tokio::test]
async fn a_call_that_is_carried_in_clear_names_what_is_missing() {
    let house = House::with(|_| Some(ApiReply::Unprotected(Unmet::SignallingInClear))).await;
    let (status, body) = problem(house.bot(Method::POST, "/captures").json(&json!({"amount_minor": 1}))).await;
    assert_eq!((status, &body["condition"]), (StatusCode::CONFLICT, &json!("signalling_in_clear")));
    assert!(body["detail"].as_str().unwrap().contains("trunk[].private_line"), "{body}");
}

#[tokio::test]
async fn a_bank_account_that_is_not_taken_is_refused_with_what_to_do() {
    let house = House::with(|_| Some(ApiReply::Refused(Missing::BankAccounts))).await;
    let ask = json!({"amount_minor": 1, "method": "bank_account"});
    for request in [
        house.bot(Method::POST, "/captures").json(&ask),
        house.bot(Method::POST, "/tools/collect_payment").body(r#"{"amount": "1", "method": "bank_account"}"#),
    ] {
        let (status, body) = problem(request).await;
        assert_eq!(
            (status, &body["type"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("urn:tonegate:problem:bank-accounts"))
        );
        assert!(body["detail"].as_str().unwrap().contains("ask the caller for a card"), "{body}");
    }
}

#[tokio::test]
async fn a_language_model_calls_tools_that_take_no_digit() {
    let house = House::with(|request| {
        let ask = ToolAsk { amount: "120.50".into(), method: call::api::Method::Card, account_type: None };
        let is_asked = request == (ApiRequest::CollectPayment { ask, key: Some("turn-7".into()) });
        is_asked.then(|| ApiReply::CaptureStarted(view(CaptureReply::Arming)))
    })
    .await;
    let tools: Value = house.bot(Method::GET, "/tools").send().await.unwrap().json().await.unwrap();
    assert_eq!(tools["tools"][0]["name"], "collect_payment");
    assert!(tools["tools"][0]["parameters"]["properties"]["account_type"].is_object(), "bank accounts are taken");
    let call =
        |tool: &str, arguments: &str| house.bot(Method::POST, &format!("/tools/{tool}")).body(arguments.to_owned());
    let keyed =
        |key: &str| call("collect_payment", r#"{"amount": "120.50"}"#).header("Idempotency-Key", key.to_owned());
    assert_eq!(keyed("turn-7").send().await.unwrap().status(), 201);
    assert_eq!(problem(keyed("")).await.1["type"], "urn:tonegate:problem:bad-value");
    for (tool, arguments, kind) in [
        ("collect_payment", r#"{"amount": "1", "card_number": "4111 1111 1111 1111"}"#, "tool-digits"),
        ("collect_payment", r#"{"sum": "1"}"#, "tool-arguments"),
        ("read_digits", "{}", "no-tool"),
        ("disable_secure_mode", "{}", "no-tool"),
    ] {
        let (_, body) = problem(call(tool, arguments)).await;
        assert_eq!(body["type"], format!("urn:tonegate:problem:{kind}"));
        assert!(!body.to_string().contains("4111"), "{body}");
    }
}

#[tokio::test]
async fn a_bot_may_stop_the_recording_of_its_call() {
    let house = House::with(|request| (request == ApiRequest::RefuseRecording).then_some(ApiReply::Done)).await;
    assert_eq!(house.bot(Method::DELETE, "/recording").send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_transfer_goes_to_a_name_and_says_who_asked_for_it() {
    let house = House::with(|request| {
        let view = |state| ApiReply::Transfer(TransferView { to: Some("desk".into()), state });
        if request == ApiRequest::TransferState {
            return Some(view(TransferState::Failed { reason: "refused", status: Some(603) }));
        }
        let ApiRequest::Transfer { to, by_agent } = request else { return None };
        Some(match (to.as_str(), by_agent) {
            ("desk", true) => view(TransferState::Announcing),
            ("desk", false) => view(TransferState::Waiting),
            ("again", _) => ApiReply::Refused(Missing::Transfer),
            _ => ApiReply::NoDestination,
        })
    })
    .await;
    let ask = |to: &str| house.bot(Method::POST, "/transfer").json(&json!({ "to": to }));
    let asked = ask("desk").send().await.unwrap();
    assert_eq!(asked.status(), StatusCode::ACCEPTED);
    assert_eq!(asked.json::<Value>().await.unwrap(), json!({"to": "desk", "state": "announcing"}));
    let path = format!("/v1/calls/{}/transfer", house.call);
    let asked = house.request(Method::POST, &path).bearer_auth(OPERATOR).json(&json!({"to": "desk"}));
    assert_eq!(asked.send().await.unwrap().json::<Value>().await.unwrap()["state"], "waiting");
    let state = house.bot(Method::GET, "/transfer").send().await.unwrap();
    assert_eq!(state.status(), StatusCode::OK);
    let failed = json!({"to": "desk", "state": "failed", "reason": "refused", "status": 603});
    assert_eq!(state.json::<Value>().await.unwrap(), failed);
    let (status, body) = problem(ask("sip:attacker@example.net")).await;
    let kind = json!("urn:tonegate:problem:no-destination");
    assert_eq!((status, &body["type"]), (StatusCode::UNPROCESSABLE_ENTITY, &kind));
    assert!(!body.to_string().contains("attacker"), "{body}");
    let (status, body) = problem(ask("again")).await;
    assert_eq!((status, &body["missing"]), (StatusCode::CONFLICT, &json!("transfer")));
    let free = house.bot(Method::POST, "/transfer").json(&json!({"uri": "sip:attacker@example.net"}));
    assert_eq!(problem(free).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_path_that_is_no_text_names_no_call() {
    let house = House::with(|_| Some(ApiReply::Done)).await;
    let (status, body) = problem(house.request(Method::GET, "/v1/calls/%ff%00/timeline").bearer_auth(OPERATOR)).await;
    assert_eq!((status.as_u16(), &body["title"]), (404, &json!("No such call")));
}

#[tokio::test]
async fn a_refund_says_what_came_of_it() {
    let house = House::with(|_| None).await;
    for (payment, expected, word) in [
        (1, 404, "urn:tonegate:problem:no-payment"),
        (2, 409, "urn:tonegate:problem:not-paid"),
        (3, 409, "urn:tonegate:problem:refund-refused"),
        (4, 503, "urn:tonegate:problem:unavailable"),
        (5, 202, "refunding"),
        (6, 409, "urn:tonegate:problem:payment-open"),
        (7, 200, "refunded"),
        (8, 202, "refunding"),
        (9, 504, "urn:tonegate:problem:late"),
        (10, 503, "urn:tonegate:problem:refund-not-begun"),
    ] {
        let path = format!("/v1/payments/{}/refund", Uuid::from_u128(payment));
        let answer = house.request(Method::POST, &path).bearer_auth(OPERATOR).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected, "{payment}");
        let body: Value = answer.json().await.unwrap();
        assert!(body["type"] == word || body["state"] == word, "{body}");
    }
    let unnamed = house.request(Method::POST, "/v1/payments/none/refund").bearer_auth(OPERATOR);
    assert_eq!(problem(unnamed).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn bad_bodies_are_refused_without_being_repeated() {
    let house = House::with(|_| Some(ApiReply::Done)).await;
    let private = r#"{"factor": "postal_code", "value": 97201}"#;
    let json = "application/json";
    let cases = [
        (json, private.to_owned(), 400),
        (json, "{".to_owned(), 400),
        (json, r#"{"factor": "shoe_size", "value": "97201"}"#.to_owned(), 400),
        (json, format!(r#"{{"factor": "name", "value": "{}"}}"#, "97201".repeat(2_000)), 413),
        ("text/plain", private.to_owned(), 415),
    ];
    for (kind, body, expected) in cases {
        let request = house.bot(Method::POST, "/verify").header("content-type", kind).body(body);
        let (status, problem) = problem(request).await;
        assert_eq!(status.as_u16(), expected);
        assert!(!problem.to_string().contains("97201"), "{problem}");
    }
    let long = house.bot(Method::POST, "/tools/collect_payment").body("97201".repeat(2_000));
    let (status, problem) = problem(long).await;
    assert_eq!((status.as_u16(), &problem["type"]), (413, &json!("urn:tonegate:problem:body-too-large")));
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_problems_too() {
    let house = House::with(|_| None).await;
    assert_eq!(problem(house.request(Method::GET, "/")).await.0, StatusCode::NOT_FOUND);
    let put = house.request(Method::PUT, "/v1/calls").bearer_auth(OPERATOR);
    assert_eq!(problem(put).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_call_that_is_silent_full_or_gone_is_told_apart() {
    let silent = House::with(|_| None).await;
    assert_eq!(problem(silent.bot(Method::GET, "/facts")).await.0, StatusCode::GATEWAY_TIMEOUT);

    let (questions, _unread) = mpsc::channel(1);
    let (answer, _) = tokio::sync::oneshot::channel();
    questions.try_send((ApiRequest::Facts, answer)).unwrap();
    let full = House::over(questions).await;
    assert_eq!(problem(full.bot(Method::GET, "/facts")).await.0, StatusCode::SERVICE_UNAVAILABLE);

    let (questions, unread) = mpsc::channel(1);
    drop(unread);
    let gone = House::over(questions).await;
    assert_eq!(problem(gone.bot(Method::GET, "/facts")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_documented_route_exists() {
    let house = House::with(|_| Some(ApiReply::Done)).await;
    let documented =
        include_str!("../../API.md").lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let routes: Vec<(&str, &str)> = documented.filter_map(|(route, _)| route.split_once(' ')).collect();
    assert_eq!(routes.len(), 24, "{routes:?}");
    for (method, path) in routes {
        let method: Method = method.parse().unwrap();
        let path = path.replace("{id}", &house.call.to_string()).replace("{entry}", "1");
        let status = house.request(method.clone(), &path).bearer_auth(OPERATOR).json(&json!({})).send().await.unwrap();
        assert!(!matches!(status.status().as_u16(), 404 | 405), "{method} {path}");
    }
}
