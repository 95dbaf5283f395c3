//! One call's signalling: INVITE to BYE, with the retransmissions of RFC 3261 §17.1.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{
    CallRequest, PhoneEvent,
    keypad::Keying,
    message::{Answer, Message, offer, read_answer},
    secure::{Channel, Secure},
};

/// T1 and T2 of RFC 3261 §17.1.1.1.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// How long a BYE may go unanswered.
const BYE_PATIENCE: Duration = Duration::from_secs(4);
/// The largest datagram.
const DATAGRAM: usize = 65_535;

/// Why there is no call.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// The network failed.
    #[error("the network: {0}")]
    Network(#[from] io::Error),
    /// The server refused.
    #[error("the call was refused with {0}")]
    Refused(u16),
    /// The server did not answer in time.
    #[error("no answer in time")]
    NoAnswer,
    /// The answer agrees on nothing that can be spoken.
    #[error("the answer agrees on no G.711")]
    NoCodec,
    /// The answer does not agree on the SRTP that was offered.
    #[error("the answer agrees on no SRTP")]
    NoKey,
}

/// What every request of the call repeats.
struct Identity {
    socket: UdpSocket,
    server: SocketAddr,
    local: SocketAddr,
    from: String,
    to: String,
    target: String,
    call_id: String,
    tag: String,
    branch: String,
}

/// What is a request's own.
struct Request {
    method: &'static str,
    number: u32,
    branch: String,
    target: String,
    /// With the far side's tag, once there is a dialog.
    to: String,
    /// Complete header lines.
    routes: String,
}

impl Identity {
    async fn new(request: &CallRequest) -> Result<Self, PhoneError> {
        let socket = UdpSocket::bind((request.local, 0)).await?;
        let local = socket.local_addr()?;
        let random = || format!("{:016x}", rand::random::<u64>());
        let target = format!("sip:{}@{}", request.to, request.server);
        Ok(Self {
            socket,
            server: request.server,
            local,
            from: format!("<sip:{}@{local}>", request.from),
            to: format!("<{target}>"),
            target,
            call_id: random(),
            tag: random(),
            branch: format!("z9hG4bK{}", random()),
        })
    }

    /// A request before there is a dialog.
    fn early(&self, method: &'static str, body: &str) -> String {
        let (branch, target, to) = (self.branch.clone(), self.target.clone(), self.to.clone());
        self.write(&Request { method, number: 1, branch, target, to, routes: String::new() }, body)
    }

    fn write(&self, request: &Request, body: &str) -> String {
        let Request { method, number, branch, target, to, routes } = request;
        let user = self.from.trim_start_matches("<sip:").split('@').next().unwrap_or("debtor");
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch={branch};rport\r\nMax-Forwards: 70\r\n{routes}\
             From: {from};tag={tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:{user}@{local}>\r\nUser-Agent: tonegate-debtor\r\n{kind}Content-Length: {length}\r\n\r\n{body}",
            local = self.local,
            from = self.from,
            tag = self.tag,
            call_id = self.call_id,
            length = body.len(),
        )
    }

    async fn send(&self, text: &str) -> Result<(), PhoneError> {
        self.socket.send_to(text.as_bytes(), self.server).await?;
        Ok(())
    }

    async fn receive(&self, deadline: Instant) -> Result<Option<Message>, PhoneError> {
        let mut buffer = vec![0; DATAGRAM];
        match timeout_at(deadline, self.socket.recv_from(&mut buffer)).await {
            Ok(received) => Ok(Message::parse(&buffer[..received?.0])),
            Err(_) => Ok(None),
        }
    }

    /// Sends the INVITE, again and again until something comes; then waits for a response that `is_wanted`.
    async fn invite(
        &self,
        text: &str,
        patience: Duration,
        is_wanted: impl Fn(u16) -> bool,
    ) -> Result<Message, PhoneError> {
        let deadline = Instant::now() + patience;
        let (mut wait, mut is_proceeding) = (FIRST_WAIT, false);
        self.send(text).await?;
        let mut again = Instant::now() + wait;
        while Instant::now() < deadline {
            let next = if is_proceeding { deadline } else { again.min(deadline) };
            let Some(message) = self.receive(next).await? else {
                if !is_proceeding && Instant::now() >= again {
                    self.send(text).await?;
                    wait = (wait * 2).min(LONGEST_WAIT);
                    again = Instant::now() + wait;
                }
                continue;
            };
            let Some(status) = message.status() else { continue };
            if message.sequence_method() != Some("INVITE") {
                continue;
            }
            is_proceeding = true;
            if is_wanted(status) {
                return Ok(message);
            }
        }
        Err(PhoneError::NoAnswer)
    }

    /// The ACK of a refusal, which belongs to the INVITE's transaction.
    async fn acknowledge_refusal(&self, message: &Message) -> Result<(), PhoneError> {
        let to = message.header("to").unwrap_or(&self.to).to_owned();
        let (branch, target) = (self.branch.clone(), self.target.clone());
        let request = Request { method: "ACK", number: 1, branch, target, to, routes: String::new() };
        self.send(&self.write(&request, "")).await
    }
}

/// What an answer has agreed.
pub(super) struct Agreed {
    pub(super) answer: Answer,
    pub(super) channel: Option<Channel>,
}

/// An established call.
pub(super) struct Dialog {
    hang_up: oneshot::Sender<oneshot::Sender<Result<(), PhoneError>>>,
}

impl Dialog {
    /// Places the call and keeps its signalling alive until it ends.
    pub(super) async fn establish(
        request: &CallRequest,
        media_port: u16,
        events: mpsc::Sender<PhoneEvent>,
    ) -> Result<(Self, Agreed), PhoneError> {
        let identity = Identity::new(request).await?;
        let secure = request.srtp.map(Secure::new);
        let invite = invite(&identity, request, media_port, secure.as_ref());
        let response = identity.invite(&invite, request.patience, |status| status >= 200).await?;
        let status = response.status().unwrap_or_default();
        if status >= 300 {
            identity.acknowledge_refusal(&response).await?;
            return Err(PhoneError::Refused(status));
        }
        let established = Established::new(identity, &response);
        established.identity.send(&established.acknowledgement()).await?;
        let answer = read_answer(&response.body).ok_or(PhoneError::NoCodec)?;
        let channel = match secure {
            Some(secure) => Some(secure.channel(&response.body).ok_or(PhoneError::NoKey)?),
            None => None,
        };
        let (hang_up, asked) = oneshot::channel();
        tokio::spawn(Arc::new(established).serve(events, asked));
        Ok((Self { hang_up }, Agreed { answer, channel }))
    }

    /// Places the call and cancels it as soon as the server has said something.
    pub(super) async fn cancelled(request: &CallRequest, media_port: u16) -> Result<u16, PhoneError> {
        let identity = Identity::new(request).await?;
        let secure = request.srtp.map(Secure::new);
        let text = invite(&identity, request, media_port, secure.as_ref());
        let first = identity.invite(&text, request.patience, |_| true).await?;
        if let Some(status) = first.status().filter(|status| *status >= 200) {
            return Ok(status);
        }
        identity.send(&identity.early("CANCEL", "")).await?;
        let deadline = Instant::now() + request.patience;
        while Instant::now() < deadline {
            let Some(message) = identity.receive(deadline).await? else { continue };
            let status = message.status().filter(|status| *status >= 200);
            if let (Some(status), Some("INVITE")) = (status, message.sequence_method()) {
                identity.acknowledge_refusal(&message).await?;
                return Ok(status);
            }
        }
        Err(PhoneError::NoAnswer)
    }

    pub(super) async fn hang_up(self) -> Result<(), PhoneError> {
        let (done, answer) = oneshot::channel();
        if self.hang_up.send(done).is_err() {
            // The far side was faster.
            return Ok(());
        }
        answer.await.unwrap_or(Ok(()))
    }
}

fn invite(identity: &Identity, request: &CallRequest, media_port: u16, secure: Option<&Secure>) -> String {
    let media = SocketAddr::new(request.local, media_port);
    let body = offer(media, &request.codecs, request.keying == Keying::TelephoneEvent, secure);
    identity.early("INVITE", &body)
}

/// The far side's part of the dialog.
struct Established {
    identity: Identity,
    target: String,
    to: String,
    routes: String,
}

impl Established {
    fn new(identity: Identity, response: &Message) -> Self {
        let contact = response.header("contact").and_then(|contact| between(contact, '<', '>'));
        let routes = response.all("record-route").rev().map(|route| format!("Route: {route}\r\n")).collect();
        Self {
            target: contact.unwrap_or(&identity.target).to_owned(),
            to: response.header("to").unwrap_or(&identity.to).to_owned(),
            routes,
            identity,
        }
    }

    fn acknowledgement(&self) -> String {
        self.request("ACK", 1)
    }

    fn request(&self, method: &'static str, number: u32) -> String {
        let request = Request {
            method,
            number,
            branch: format!("{}{method}", self.identity.branch),
            target: self.target.clone(),
            to: self.to.clone(),
            routes: self.routes.clone(),
        };
        self.identity.write(&request, "")
    }

    /// Answers what comes until either side hangs up.
    async fn serve(
        self: Arc<Self>,
        events: mpsc::Sender<PhoneEvent>,
        mut asked: oneshot::Receiver<oneshot::Sender<Result<(), PhoneError>>>,
    ) {
        let far = Duration::from_secs(3_600);
        loop {
            tokio::select! {
                done = &mut asked => {
                    if let Ok(done) = done {
                        // Nobody has to wait for it.
                        let _ = done.send(self.bye().await);
                    }
                    return;
                }
                message = self.identity.receive(Instant::now() + far) => {
                    let Ok(message) = message else { return };
                    if message.is_some_and(|message| self.is_over(&message, &events)) {
                        return;
                    }
                }
            }
        }
    }

    /// Answers one message; returns whether it ended the call.
    fn is_over(self: &Arc<Self>, message: &Message, events: &mpsc::Sender<PhoneEvent>) -> bool {
        let (reply, is_over) = match (message.method(), message.status()) {
            (Some("BYE"), _) => (message.respond("200 OK", &self.identity.tag), true),
            (Some("ACK"), _) => return false,
            (Some("OPTIONS"), _) => (message.respond("200 OK", &self.identity.tag), false),
            (Some(_), _) => (message.respond("488 Not Acceptable Here", &self.identity.tag), false),
            // The far side did not get the ACK.
            (None, Some(200)) if message.sequence_method() == Some("INVITE") => (self.acknowledgement(), false),
            (None, _) => return false,
        };
        let this = Arc::clone(self);
        let events = events.clone();
        tokio::spawn(async move {
            // The far side repeats what it wants answered.
            this.identity.send(&reply).await.ok();
            if is_over {
                events.send(PhoneEvent::HungUp).await.ok();
            }
        });
        is_over
    }

    async fn bye(&self) -> Result<(), PhoneError> {
        let bye = self.request("BYE", 2);
        let deadline = Instant::now() + BYE_PATIENCE;
        let mut wait = FIRST_WAIT;
        while Instant::now() < deadline {
            self.identity.send(&bye).await?;
            let again = (Instant::now() + wait).min(deadline);
            while let Some(message) = self.identity.receive(again).await? {
                let is_answer = message.status().is_some_and(|status| status >= 200);
                if is_answer && message.sequence_method() == Some("BYE") {
                    return Ok(());
                }
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Err(PhoneError::NoAnswer)
    }
}

fn between(text: &str, open: char, close: char) -> Option<&str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inner, _)| inner)
}
