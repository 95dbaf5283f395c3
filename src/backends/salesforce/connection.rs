//! Two connections to the org that know nothing of each other, so that what holds up one does not hold up the other.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use book::salesforce::{ApiVersion, Fault, Hedge, Lines, Refusal, Thrift};
use futures_util::future::{join, select};
use metrics::{counter, histogram};
use reqwest::{Method, Response, header::CONTENT_TYPE, redirect::Policy};
use serde_json::Value;
use tokio::{
    sync::Notify,
    time::{sleep, timeout_at},
};
use tracing::{info, warn};

use super::{
    Authority, OrgOptions, SalesforceError, Session,
    allowance::{Allowance, retry_after},
    read,
    remark::Remarks,
};
use crate::bot::trust;

/// How long a connection may take, TLS included. Who waits for less has a deadline of their own.
const CONNECT: Duration = Duration::from_secs(5);
/// How often an idle connection is shown to be alive, and how long an answer to that may take.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
const ALIVE_WITHIN: Duration = Duration::from_secs(5);
/// Most bytes of an answer: 2,000 rows of a query, or 500 nodes of graphs.
const MOST_ANSWER: usize = 8 << 20;
/// How often both connections are used, so that neither is closed, and how long that may take.
const WARM_EVERY: Duration = Duration::from_secs(30);
const WARM_WITHIN: Duration = Duration::from_secs(5);
/// The setting that names an authority, and what is wrong where it cannot be used.
pub(super) const AUTHORITY: &str = "book.ca";
pub(super) const NO_AUTHORITY: &str = "it must be a PEM file with the certificate of an authority";
/// What is offered where authorities are named, as it is where none are.
const PROTOCOLS: [&str; 2] = ["h2", "http/1.1"];
/// Most bytes of the results of a bulk job: 10,000 rows of 6,400 bytes.
const MOST_TABLE: usize = 64 << 20;

/// An answer: its status, and its body, `null` where there was none.
#[derive(Clone, PartialEq)]
pub struct Answer {
    /// 200 to 299, or 300 or 304 where the request allows for it.
    pub status: u16,
    /// The body, of a table its text. It holds facts of an account.
    pub body: Value,
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// The connections.
pub struct Connections {
    clients: [reqwest::Client; 2],
    authority: Arc<Authority>,
    hedge: Mutex<Hedge>,
    lines: Mutex<Lines>,
    /// Something was heard on a connection.
    news: Notify,
    allowance: Allowance,
    is_answered: AtomicBool,
    remarks: Mutex<Remarks>,
}

/// A request, to be made once or several times.
struct Request<'a> {
    method: Method,
    /// From the root on, with its query.
    path: &'a str,
    body: Payload<'a>,
    /// Most bytes of its answer.
    most: usize,
    /// Whether somebody waits for the answer: it is asked again over the other connection where it is slow, and does not wait
    /// for an org that wants to be left alone.
    is_hedged: bool,
}

/// What is sent with a request.
enum Payload<'a> {
    Nothing,
    Json(&'a Value),
    Csv(&'a str),
}

impl Connections {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// [`SalesforceError::Setting`] names what cannot be used.
    pub fn new(options: OrgOptions) -> Result<Self, SalesforceError> {
        let clients = [client(&options)?, client(&options)?];
        let authority = Arc::new(Authority::new(client(&options)?, options)?);
        Ok(Self {
            clients,
            authority,
            hedge: Mutex::default(),
            lines: Mutex::default(),
            news: Notify::new(),
            allowance: Allowance::default(),
            is_answered: AtomicBool::new(true),
            remarks: Mutex::default(),
        })
    }

    /// Who signs in.
    #[must_use]
    pub const fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// Reads, until `deadline`. What is slow is asked again over the other connection, within [`Hedge`]'s allowance.
    ///
    /// # Errors
    /// [`SalesforceError`].
    pub async fn read(&self, path: &str, deadline: Instant) -> Result<Answer, SalesforceError> {
        self.until(
            deadline,
            &Request { method: Method::GET, path, body: Payload::Nothing, most: MOST_ANSWER, is_hedged: true },
        )
        .await
    }

    /// Asks a query by its statement, until `deadline`, as [`read`](Self::read) does.
    ///
    /// # Errors
    /// [`SalesforceError`].
    pub async fn query(
        &self,
        version: ApiVersion,
        statement: &str,
        deadline: Instant,
    ) -> Result<Answer, SalesforceError> {
        let statement: String = form_urlencoded::byte_serialize(statement.as_bytes()).collect();
        self.read(&format!("/services/data/{version}/query?q={statement}"), deadline).await
    }

    /// Writes, until `deadline`, over one connection alone.
    ///
    /// # Errors
    /// [`SalesforceError`]; where it [is unclear](SalesforceError::is_unclear) the write may have been made.
    pub async fn write(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        deadline: Instant,
    ) -> Result<Answer, SalesforceError> {
        let body = Payload::Json(body);
        self.until(deadline, &Request { method, path, body, most: MOST_ANSWER, is_hedged: false }).await
    }

    /// Uploads a table as CSV, until `deadline`.
    ///
    /// # Errors
    /// [`SalesforceError`].
    pub async fn upload(&self, path: &str, table: &str, deadline: Instant) -> Result<Answer, SalesforceError> {
        let body = Payload::Csv(table);
        self.until(deadline, &Request { method: Method::PUT, path, body, most: MOST_ANSWER, is_hedged: false }).await
    }

    /// Deletes what is not wanted any more, until `deadline`.
    ///
    /// # Errors
    /// [`SalesforceError`].
    pub async fn delete(&self, path: &str, deadline: Instant) -> Result<Answer, SalesforceError> {
        let (method, body) = (Method::DELETE, Payload::Nothing);
        self.until(deadline, &Request { method, path, body, most: MOST_ANSWER, is_hedged: false }).await
    }

    /// Reads a table, which is CSV, until `deadline`.
    ///
    /// # Errors
    /// [`SalesforceError`].
    pub async fn table(&self, path: &str, deadline: Instant) -> Result<String, SalesforceError> {
        let (method, body) = (Method::GET, Payload::Nothing);
        let answer = self.until(deadline, &Request { method, path, body, most: MOST_TABLE, is_hedged: false }).await?;
        match answer.body {
            Value::String(table) => Ok(table),
            Value::Null => Ok(String::new()),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Err(SalesforceError::Malformed),
        }
    }

    /// What is done without, by the org's last word about requests of the day.
    #[must_use]
    pub fn thrift(&self) -> Thrift {
        self.allowance.thrift(Instant::now())
    }

    /// Whether to tell that something went wrong for a reason; if so, how often it did [untold](Remarks).
    pub(super) fn remark(&self, what: &'static str, why: &'static str) -> Option<u32> {
        held(&self.remarks).admit(Instant::now(), what, why)
    }

    /// Signs in, and uses both connections now and then, for as long as this is polled: a look-up then begins with neither a
    /// handshake nor a sign-in. Reading the versions of the API does not count for the day (REST API Developer Guide, "Versions").
    pub async fn keep_warm(&self) {
        loop {
            let is_answered = self.warm().await;
            if self.is_answered.swap(is_answered, Ordering::Relaxed) != is_answered {
                if is_answered { info!("the org answers again") } else { warn!("the org does not answer") }
            }
            sleep(WARM_EVERY).await;
        }
    }

    /// Whether the org answered when the connections were used last, on whichever of them.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.is_answered.load(Ordering::Relaxed)
    }

    /// Uses both connections; whether one is answered. Where one alone is, it is asked first from now on.
    pub(super) async fn warm(&self) -> bool {
        let Ok(session) = self.authority.session().await else { return false };
        let Ok(url) = session.instance().join("/services/data/") else { return false };
        let used = |line: usize| {
            let sent = self.clients[line].get(url.clone()).timeout(WARM_WITHIN).send();
            async move { sent.await.is_ok_and(|answer| !answer.status().is_server_error()) }
        };
        let answered = join(used(0), used(1)).await;
        match answered {
            (true, false) => held(&self.lines).prefer(0),
            (false, true) => held(&self.lines).prefer(1),
            (true, true) | (false, false) => {}
        }
        answered.0 || answered.1
    }

    /// Makes a request in a session, and once more in a new one where the org no longer knows the first.
    async fn until(&self, deadline: Instant, request: &Request<'_>) -> Result<Answer, SalesforceError> {
        if !request.is_hedged && self.allowance.rests(Instant::now()) {
            let resting = SalesforceError::Resting;
            counter!("tonegate_salesforce_requests_total", "outcome" => resting.name()).increment(1);
            return Err(resting);
        }
        let asked = async {
            let session = self.authority.session().await?;
            match self.made(request, &session).await {
                Err(SalesforceError::Refused(refusal)) if refusal.fault == Fault::Session => {
                    let session = self.authority.renewed(Some(&session)).await?;
                    self.made(request, &session).await
                }
                answered => answered,
            }
        };
        timeout_at(deadline.into(), asked).await.unwrap_or(Err(SalesforceError::Lost))
    }

    async fn made(&self, request: &Request<'_>, session: &Session) -> Result<Answer, SalesforceError> {
        if request.is_hedged {
            return self.hedged(request, session).await;
        }
        let line = held(&self.lines).first();
        self.sent(request, session, line).await
    }

    async fn hedged(&self, request: &Request<'_>, session: &Session) -> Result<Answer, SalesforceError> {
        let (began, line) = (Instant::now(), held(&self.lines).first());
        let wait = held(&self.hedge).read(began);
        let mut first = Box::pin(self.sent(request, session, line));
        let answered = tokio::select! {
            answered = &mut first => match answered {
                // The first request is over and costs the org nothing more.
                Err(SalesforceError::Unreached | SalesforceError::Lost) if self.thrift() < Thrift::NoExtras => {
                    counter!("tonegate_salesforce_hedges_total").increment(1);
                    self.again(request, session, line).await
                }
                answered => answered,
            },
            () = self.given_up(line, began, wait) => either(first, Box::pin(self.again(request, session, line))).await,
        };
        if answered.is_ok() {
            held(&self.hedge).answered(Instant::now(), began.elapsed());
        }
        answered
    }

    /// Ends once a read is to be asked over the other connection too: after its wait, if hedges are left; else as soon as it is seen
    /// that its own connection alone is silent, which costs no hedge, for nothing will come of the first request.
    async fn given_up(&self, line: usize, began: Instant, wait: Duration) {
        sleep(wait).await;
        if self.may_ask_again() {
            return;
        }
        loop {
            let news = self.news.notified();
            if held(&self.lines).is_silent(line, began) {
                counter!("tonegate_salesforce_hedges_total").increment(1);
                return;
            }
            news.await;
        }
    }

    /// Asks over the other connection, which is asked first from now on if it answers.
    async fn again(&self, request: &Request<'_>, session: &Session, silent: usize) -> Result<Answer, SalesforceError> {
        let line = Lines::other(silent);
        let answered = self.sent(request, session, line).await;
        if answered.is_ok() {
            held(&self.lines).prefer(line);
        }
        answered
    }

    /// Whether a read may be asked over the other connection as well; if so it is counted.
    fn may_ask_again(&self) -> bool {
        let may = self.thrift() < Thrift::NoExtras && held(&self.hedge).admit();
        if may {
            counter!("tonegate_salesforce_hedges_total").increment(1);
        }
        may
    }

    async fn sent(
        &self,
        request: &Request<'_>,
        session: &Session,
        connection: usize,
    ) -> Result<Answer, SalesforceError> {
        let mut told = Told { began: Instant::now(), outcome: "abandoned" };
        let answered = self.attempt(request, session, connection).await;
        told.outcome = answered.as_ref().map_or_else(SalesforceError::name, |_| "answered");
        answered
    }

    async fn attempt(
        &self,
        request: &Request<'_>,
        session: &Session,
        connection: usize,
    ) -> Result<Answer, SalesforceError> {
        let url = session.instance().join(request.path).map_err(|_| SalesforceError::Setting("path"))?;
        let built = self.clients[connection].request(request.method.clone(), url).bearer_auth(session.token());
        let built = match request.body {
            Payload::Json(body) => built.json(body),
            Payload::Csv(table) => built.header(CONTENT_TYPE, "text/csv").body(table.to_owned()),
            Payload::Nothing => built,
        };
        let response = built.send().await.map_err(|error| failure(&error))?;
        let now = Instant::now();
        held(&self.lines).heard(now, connection);
        self.news.notify_waiters();
        self.allowance.heard(now, response.status().is_success(), response.headers());
        let retry_after = retry_after(response.headers());
        let status = response.status();
        let is_table =
            response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/csv"));
        let body = bounded(response, request.most).await?;
        if !status.is_success() {
            let refusal = Refusal::read(status.as_u16(), &body);
            self.allowance.refused(Instant::now(), retry_after, &refusal);
            return Err(SalesforceError::Refused(refusal));
        }
        let body = match (body.is_empty(), is_table) {
            (true, _) => Value::Null,
            (false, true) => Value::from(String::from_utf8(body).map_err(|_| SalesforceError::Malformed)?),
            (false, false) => serde_json::from_slice(&body).map_err(|_| SalesforceError::Malformed)?,
        };
        Ok(Answer { status: status.as_u16(), body })
    }
}

/// Tells of a request when it is over, also where nobody waits for it any more.
struct Told {
    began: Instant,
    outcome: &'static str,
}

impl Drop for Told {
    fn drop(&mut self) {
        counter!("tonegate_salesforce_requests_total", "outcome" => self.outcome).increment(1);
        histogram!("tonegate_salesforce_request_seconds").record(self.began.elapsed());
    }
}

/// The first answer of two that says something: a failure that may be the connection's own only where the other has none better.
async fn either(
    first: impl Future<Output = Result<Answer, SalesforceError>> + Unpin,
    second: impl Future<Output = Result<Answer, SalesforceError>> + Unpin,
) -> Result<Answer, SalesforceError> {
    let (answered, other) = select(first, second).await.factor_first();
    let is_last_word = match &answered {
        Ok(_) => true,
        Err(SalesforceError::Refused(refusal)) => refusal.fault == Fault::Session || !refusal.fault.passes(),
        Err(_) => false,
    };
    if is_last_word { answered } else { other.await.or(answered) }
}

fn client(options: &OrgOptions) -> Result<reqwest::Client, SalesforceError> {
    let builder = reqwest::Client::builder()
        .https_only(true)
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .pool_idle_timeout(None)
        .http2_keep_alive_interval(ALIVE_EVERY)
        .http2_keep_alive_timeout(ALIVE_WITHIN)
        .http2_keep_alive_while_idle(true);
    let builder = match &options.authority {
        Some(path) => {
            read(AUTHORITY, path)?;
            let trusted = trust(path).map_err(|_| SalesforceError::file(AUTHORITY, path, &NO_AUTHORITY))?;
            let mut tls = (*trusted).clone();
            tls.alpn_protocols = PROTOCOLS.map(Vec::from).into();
            builder.tls_backend_preconfigured(tls)
        }
        None => builder,
    };
    builder.build().map_err(|_| SalesforceError::Setting("client"))
}

/// An answer's body, of at most so many bytes.
pub(super) async fn bounded(mut response: Response, most: usize) -> Result<Vec<u8>, SalesforceError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| SalesforceError::Lost)? {
        if body.len() + chunk.len() > most {
            return Err(SalesforceError::Malformed);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failure(error: &reqwest::Error) -> SalesforceError {
    if error.is_connect() || error.is_builder() { SalesforceError::Unreached } else { SalesforceError::Lost }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
