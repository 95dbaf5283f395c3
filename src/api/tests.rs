use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use call::api::{ApiReply, ApiRequest, CaptureReply, CaptureStep, FactsReply, Missing, VerifyResult};
use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::{ApiToken, Role, SecretSource};

mod tls;

const OPERATOR: &str = "operator-token-0123456789";
const AUDITOR: &str = "auditor-token-0123456789";

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

#[derive(Default)]
struct Trail(Mutex<Vec<String>>);

impl AuditTrail for Trail {
    fn record(&self, access: &Access<'_>) {
        let name = access.bearer.map_or("nobody", Bearer::name);
        self.0.lock().unwrap().push(format!("{name} {} {} {}", access.method, access.route, access.status));
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
            audit: Arc::clone(&trail) as Arc<dyn AuditTrail>,
            deadline: Duration::from_millis(200),
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
        (OPERATOR, Method::POST, path("/transfer"), 501),
        (AUDITOR, Method::GET, path("/timeline"), 204),
        (bot, Method::GET, path("/timeline"), 403),
        (OPERATOR, Method::GET, path("/facts"), 403),
        (AUDITOR, Method::GET, path("/facts"), 403),
        (bot, Method::GET, path("/facts"), 204),
        (bot, Method::GET, format!("/v1/calls/{}/facts", Uuid::from_u128(8)), 401),
        (OPERATOR, Method::DELETE, format!("/v1/calls/{}", Uuid::from_u128(8)), 404),
        (OPERATOR, Method::DELETE, "/v1/calls/none".into(), 404),
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
            | ApiRequest::CaptureState
            | ApiRequest::CancelCapture
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
        Some(if request == (ApiRequest::StartCapture { amount_minor: 5_000 }) {
            ApiReply::Capture(CaptureReply::Arming)
        } else if request == ApiRequest::CaptureState {
            ApiReply::Capture(CaptureReply::Keying { step: CaptureStep::Expiry })
        } else {
            ApiReply::Refused(Missing::Capture)
        })
    })
    .await;
    let start = |amount: i64| house.bot(Method::POST, "/captures").json(&json!({ "amount_minor": amount }));
    let started = start(5_000).send().await.unwrap();
    assert_eq!(started.status(), StatusCode::ACCEPTED);
    let state: Value = house.bot(Method::GET, "/captures").send().await.unwrap().json().await.unwrap();
    assert_eq!(state, json!({"state": "keying", "step": "expiry"}));
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
        let house = House::with(move |_| Some(ApiReply::Capture(reply.clone()))).await;
        assert_eq!(house.bot(Method::DELETE, "/captures").send().await.unwrap().status(), expected);
    }
}

#[tokio::test]
async fn a_bot_may_stop_the_recording_of_its_call() {
    let house = House::with(|request| (request == ApiRequest::RefuseRecording).then_some(ApiReply::Done)).await;
    assert_eq!(house.bot(Method::DELETE, "/recording").send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_path_that_is_no_text_names_no_call() {
    let house = House::with(|_| Some(ApiReply::Done)).await;
    let (status, body) = problem(house.request(Method::GET, "/v1/calls/%ff%00/timeline").bearer_auth(OPERATOR)).await;
    assert_eq!((status.as_u16(), &body["title"]), (404, &json!("No such call")));
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
    assert_eq!(routes.len(), 13, "{routes:?}");
    for (method, path) in routes {
        let method: Method = method.parse().unwrap();
        let path = path.replace("{id}", &house.call.to_string());
        let status = house.request(method.clone(), &path).bearer_auth(OPERATOR).json(&json!({})).send().await.unwrap();
        assert!(!matches!(status.status().as_u16(), 404 | 405), "{method} {path}");
    }
}
