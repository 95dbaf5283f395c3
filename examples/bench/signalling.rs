//! Many SIP calls over one UDP socket: INVITE, ACK and BYE, with the retransmissions of RFC 3261 §17.1.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use crate::{callers::Line, secure::Key};

/// T1 and T2 of RFC 3261 §17.1.1.1.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// The longest one look at the socket takes, so that retransmissions are in time.
const GLANCE: Duration = Duration::from_millis(20);

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// INVITE sent.
    Calling,
    /// Answered and acknowledged.
    Up,
    /// BYE sent.
    Leaving,
    /// BYE answered, by either side.
    Over,
    /// Refused.
    Refused,
}

/// A caller of many calls.
pub(crate) struct Signaller {
    socket: UdpSocket,
    local: SocketAddr,
    server: SocketAddr,
    media: SocketAddr,
    calls: Vec<Call>,
    /// Whether the callers want SRTP.
    is_secure: bool,
    /// Whether a call is ended as soon as it is answered.
    pub(crate) hangs_up: bool,
    /// Requests sent again.
    pub(crate) retransmissions: u64,
}

struct Call {
    phase: Phase,
    target: String,
    to: String,
    key: Option<Key>,
    answer: Option<Line>,
    again: Instant,
    wait: Duration,
}

impl Signaller {
    /// Calls `server`; every call's audio is wanted at `media`.
    pub(crate) fn new(server: SocketAddr, media: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((server.ip(), 0))?;
        let local = socket.local_addr()?;
        let calls = Vec::new();
        Ok(Self { socket, local, server, media, calls, is_secure: false, hangs_up: false, retransmissions: 0 })
    }

    /// The same with SRTP, its keys in the SDP (RFC 4568).
    pub(crate) fn secure(self) -> Self {
        Self { is_secure: true, ..self }
    }

    /// Calls that are so far.
    pub(crate) fn count(&self, phase: Phase) -> usize {
        self.calls.iter().filter(|call| call.phase == phase).count()
    }

    /// The answered calls' lines, in the order they were placed. They are given away.
    pub(crate) fn lines(&mut self) -> Vec<Line> {
        self.calls.iter_mut().filter_map(|call| call.answer.take()).collect()
    }

    /// Places `count` calls at `rate` a second, then waits until all are decided or `patience` is over.
    pub(crate) fn place(&mut self, count: usize, rate: f64, patience: Duration) -> io::Result<()> {
        let began = Instant::now();
        for number in 0..count {
            self.attend(began + Duration::from_secs_f64(number as f64 / rate))?;
            self.invite()?;
        }
        self.settle(patience)
    }

    /// Ends every call that is up.
    pub(crate) fn hang_up(&mut self, patience: Duration) -> io::Result<()> {
        for number in 0..self.calls.len() {
            if self.calls[number].phase == Phase::Up {
                self.bye(number)?;
                self.attend(Instant::now() + Duration::from_millis(5))?;
            }
        }
        self.settle(patience)
    }

    /// Answers what comes, and sends again what is due, until `until`.
    pub(crate) fn attend(&mut self, until: Instant) -> io::Result<()> {
        let mut bytes = vec![0; 65_535];
        loop {
            self.repeat()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.socket.set_read_timeout(Some(left.min(GLANCE)))?;
            match self.socket.recv_from(&mut bytes) {
                Ok((length, _)) => self.handle(&String::from_utf8_lossy(&bytes[..length]))?,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn settle(&mut self, patience: Duration) -> io::Result<()> {
        let deadline = Instant::now() + patience;
        while self.count(Phase::Calling) + self.count(Phase::Leaving) > 0 && Instant::now() < deadline {
            self.attend(Instant::now() + GLANCE)?;
        }
        Ok(())
    }

    fn invite(&mut self) -> io::Result<()> {
        let target = format!("sip:collections@{}", self.server);
        let to = format!("<{target}>");
        let again = Instant::now() + FIRST_WAIT;
        let key = self.is_secure.then(Key::random);
        self.calls.push(Call { phase: Phase::Calling, target, to, key, answer: None, again, wait: FIRST_WAIT });
        self.send(self.calls.len() - 1, "INVITE")
    }

    fn bye(&mut self, number: usize) -> io::Result<()> {
        let call = &mut self.calls[number];
        call.phase = Phase::Leaving;
        call.wait = FIRST_WAIT;
        call.again = Instant::now() + FIRST_WAIT;
        self.send(number, "BYE")
    }

    fn repeat(&mut self) -> io::Result<()> {
        let now = Instant::now();
        for number in 0..self.calls.len() {
            let call = &mut self.calls[number];
            let method = match call.phase {
                Phase::Calling => "INVITE",
                Phase::Leaving => "BYE",
                Phase::Up | Phase::Over | Phase::Refused => continue,
            };
            if call.again > now {
                continue;
            }
            call.wait = (call.wait * 2).min(LONGEST_WAIT);
            call.again = now + call.wait;
            self.retransmissions += 1;
            self.send(number, method)?;
        }
        Ok(())
    }

    fn handle(&mut self, message: &str) -> io::Result<()> {
        let header = |name: &str| {
            let mut lines = message.lines().take_while(|line| !line.is_empty());
            lines.find_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)))
        };
        let number = header("Call-ID").and_then(|(_, id)| id.trim().split('-').nth(1)?.parse::<usize>().ok());
        let Some(number) = number.filter(|number| *number < self.calls.len()) else { return Ok(()) };
        let status = message.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
        let Some(status) = status else { return self.request(number, message) };
        let method = header("CSeq").and_then(|(_, value)| value.split_whitespace().nth(1)).unwrap_or_default();
        match (method, status) {
            ("INVITE", 200..300) => {
                let contact = header("Contact").and_then(|(_, value)| value.split(['<', '>']).nth(1));
                let to = header("To").map(|(_, value)| value.trim());
                let line = media(message).and_then(|target| line(self.calls[number].key.as_ref(), target, message));
                self.answered(number, contact, to, line)
            }
            ("INVITE", 300..) => {
                self.calls[number].phase = Phase::Refused;
                if let Some((_, to)) = header("To") {
                    self.calls[number].to = to.trim().to_owned();
                }
                self.send(number, "ACK")
            }
            // A provisional response ends the retransmissions of an INVITE.
            ("INVITE", _) => {
                self.calls[number].again = Instant::now() + Duration::from_secs(60);
                Ok(())
            }
            ("BYE", 200..) => {
                self.calls[number].phase = Phase::Over;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn answered(
        &mut self,
        number: usize,
        contact: Option<&str>,
        to: Option<&str>,
        line: Option<Line>,
    ) -> io::Result<()> {
        let call = &mut self.calls[number];
        let is_first = call.phase == Phase::Calling;
        if is_first {
            call.phase = Phase::Up;
            call.answer = line;
            call.target = contact.unwrap_or(&call.target).to_owned();
            call.to = to.unwrap_or(&call.to).to_owned();
        }
        self.send(number, "ACK")?;
        if is_first && self.hangs_up { self.bye(number) } else { Ok(()) }
    }

    /// The gateway hung up, or asks something that has no place here.
    fn request(&mut self, number: usize, message: &str) -> io::Result<()> {
        if message.starts_with("ACK ") {
            return Ok(());
        }
        if message.starts_with("BYE ") {
            self.calls[number].phase = Phase::Over;
        }
        let kept = ["via:", "from:", "to:", "call-id:", "cseq:"];
        let lines = message.lines().take_while(|line| !line.is_empty());
        let kept = lines.filter(|line| kept.iter().any(|name| line.to_ascii_lowercase().starts_with(name)));
        let headers: String = kept.map(|line| format!("{line}\r\n")).collect();
        let response = format!("SIP/2.0 200 OK\r\n{headers}Content-Length: 0\r\n\r\n");
        self.socket.send_to(response.as_bytes(), self.server).map(drop)
    }

    fn send(&self, number: usize, method: &str) -> io::Result<()> {
        let call = &self.calls[number];
        let (sequence, body) = match method {
            "INVITE" => (1, self.offer(call)),
            "ACK" => (1, String::new()),
            _ => (2, String::new()),
        };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        // The ACK of a refusal belongs to the INVITE's transaction.
        let branch = if call.phase == Phase::Refused { "INVITE" } else { method };
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{number}x{branch}{port};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+15035550{digits}@{local}>;tag=b{number}\r\nTo: {to}\r\n\
             Call-ID: bench-{number}-{port}\r\nCSeq: {sequence} {method}\r\nContact: <sip:bench@{local}>\r\n\
             {kind}Content-Length: {length}\r\n\r\n{body}",
            target = call.target,
            local = self.local,
            port = self.local.port(),
            digits = 100 + number % 100,
            to = call.to,
            length = body.len(),
        );
        self.socket.send_to(text.as_bytes(), self.server).map(drop)
    }

    fn offer(&self, call: &Call) -> String {
        let profile = if call.key.is_some() { "SAVP" } else { "AVP" };
        let events = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";
        let crypto = call.key.as_ref().map(Key::attribute).unwrap_or_default();
        session(self.media, &format!("RTP/{profile} 0 101"), &format!("{events}{crypto}"))
    }
}

/// A session description of PCMU at `media`.
pub(crate) fn session(media: SocketAddr, formats: &str, attributes: &str) -> String {
    let (address, port) = (media.ip(), media.port());
    format!(
        "v=0\r\no=bench 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} {formats}\r\n\
         a=rtpmap:0 PCMU/8000\r\n{attributes}a=ptime:20\r\na=sendrecv\r\n"
    )
}

/// A line of an answer; `None` where keys were wanted and none came.
fn line(key: Option<&Key>, target: SocketAddr, answer: &str) -> Option<Line> {
    let ciphers = match key {
        Some(key) => Some(key.ciphers(answer)?),
        None => None,
    };
    Some(Line { ciphers, ..Line::to(target) })
}

/// Where an answer wants its audio.
pub(crate) fn media(message: &str) -> Option<SocketAddr> {
    let address = message.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?;
    let port = message.lines().find_map(|line| line.strip_prefix("m=audio "))?.split(' ').next()?;
    Some(SocketAddr::new(address.trim().parse().ok()?, port.parse().ok()?))
}
