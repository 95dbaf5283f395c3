//! rtpengine as a relay between two callers who are both this program, by its `ng` protocol: bencoded questions over UDP.

use std::{
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    callers::{Line, wait_until},
    peer::{Peer, realtime_command},
    signalling::{media, session},
};

const PROGRAM: &str = "/usr/bin/rtpengine";
/// How long it may take to start, and to answer a question.
const PATIENCE: Duration = Duration::from_secs(5);

/// A daemon of our own, in user space, on the loopback. Killed when dropped.
pub(crate) struct Relay {
    child: Child,
    control: UdpSocket,
    version: String,
    calls: usize,
    asked: u64,
}

impl Relay {
    /// `None` where it is not installed.
    pub(crate) fn start(realtime: bool) -> Result<Option<Self>> {
        if !Path::new(PROGRAM).exists() {
            return Ok(None);
        }
        let version = Command::new(PROGRAM).arg("--version").output()?;
        let version =
            format!("{}{}", String::from_utf8_lossy(&version.stdout), String::from_utf8_lossy(&version.stderr));
        let version =
            version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).unwrap_or("");
        let ng = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = realtime_command(Path::new(PROGRAM), realtime);
        command.args(["--config-file=none", "--foreground", "--log-stderr", "--log-level=3", "--table=-1"]);
        command.args(["--interface=lo/127.0.0.1", "--port-min=40000", "--port-max=49999", "--num-threads=2"]);
        command.args(["--timeout=120", "--silent-timeout=600", "--delete-delay=0", "--no-redis-required"]);
        command.arg(format!("--listen-ng={ng}"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let control = UdpSocket::bind("127.0.0.1:0")?;
        control.connect(ng)?;
        control.set_read_timeout(Some(Duration::from_millis(200)))?;
        let mut relay = Self { child, control, version: version.to_owned(), calls: 0, asked: 0 };
        let deadline = Instant::now() + PATIENCE;
        while relay.ask(&[("command", "ping")]).is_err() {
            ensure!(Instant::now() < deadline, "rtpengine does not start");
            wait_until(Instant::now() + Duration::from_millis(50));
        }
        Ok(Some(relay))
    }

    fn ask(&mut self, question: &[(&str, &str)]) -> Result<String> {
        self.asked += 1;
        let mut fields = question.to_vec();
        fields.sort_unstable();
        let text = |text: &str| format!("{}:{text}", text.len());
        let body: String = fields.iter().map(|(name, value)| text(name) + &text(value)).collect();
        let cookie = format!("{} ", self.asked);
        self.control.send(format!("{cookie}d{body}e").as_bytes())?;
        let mut bytes = [0; 8_192];
        loop {
            let length = self.control.recv(&mut bytes)?;
            let answer = String::from_utf8_lossy(&bytes[..length]).into_owned();
            match answer.strip_prefix(&cookie) {
                Some(answer) if answer.contains("6:result5:error") => bail!("rtpengine: {answer}"),
                Some(answer) => return Ok(answer.to_owned()),
                None => {}
            }
        }
    }

    /// Both sides of a call are this program, at one port; the answer tells where the first one's audio goes.
    fn relay(&mut self, call: usize, at: SocketAddr) -> Result<Line> {
        let (id, sdp) = (format!("bench-{call}"), session(at, "RTP/AVP 0", ""));
        let offer = [("command", "offer"), ("call-id", &id), ("from-tag", "a"), ("sdp", &sdp)];
        let offered = self.ask(&offer)?;
        let answer = [("command", "answer"), ("call-id", &id), ("from-tag", "a"), ("to-tag", "b"), ("sdp", &sdp)];
        let answer = self.ask(&answer)?;
        let address = |sdp| media(sdp).context("a description without an address");
        Ok(Line { source: address(&offered)?, ..Line::to(address(&answer)?) })
    }
}

impl Peer for Relay {
    fn name(&self) -> String {
        format!("rtpengine {} in user space, relay", self.version)
    }

    fn open(&mut self, calls: usize, media: SocketAddr) -> Result<Vec<Line>> {
        self.calls = calls;
        (0..calls).map(|call| self.relay(call, media)).collect()
    }

    fn process(&self) -> u32 {
        self.child.id()
    }

    fn close(&mut self) -> Result<()> {
        for call in 0..std::mem::take(&mut self.calls) {
            self.ask(&[("command", "delete"), ("call-id", &format!("bench-{call}")), ("from-tag", "a")])?;
        }
        Ok(())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
