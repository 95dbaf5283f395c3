//! The vault's process as the gateway sees it: a control socket and a capture socket.

use std::{
    fs::File,
    io::{self, IoSlice},
    mem::MaybeUninit,
    net::{SocketAddr, TcpStream},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::FileExt,
    },
    process::{Child, Command, Stdio},
    time::Duration,
};

use gate::wire::{
    Brands, ControlFromVault, ControlToVault, Currency, EntryError, FromVault, Holder, Method, Open, Outcome,
    PACKET_BYTES, Postal, PromptReason, Step, ToVault, VERSION, WipeRecord,
};
use ring::signature::{ED25519, UnparsedPublicKey};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv,
        send, sendmsg, socketpair,
    },
};

use super::processor::Authority;

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often memory is searched from the beginning again, because some of it went meanwhile.
const SEARCHES: u32 = 1_000;
pub const CAPTURE: [u8; 16] = [7; 16];
pub const PAYMENT: [u8; 16] = [0xab; 16];

pub struct Vault {
    pub child: Child,
    control: Option<OwnedFd>,
    public_key: [u8; 32],
}

/// A capture, from the gateway's side.
pub struct Capture {
    socket: OwnedFd,
}

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
}

/// One packet, or `None` at the end of the socket.
fn receive(socket: &OwnedFd, packet: &mut [u8]) -> Option<usize> {
    let wait = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&wait)).unwrap();
    assert_eq!(ready, 1, "nothing came in time");
    recv(socket, packet, RecvFlags::empty()).ok().map(|(read, _)| read).filter(|&read| read > 0)
}

impl Vault {
    pub fn start(authority: &Authority, more: &[&str]) -> Self {
        let (control, theirs) = pair();
        let mut vault =
            Self { child: Self::child(authority, more, theirs), control: Some(control), public_key: [0; 32] };
        let Some(ControlFromVault::Ready { public_key, .. }) = vault.control() else {
            panic!("the vault is not ready")
        };
        vault.public_key = public_key;
        vault
    }

    /// A vault whose gateway is gone already.
    pub fn abandoned(authority: &Authority) -> Child {
        let (control, theirs) = pair();
        drop(control);
        Self::child(authority, &[], theirs)
    }

    fn child(authority: &Authority, more: &[&str], control: OwnedFd) -> Child {
        Command::new(env!("CARGO_BIN_EXE_tonegate-vault"))
            .args(["--processor-name", "localhost", "--processor-path", "/v1/payments"])
            .args(["--processor-ca", &authority.file("authority.pem")])
            .args(["--processor-token", &authority.file("token")])
            .args(more)
            .env_clear()
            .env("GLIBC_TUNABLES", "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0")
            .env("SSLKEYLOGFILE", "/dev/stderr")
            .stdin(Stdio::from(control))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub fn control(&self) -> Option<ControlFromVault> {
        let mut packet = [0; PACKET_BYTES];
        let read = receive(self.control.as_ref()?, &mut packet)?;
        Some(ControlFromVault::decode(&packet[..read]).unwrap())
    }

    pub fn tell(&self, packet: &[u8], descriptor: Option<&OwnedFd>) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptor.map(|descriptor| [descriptor.as_fd()]);
        if let Some(descriptors) = &descriptors {
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(descriptors)));
        }
        let control = self.control.as_ref().unwrap();
        sendmsg(control, &[IoSlice::new(packet)], &mut ancillary, SendFlags::NOSIGNAL).unwrap();
    }

    pub fn open(&self) -> Capture {
        self.open_for(Method::Card)
    }

    pub fn open_for(&self, method: Method) -> Capture {
        let (socket, theirs) = pair();
        let open = Open {
            capture: CAPTURE,
            payment: PAYMENT,
            method,
            amount_minor: 4_200,
            currency: Currency::parse("USD").unwrap(),
            brands: Brands::all(),
            postal: Postal::None,
            year: 2026,
            month: 11,
            holder: Holder::parse("Jane Doe").unwrap(),
        };
        self.tell(&ControlToVault::Open(open).encode(), Some(&theirs));
        Capture { socket }
    }

    pub fn connect(&self, address: SocketAddr) {
        let connection = OwnedFd::from(TcpStream::connect(address).unwrap());
        self.tell(&ControlToVault::Connect { capture: CAPTURE }.encode(), Some(&connection));
    }

    /// The next wipe record on the control socket, with its signature checked.
    pub fn wiped(&self) -> WipeRecord {
        let Some(ControlFromVault::Wiped(record)) = self.control() else { panic!("no wipe record") };
        let key = UnparsedPublicKey::new(&ED25519, self.public_key);
        assert!(key.verify(&record.signed_bytes(), &record.signature).is_ok());
        let changed = WipeRecord { sequence: record.sequence + 1, ..record };
        assert!(key.verify(&changed.signed_bytes(), &record.signature).is_err());
        record
    }

    pub fn close_control(&mut self) {
        self.control = None;
    }

    /// What the process has open. Panics where the system refuses to look.
    pub fn descriptors(&self) -> Vec<u32> {
        let listed = searched(std::fs::read_dir(format!("/proc/{}/fd", self.child.id())));
        let mut open: Vec<u32> =
            listed.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
        open.sort_unstable();
        open
    }

    /// How often `needle` stands in the process's memory. Panics where the system refuses to look.
    pub fn find(&self, needle: &[u8]) -> usize {
        let process = format!("/proc/{}", self.child.id());
        let memory = searched(File::open(format!("{process}/mem")));
        for _ in 0..SEARCHES {
            let maps = searched(std::fs::read_to_string(format!("{process}/maps")));
            match count(&memory, &maps, needle) {
                // Unmapped since it was listed, which is how a card is wiped.
                Err(error) if Errno::from_io_error(&error) == Some(Errno::IO) => {}
                counted => return searched(counted),
            }
        }
        panic!("NOT SEARCHED: the memory's mappings do not stay")
    }
}

/// Without privilege nobody may look into the vault: a search that finds nothing then proves nothing.
fn searched<T>(looked: io::Result<T>) -> T {
    looked.unwrap_or_else(|error| panic!("NOT SEARCHED: run with CAP_SYS_PTRACE ({error})"))
}

/// How often `needle` stands in what a process may write.
fn count(memory: &File, maps: &str, needle: &[u8]) -> io::Result<usize> {
    let mut found = 0;
    for line in maps.lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        if !rest.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut bytes = vec![0; (to - from) as usize];
        memory.read_exact_at(&mut bytes, from)?;
        found += bytes.windows(needle.len()).filter(|window| *window == needle).count();
    }
    Ok(found)
}

impl Drop for Vault {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Capture {
    /// The vault's next message. `None` once it has closed its end.
    pub fn next(&self) -> Option<FromVault> {
        let mut packet = [0; PACKET_BYTES];
        let read = receive(&self.socket, &mut packet)?;
        Some(FromVault::decode(&packet[..read]).unwrap())
    }

    pub fn send(&self, packet: &[u8]) {
        send(&self.socket, packet, SendFlags::NOSIGNAL).unwrap();
    }

    pub fn keys(&self, keys: &[u8]) {
        for &key in keys {
            self.send(&[VERSION, 1, key, 0]);
        }
    }

    pub fn withdraw(&self) {
        let mut packet = Vec::new();
        ToVault::cancel().send(&mut packet).unwrap();
        self.send(&packet);
    }

    /// Reads on until the vault asks for `step`.
    pub fn asks_for(&self, wanted: Step) {
        loop {
            match self.next() {
                Some(FromVault::Prompt { step, .. }) if step == wanted => return,
                Some(FromVault::Prompt { .. } | FromVault::Progress { .. }) => {}
                Some(FromVault::ConnectionWanted | FromVault::Outcome(_) | FromVault::Wiped(_)) | None => {
                    panic!("{wanted:?} was not asked for")
                }
            }
        }
    }

    /// Keys a whole card and waits until a connection is wanted.
    pub fn key_card(&self, number: &[u8]) {
        self.keys(number);
        self.keys(b"#1230123#");
        self.is_keyed();
    }

    /// Waits until a connection is wanted.
    pub fn is_keyed(&self) {
        self.asks_for(Step::Wait);
        assert_eq!(self.next(), Some(FromVault::ConnectionWanted));
    }

    /// Reads on until an entry is refused, and how.
    pub fn refusal(&self) -> EntryError {
        loop {
            match self.next() {
                Some(FromVault::Prompt { reason: PromptReason::Retry(error), .. }) => return error,
                Some(FromVault::Prompt { .. } | FromVault::Progress { .. }) => {}
                Some(FromVault::ConnectionWanted | FromVault::Outcome(_) | FromVault::Wiped(_)) | None => {
                    panic!("nothing was refused")
                }
            }
        }
    }

    /// The outcome, as soon as it is told.
    pub fn told(&self) -> Outcome {
        let Some(FromVault::Outcome(outcome)) = self.next() else { panic!("no outcome") };
        outcome
    }

    /// The outcome, then the wipe record, then the end of the socket.
    pub fn outcome(&self) -> Outcome {
        let outcome = self.told();
        assert!(matches!(self.next(), Some(FromVault::Wiped(_))));
        assert!(self.next().is_none());
        outcome
    }
}
