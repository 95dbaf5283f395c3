//! A client that does what it is told, and nothing by itself.

use reqwest::{Certificate, Client, ClientBuilder, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Org, OrgOptions, Schema, schema::COLLECTXPERT};

pub(super) const ACCOUNT: &str = "cxp__Collection_Account__c";
pub(super) const ATTEMPT: &str = "cxp__Contact_Attempt__c";
pub(super) const DISPUTE: &str = "cxp__Dispute__c";
pub(super) const STRATEGY: &str = "cxp__Collection_Strategy__c";
/// The version that tests speak.
pub(super) const BASE: &str = "/services/data/v68.0";

/// An org, and a client that is signed in.
pub(super) struct Peer {
    pub(super) org: Org,
    pub(super) client: Client,
    pub(super) token: String,
    _directory: TempDir,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The status and the code of the first error.
    pub(super) fn error(&self) -> (u16, String) {
        (self.status, self.json()[0]["errorCode"].as_str().unwrap_or_default().to_owned())
    }
}

/// A client of an org, which has connections of its own.
pub(super) fn builder(org: &Org) -> ClientBuilder {
    let authority = Certificate::from_pem(&std::fs::read(org.authority()).unwrap()).unwrap();
    Client::builder().no_proxy().tls_certs_only([authority])
}

impl Peer {
    pub(super) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = OrgOptions::new(Schema::parse(COLLECTXPERT).unwrap());
        let org = Org::start(directory.path(), options).await.unwrap();
        // The gateway's own tests come over HTTP/2.
        let client = builder(&org).http1_only().build().unwrap();
        let token = org.session();
        Self { org, client, token, _directory: directory }
    }

    /// A request whose connection may fail.
    pub(super) async fn try_send(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::Result<Answer> {
        let base = if path.starts_with("/services/") { "" } else { BASE };
        let slash = if base.is_empty() { "" } else { "/" };
        let url = format!("{}{base}{slash}{path}", self.org.instance_url());
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.try_send(method, path, body).await.expect("an answer")
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub(super) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// Asks by SOQL.
    pub(super) async fn query(&self, text: &str) -> Answer {
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("q", text).finish();
        self.get(&format!("query?{query}")).await
    }

    /// A row made behind the interface.
    pub(super) fn row(&self, object: &str, fields: &Value) -> String {
        self.org.insert(object, fields).unwrap()
    }

    /// An account of this key.
    pub(super) fn account(&self, key: &str) -> String {
        self.row(ACCOUNT, &json!({"Name": key, "cxp__External_Id__c": key}))
    }
}
