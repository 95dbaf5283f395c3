//! The signalling of one call: INVITE to BYE, with INFO between, over UDP (RFC 3261, RFC 6086).

use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};

use super::{
    Line, PhoneError, Target,
    message::{Agreed, Message, offer, read_answer},
    secure::{Agreement, Secure},
};

/// T1 of RFC 3261 §17.1.1.1: when what was not answered is sent again.
const AGAIN: Duration = Duration::from_millis(500);
/// How long an INVITE may go without a final response, and any other request.
const ANSWER: Duration = Duration::from_secs(30);
const RESPONSE: Duration = Duration::from_secs(6);
/// The largest datagram.
const DATAGRAM: usize = 65_535;
/// Orders that may wait.
const ORDERS: usize = 64;

/// Something for the far side to answer.
struct Order {
    method: &'static str,
    kind: &'static str,
    body: String,
    done: oneshot::Sender<Result<(), PhoneError>>,
}

/// The way to a call's signalling.
pub(super) struct Dialog {
    orders: mpsc::Sender<Order>,
    over: watch::Receiver<bool>,
}

impl Dialog {
    /// Places a call, and keeps its signalling alive until it ends.
    pub(super) async fn establish(
        target: &Target,
        line: &Line,
        media: SocketAddr,
    ) -> Result<(Self, Agreed, Option<Agreement>), PhoneError> {
        let socket = UdpSocket::bind((target.local, 0)).await?;
        let mut call = Call::new(socket, target)?;
        let secure = Secure::new(line.protection)?;
        let body = offer(media, line, secure.as_ref());
        let response = call.ask("INVITE", "application/sdp", &body, ANSWER).await?;
        call.enter(&response);
        call.acknowledge().await?;
        let status = response.status().unwrap_or_default();
        if status >= 300 {
            return Err(PhoneError::Refused(status));
        }
        let agreed = read_answer(&response.body, line).ok_or(PhoneError::NoAgreement)?;
        let protection = match secure {
            Some(secure) => Some(secure.agree(&response.body).ok_or(PhoneError::NoAgreement)?),
            None => None,
        };
        let (orders, queue) = mpsc::channel(ORDERS);
        let (sender, over) = watch::channel(false);
        tokio::spawn(call.serve(queue, sender));
        Ok((Self { orders, over }, agreed, protection))
    }

    /// Sends a key as INFO, and waits until it is answered.
    pub(super) async fn info(&self, kind: &'static str, body: String) -> Result<(), PhoneError> {
        self.order("INFO", kind, body).await
    }

    /// Hangs up, where the far side has not.
    pub(super) async fn hang_up(&self) -> Result<(), PhoneError> {
        if self.is_over() { Ok(()) } else { self.order("BYE", "", String::new()).await }
    }

    pub(super) fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    async fn order(&self, method: &'static str, kind: &'static str, body: String) -> Result<(), PhoneError> {
        let (done, answer) = oneshot::channel();
        self.orders.send(Order { method, kind, body, done }).await.map_err(|_| PhoneError::Over)?;
        answer.await.map_err(|_| PhoneError::Over)?
    }
}

/// What every message of the call repeats.
struct Call {
    socket: UdpSocket,
    server: SocketAddr,
    local: SocketAddr,
    from: String,
    to: String,
    target: String,
    routes: String,
    /// The header that names the call, of its INVITE alone.
    carrier_call: Option<String>,
    id: u64,
    number: u32,
    is_over: bool,
}

impl Call {
    fn new(socket: UdpSocket, target: &Target) -> Result<Self, PhoneError> {
        let local = socket.local_addr()?;
        let (server, id) = (target.server, rand::random());
        let uri = format!("sip:prove@{server}");
        let from = format!("<sip:{}@{local}>;tag={:08x}", target.caller, rand::random::<u32>());
        Ok(Self {
            socket,
            server,
            local,
            from,
            to: format!("<{uri}>"),
            target: uri,
            routes: String::new(),
            carrier_call: target.carrier_call.as_ref().map(|name| format!("X-Twilio-CallSid: {name}\r\n")),
            id,
            number: 0,
            is_over: false,
        })
    }

    /// Takes the dialog's far end from the response that made it (RFC 3261 §12.1.2).
    fn enter(&mut self, response: &Message) {
        let contact = response.header("contact").and_then(|contact| contact.split_once('<')?.1.split_once('>'));
        if let Some((target, _)) = contact {
            target.clone_into(&mut self.target);
        }
        if let Some(to) = response.header("to") {
            to.clone_into(&mut self.to);
        }
        self.routes = response.all("record-route").rev().map(|route| format!("Route: {route}\r\n")).collect();
    }

    fn write(&self, method: &str, kind: &str, body: &str) -> String {
        let named = self.carrier_call.as_deref().filter(|_| method == "INVITE").unwrap_or_default();
        let kind = if body.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{id:016x}{number}{branch};rport\r\n\
             Max-Forwards: 70\r\n{routes}From: {from}\r\nTo: {to}\r\nCall-ID: {id:016x}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:prove@{local}>\r\nUser-Agent: tonegate-prove\r\n{named}{kind}Content-Length: {length}\r\n\r\n{body}",
            target = self.target,
            local = self.local,
            id = self.id,
            number = self.number,
            branch = if method == "ACK" { "a" } else { "" },
            routes = self.routes,
            from = self.from,
            to = self.to,
            length = body.len(),
        )
    }

    async fn send(&self, text: &str) -> Result<(), PhoneError> {
        self.socket.send_to(text.as_bytes(), self.server).await?;
        Ok(())
    }

    async fn acknowledge(&self) -> Result<(), PhoneError> {
        self.send(&self.write("ACK", "", "")).await
    }

    /// Sends a request, again and again until it is answered, and waits for the final response.
    async fn ask(&mut self, method: &str, kind: &str, body: &str, patience: Duration) -> Result<Message, PhoneError> {
        self.number += 1;
        let (text, deadline) = (self.write(method, kind, body), Instant::now() + patience);
        let mut again = Instant::now();
        let mut is_proceeding = false;
        while Instant::now() < deadline {
            if !is_proceeding && Instant::now() >= again {
                self.send(&text).await?;
                again = Instant::now() + AGAIN;
            }
            let until = if is_proceeding { deadline } else { again.min(deadline) };
            let Some(message) = self.receive(until).await? else { continue };
            if message.answers(self.number, method) {
                is_proceeding = true;
                if message.status().is_some_and(|status| status >= 200) {
                    return Ok(message);
                }
            } else {
                self.react(&message).await?;
            }
        }
        Err(PhoneError::NoAnswer(method.to_owned()))
    }

    async fn receive(&self, until: Instant) -> Result<Option<Message>, PhoneError> {
        let mut room = vec![0; DATAGRAM];
        match timeout_at(until, self.socket.recv_from(&mut room)).await {
            Ok(received) => Ok(Message::parse(&room[..received?.0])),
            Err(_) => Ok(None),
        }
    }

    /// Answers what the far side asks.
    async fn react(&mut self, message: &Message) -> Result<(), PhoneError> {
        match message.method() {
            Some("BYE") => {
                self.is_over = true;
                self.send(&message.respond("200 OK")).await
            }
            Some("OPTIONS" | "INFO") => self.send(&message.respond("200 OK")).await,
            Some("ACK") => Ok(()),
            Some(_) => self.send(&message.respond("488 Not Acceptable Here")).await,
            // The far side did not get the ACK. Only the INVITE had a number of one.
            None if message.answers(1, "INVITE") && self.number == 1 => self.acknowledge().await,
            None => Ok(()),
        }
    }

    /// Does what is ordered and answers what comes, until either side hangs up.
    async fn serve(mut self, mut orders: mpsc::Receiver<Order>, over: watch::Sender<bool>) {
        let far = Duration::from_secs(3_600);
        while !self.is_over {
            tokio::select! {
                order = orders.recv() => {
                    let Some(Order { method, kind, body, done }) = order else { break };
                    let answer = self.ask(method, kind, &body, RESPONSE).await;
                    self.is_over |= method == "BYE";
                    let result = answer.and_then(|message| match message.status() {
                        Some(200) => Ok(()),
                        status => Err(PhoneError::Refused(status.unwrap_or_default())),
                    });
                    // Nobody has to wait for it.
                    done.send(result).ok();
                }
                message = self.receive(Instant::now() + far) => {
                    let is_fine = match message {
                        Ok(Some(message)) => self.react(&message).await.is_ok(),
                        Ok(None) => true,
                        Err(_) => false,
                    };
                    if !is_fine {
                        break;
                    }
                }
            }
        }
        over.send_replace(true);
    }
}
