//! An HTTP client for the gateway's two listeners, and waits with a bound.

use std::time::Duration;

use serde_json::Value;
use testkit::gateway::{Gateway, OPERATOR_TOKEN};
use tokio::time::{Instant, sleep};

/// Longest one request may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How often something is looked at that tells nothing by itself.
const LOOK: Duration = Duration::from_millis(50);

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: u16,
    /// The media type.
    pub(crate) kind: String,
    /// The body.
    pub(crate) text: String,
}

impl Reply {
    /// The body as JSON; null where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// What a refused request has to wait for.
    pub(crate) fn missing(&self) -> String {
        assert_eq!((self.status, self.kind.as_str()), (409, "application/problem+json"), "{}", self.text);
        self.json()["missing"].as_str().unwrap_or_default().to_owned()
    }
}

/// A client with a bearer, or without.
pub(crate) struct Client {
    client: reqwest::Client,
    bearer: Option<String>,
}

impl Client {
    /// A client that presents a token.
    pub(crate) fn bearing(token: &str) -> Self {
        Self { bearer: Some(token.to_owned()), ..Self::anonymous() }
    }

    /// A client that presents nothing.
    pub(crate) fn anonymous() -> Self {
        // A second installation changes nothing.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build().expect("an HTTP client");
        Self { client, bearer: None }
    }

    /// Reads.
    pub(crate) async fn get(&self, url: &str) -> Reply {
        self.send(self.client.get(url)).await
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, url: &str, body: &Value) -> Reply {
        self.send(self.client.post(url).json(body)).await
    }

    /// Deletes.
    pub(crate) async fn delete(&self, url: &str) -> Reply {
        self.send(self.client.delete(url)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let request = match &self.bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.expect("an answer");
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let (status, kind) = (response.status().as_u16(), kind.to_owned());
        Reply { status, kind, text: response.text().await.expect("a body") }
    }
}

/// An address of the operations listener.
pub(crate) fn operations(gateway: &Gateway, path: &str) -> String {
    format!("http://{}{path}", gateway.addresses().operations)
}

/// An address of the authenticated interface.
pub(crate) fn interface(gateway: &Gateway, path: &str) -> String {
    format!("http://{}/v1{path}", gateway.addresses().api)
}

/// The metrics as they are exposed.
pub(crate) async fn metrics(gateway: &Gateway) -> String {
    let reply = Client::anonymous().get(&operations(gateway, "/metrics")).await;
    assert_eq!(reply.status, 200);
    reply.text
}

/// The sum of a metric's series that have all of `labels`, each written `name="value"`.
pub(crate) fn sum(exposed: &str, name: &str, labels: &[&str]) -> f64 {
    let of_series = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        let is_wanted = series.split('{').next() == Some(name) && labels.iter().all(|label| series.contains(label));
        is_wanted.then(|| value.parse::<f64>().ok())?
    };
    exposed.lines().filter_map(of_series).sum()
}

/// Looks again and again until something is there; panics with what was waited for.
pub(crate) async fn eventually<T>(limit: Duration, what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    within(limit, look).await.unwrap_or_else(|| panic!("{what}: not within {limit:?}"))
}

/// Looks again and again until something is there, or the limit is over.
pub(crate) async fn within<T>(limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        let found = look().await;
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        sleep(LOOK).await;
    }
}

/// The timeline of the gateway's only call.
pub(crate) async fn timeline(gateway: &Gateway) -> Vec<Value> {
    let operator = Client::bearing(OPERATOR_TOKEN);
    let calls = operator.get(&interface(gateway, "/calls")).await.json();
    let Some(id) = calls["calls"][0]["id"].as_str() else { return Vec::new() };
    let timeline = operator.get(&interface(gateway, &format!("/calls/{id}/timeline"))).await.json();
    timeline["entries"].as_array().cloned().unwrap_or_default()
}

/// When a timeline first has an entry of a kind whose particulars contain `detail`, in milliseconds.
pub(crate) fn when(timeline: &[Value], kind: &str, detail: &str) -> Option<u64> {
    timeline[place(timeline, kind, detail)?]["at_ms"].as_u64()
}

/// Where that entry stands in it: what comes in the same millisecond still has an order.
pub(crate) fn place(timeline: &[Value], kind: &str, detail: &str) -> Option<usize> {
    let is_it = |entry: &Value| entry["kind"] == kind && entry["detail"].as_str().unwrap_or_default().contains(detail);
    timeline.iter().position(is_it)
}

/// Waits until the gateway's only call has an entry.
pub(crate) async fn noted(gateway: &Gateway, within: Duration, kind: &str, detail: &str) -> Vec<Value> {
    eventually(within, kind, async || {
        let timeline = timeline(gateway).await;
        when(&timeline, kind, detail).map(|_| timeline)
    })
    .await
}
