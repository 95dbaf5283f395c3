//! One call's signalling: INVITE to BYE, with the retransmissions of RFC 3261 §17.1.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{
    CallRequest, PhoneEvent, Referral,
    keypad::Keying,
    message::{Answer, Message, offer, read_answer},
    secure::{Channel, Secure},
};

/// T1 and T2 of RFC 3261 §17.1.1.1.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// How long a BYE or a NOTIFY may go unanswered.
const PATIENCE: Duration = Duration::from_secs(4);
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
    /// Complete header lines: routes, and what else there is.
    routes: String,
    /// The type of the body, where there is one.
    kind: &'static str,
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
        self.early_with(method, String::new(), body)
    }

    /// The same with more header lines.
    fn early_with(&self, method: &'static str, routes: String, body: &str) -> String {
        let (branch, target, to) = (self.branch.clone(), self.target.clone(), self.to.clone());
        let kind = "application/sdp";
        self.write(&Request { method, number: 1, branch, target, to, routes, kind }, body)
    }

    fn write(&self, request: &Request, body: &str) -> String {
        let Request { method, number, branch, target, to, routes, kind } = request;
        let user = self.from.trim_start_matches("<sip:").split('@').next().unwrap_or("debtor");
        let kind = if body.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
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
        let request = Request { method: "ACK", number: 1, branch, target, to, routes: String::new(), kind: "" };
        self.send(&self.write(&request, "")).await
    }
}

/// What an answer has agreed.
pub(super) struct Agreed {
    pub(super) answer: Answer,
    pub(super) channel: Option<Channel>,
}

/// An INFO request to be sent: the type of its body, and the body.
type Info = (&'static str, String);

/// An established call.
pub(super) struct Dialog {
    hang_up: oneshot::Sender<oneshot::Sender<Result<(), PhoneError>>>,
    infos: mpsc::Sender<Info>,
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
        let established = Established::new(identity, &response, request.referral);
        established.identity.send(&established.acknowledgement()).await?;
        let answer = read_answer(&response.body).ok_or(PhoneError::NoCodec)?;
        let channel = match secure {
            Some(secure) => Some(secure.channel(&response.body).ok_or(PhoneError::NoKey)?),
            None => None,
        };
        let (hang_up, asked) = oneshot::channel();
        let (infos, bodies) = mpsc::channel(super::ROOM);
        tokio::spawn(Arc::new(established).serve(events, asked, bodies));
        Ok((Self { hang_up, infos }, Agreed { answer, channel }))
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

    /// Sends an INFO request (RFC 6086 §4.2.2), and does not wait for its answer.
    pub(super) async fn info(&self, kind: &'static str, body: String) {
        // Where the call is over nobody takes it.
        self.infos.send((kind, body)).await.ok();
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
    let name = request.carrier_call.as_ref().map_or_else(String::new, |name| format!("X-Twilio-CallSid: {name}\r\n"));
    identity.early_with("INVITE", name, &body)
}

/// The far side's part of the dialog.
struct Established {
    identity: Identity,
    target: String,
    to: String,
    routes: String,
    referral: Referral,
}

impl Established {
    fn new(identity: Identity, response: &Message, referral: Referral) -> Self {
        let contact = response.header("contact").and_then(|contact| between(contact, '<', '>'));
        let routes = response.all("record-route").rev().map(|route| format!("Route: {route}\r\n")).collect();
        Self {
            target: contact.unwrap_or(&identity.target).to_owned(),
            to: response.header("to").unwrap_or(&identity.to).to_owned(),
            routes,
            referral,
            identity,
        }
    }

    fn acknowledgement(&self) -> String {
        self.request("ACK", 1, "", "")
    }

    fn request(&self, method: &'static str, number: u32, kind: &'static str, body: &str) -> String {
        self.request_with(method, number, "", kind, body)
    }

    /// A request with more header lines.
    fn request_with(&self, method: &'static str, number: u32, headers: &str, kind: &'static str, body: &str) -> String {
        let request = Request {
            method,
            number,
            branch: format!("{}{method}{number}", self.identity.branch),
            target: self.target.clone(),
            to: self.to.clone(),
            routes: format!("{}{headers}", self.routes),
            kind,
        };
        self.identity.write(&request, body)
    }

    /// Answers what comes until either side hangs up.
    async fn serve(
        self: Arc<Self>,
        events: mpsc::Sender<PhoneEvent>,
        mut asked: oneshot::Receiver<oneshot::Sender<Result<(), PhoneError>>>,
        mut infos: mpsc::Receiver<Info>,
    ) {
        let far = Duration::from_secs(3_600);
        // The INVITE was the first.
        let mut number = 2;
        let mut referred = None;
        loop {
            tokio::select! {
                done = &mut asked => {
                    if let Ok(done) = done {
                        // Nobody has to wait for it.
                        let _ = done.send(self.bye(number).await);
                    }
                    return;
                }
                Some((kind, body)) = infos.recv() => {
                    // On loopback nothing gets lost.
                    self.identity.send(&self.request("INFO", number, kind, &body)).await.ok();
                    number += 1;
                }
                message = self.identity.receive(Instant::now() + far) => {
                    let Ok(message) = message else { return };
                    let Some(message) = message else { continue };
                    if message.method() == Some("REFER") {
                        let sequence = message.header("cseq").map(str::to_owned);
                        let is_new = referred != sequence;
                        referred = sequence;
                        if self.refer(&message, is_new, &mut number, &events).await.is_err() {
                            return;
                        }
                    } else if self.is_over(&message, &events) {
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

    /// Answers REFER, and where it is new tells what comes of it, each word after the one before was taken.
    async fn refer(
        &self,
        message: &Message,
        is_new: bool,
        number: &mut u32,
        events: &mpsc::Sender<PhoneEvent>,
    ) -> Result<(), PhoneError> {
        if is_new {
            let to = message.header("refer-to").unwrap_or_default().to_owned();
            events.send(PhoneEvent::Referred { to }).await.ok();
        }
        let (status, words): (&str, &[&str]) = match self.referral {
            Referral::Ignored => return Ok(()),
            Referral::Refused(status) => (status, &[]),
            Referral::Told(words) => ("202 Accepted", words),
        };
        self.identity.send(&message.respond(status, &self.identity.tag)).await?;
        for (place, word) in words.iter().enumerate().filter(|_| is_new) {
            let is_last = place + 1 == words.len();
            let state = if is_last { "terminated;reason=noresource" } else { "active;expires=60" };
            let headers = format!("Event: refer\r\nSubscription-State: {state}\r\n");
            let fragment = format!("SIP/2.0 {word}\r\n");
            let kind = "message/sipfrag;version=2.0";
            let notify = self.request_with("NOTIFY", *number, &headers, kind, &fragment);
            let taken = self.exchange(&notify, "NOTIFY", *number).await?;
            *number += 1;
            if taken != 200 {
                return Err(PhoneError::Refused(taken));
            }
        }
        Ok(())
    }

    async fn bye(&self, number: u32) -> Result<(), PhoneError> {
        self.exchange(&self.request("BYE", number, "", ""), "BYE", number).await.map(drop)
    }

    /// Sends a request, again and again until its final answer comes; the answer's status.
    async fn exchange(&self, text: &str, method: &'static str, number: u32) -> Result<u16, PhoneError> {
        let (deadline, sequence) = (Instant::now() + PATIENCE, format!("{number} {method}"));
        let mut wait = FIRST_WAIT;
        while Instant::now() < deadline {
            self.identity.send(text).await?;
            let again = (Instant::now() + wait).min(deadline);
            while let Some(message) = self.identity.receive(again).await? {
                let status = message.status().filter(|status| *status >= 200);
                if let (Some(status), Some(sent)) = (status, message.header("cseq"))
                    && sent == sequence
                {
                    return Ok(status);
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
