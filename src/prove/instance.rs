//! An instance of the gateway under a configuration, in a directory of its own, on loopback.

mod settings;

pub(crate) use settings::{Account, caller_address, live_processor};

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rand::Rng;
use serde::Deserialize;
use toml::Table;

use crate::report::Row;

/// How long it may take until it takes calls: the first start renders every fixed prompt.
const READY: Duration = Duration::from_secs(180);
/// How long it may take to leave.
const LEAVE: Duration = Duration::from_secs(30);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);
/// The environment variable of the token that the interface is asked with.
const TOKEN: &str = "TONEGATE_PROVE_TOKEN";
/// The file of the token that the carrier signs with.
const CARRIER_TOKEN: &str = "carrier-token";
/// Where media ports are looked for, and how many there are.
const PORTS: (u16, u16, u16) = (5_200, 9_800, 120);

/// Where the gateway listens, as it says itself in its log.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Addresses {
    pub(crate) sip_udp: SocketAddr,
    pub(crate) sip_tcp: Option<SocketAddr>,
    pub(crate) operations: SocketAddr,
    pub(crate) api: SocketAddr,
}

/// What an instance is made of.
pub(crate) struct Place {
    /// Its directory, which holds all it writes.
    pub(crate) directory: PathBuf,
    /// Its media ports.
    pub(crate) ports: (u16, u16),
    /// The sandbox processor, and the interface.
    pub(crate) processor: SocketAddr,
    pub(crate) api: SocketAddr,
    /// The bot in place of the configured ones.
    pub(crate) bot: SocketAddr,
    /// The key that recordings are sealed to, where they are.
    pub(crate) seal_to: Option<String>,
}

impl Place {
    /// Finds room for an instance below `directory`.
    pub(crate) fn find(directory: &Path, bot: SocketAddr, seal_to: Option<String>) -> io::Result<Self> {
        for part in ["recordings", "prompts", "tmp"] {
            fs::create_dir_all(directory.join(part))?;
        }
        let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let [processor, api] = listeners.map(|listener| listener.and_then(|listener| listener.local_addr()));
        let (processor, api) = (processor?, api?);
        Ok(Self { directory: directory.canonicalize()?, ports: free_ports()?, processor, api, bot, seal_to })
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("gateway.log")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.directory.join("tonegate.toml")
    }
}

/// A range of ports that are all free now.
fn free_ports() -> io::Result<(u16, u16)> {
    let (first, last, count) = PORTS;
    let begin = rand::rng().random_range(0..(last - first) / count);
    let ranges = (0..(last - first) / count).map(|place| first + (begin + place) % ((last - first) / count) * count);
    let is_free =
        |first: &u16| (*first..first + count).all(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    let first = ranges.into_iter().find(is_free).ok_or_else(|| io::Error::other("no range of media ports is free"))?;
    Ok((first, first + count - 1))
}

/// A gateway that runs. Dropping it kills it.
pub(crate) struct Instance {
    child: Child,
    pub(crate) addresses: Addresses,
    /// The operator's token, and the carrier's.
    pub(crate) token: String,
    pub(crate) carrier_token: String,
}

impl Instance {
    /// Starts `program` under a configuration that is changed so that it meets nobody else, and waits until it takes calls. The rows
    /// say what was changed.
    pub(crate) fn start(program: &Path, config: &Table, place: &Place) -> io::Result<(Self, Vec<Row>)> {
        let (settings, rows) = settings::adapt(config, place);
        fs::write(place.config(), settings.to_string())?;
        fs::write(place.directory.join("accounts.csv"), settings::accounts())?;
        settings::copy_prompts(config, &place.directory.join("prompts"))?;
        let (token, carrier_token) = (random_token(), random_token());
        fs::write(place.directory.join(CARRIER_TOKEN), &carrier_token)?;
        let log = File::create(place.log())?;
        let mut child = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(place.config())
            .env(TOKEN, &token)
            .env("TMPDIR", place.directory.join("tmp"))
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .spawn()?;
        match until_ready(&mut child, &place.log()) {
            Ok(addresses) => Ok((Self { child, addresses, token, carrier_token }, rows)),
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                Err(error)
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to leave, and waits until it has.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        let process = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let process = process.ok_or_else(|| io::Error::other("no such process"))?;
        rustix::process::kill_process(process, rustix::process::Signal::TERM)?;
        let deadline = Instant::now() + LEAVE;
        while Instant::now() < deadline {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::park_timeout(LOOK);
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the gateway did not leave after SIGTERM"))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn random_token() -> String {
    (0..32).map(|_| char::from(rand::rng().random_range(b'a'..=b'z'))).collect()
}

fn until_ready(child: &mut Child, log: &Path) -> io::Result<Addresses> {
    let deadline = Instant::now() + READY;
    loop {
        if let Some(addresses) = listening(log)? {
            return Ok(addresses);
        }
        let left = child.try_wait()?;
        if left.is_some() || Instant::now() > deadline {
            let why = left.map_or_else(|| "was not ready in time".to_owned(), |status| format!("left with {status}"));
            return Err(io::Error::other(format!("the gateway {why}; its log ends with:\n{}", tail(log))));
        }
        std::thread::park_timeout(LOOK);
    }
}

/// The addresses of the line `ready`, the last of a start.
fn listening(log: &Path) -> io::Result<Option<Addresses>> {
    for line in BufReader::new(File::open(log)?).lines() {
        let Ok(line) = serde_json::from_str::<serde_json::Value>(&line?) else { continue };
        if line["fields"]["message"] == "ready" {
            return Ok(serde_json::from_value(line["fields"].clone()).ok());
        }
    }
    Ok(None)
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(8).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
