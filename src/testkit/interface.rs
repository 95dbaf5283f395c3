//! The authenticated `/v1` interface, as an operator's program uses it.

use std::time::Duration;

use serde_json::Value;

use crate::gateway::{Gateway, OPERATOR_TOKEN};

/// Longest one request may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// A client of one gateway's interface, for programs without a runtime of their own.
#[derive(Debug)]
pub struct Interface {
    base: String,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceError {
    /// The gateway did not answer, or not in JSON.
    #[error("the interface did not answer: {0}")]
    Http(#[from] reqwest::Error),
    /// The gateway refused.
    #[error("the interface answered {0}: {1}")]
    Refused(u16, String),
}

impl Interface {
    /// The interface of a gateway that runs.
    ///
    /// # Panics
    /// Where the machine has no room for a runtime.
    #[must_use]
    pub fn of(gateway: &Gateway) -> Self {
        // A second installation changes nothing.
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build().expect("an HTTP client");
        Self { base: format!("http://{}/v1", gateway.addresses().api), runtime, client }
    }

    /// The id of the call that began last, where there was one.
    ///
    /// # Errors
    /// Where the interface does not answer.
    pub fn newest_call(&self) -> Result<Option<String>, InterfaceError> {
        let calls = self.get("/calls")?;
        let newest = calls["calls"].as_array().and_then(|calls| calls.last());
        Ok(newest.and_then(|call| call["id"].as_str()).map(str::to_owned))
    }

    /// The timeline of a call, which may be over.
    ///
    /// # Errors
    /// Where the interface does not answer.
    pub fn timeline(&self, id: &str) -> Result<Vec<Value>, InterfaceError> {
        let timeline = self.get(&format!("/calls/{id}/timeline"))?;
        Ok(timeline["entries"].as_array().cloned().unwrap_or_default())
    }

    /// Reads a path below `/v1`.
    ///
    /// # Errors
    /// Where the interface does not answer, or refuses.
    pub fn get(&self, path: &str) -> Result<Value, InterfaceError> {
        self.send(self.client.get(format!("{}{path}", self.base)))
    }

    /// Posts JSON to a path below `/v1`.
    ///
    /// # Errors
    /// Where the interface does not answer, or refuses.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, InterfaceError> {
        self.send(self.client.post(format!("{}{path}", self.base)).json(body))
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, InterfaceError> {
        self.runtime.block_on(async {
            let response = request.bearer_auth(OPERATOR_TOKEN).send().await?;
            let status = response.status();
            let text = response.text().await?;
            if !status.is_success() {
                return Err(InterfaceError::Refused(status.as_u16(), text));
            }
            Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
        })
    }
}
