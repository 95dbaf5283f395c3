//! What the processes of an instance have open, held against a register of what they may.
//!
//! A file, socket or pipe that the register does not know is named, and fails: it may be a way out that nobody searched.

use std::{
    collections::HashMap,
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use crate::{peers::peers, process::Process};

/// How `/proc/net/unix` writes a socket of datagrams.
const DATAGRAM: &str = "0002";

/// What a descriptor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Open {
    /// A file.
    File(PathBuf),
    /// A file that was there, under the name that it had.
    Deleted(PathBuf),
    /// A socket of the network: its own address, and the other side's where it has one.
    Network {
        /// Its protocol: `tcp` or `udp`.
        protocol: &'static str,
        /// Where it is bound.
        local: SocketAddr,
        /// Whom it is connected to.
        remote: Option<SocketAddr>,
    },
    /// A socket between processes of this machine, by its number: its path, and the number of the other end, where it has one.
    Local {
        /// Its number.
        inode: u64,
        /// Its path.
        path: Option<String>,
        /// The other end.
        peer: Option<u64>,
    },
    /// A pipe, by the number that both its ends have.
    Pipe(u64),
    /// An event, timer or poll object of the kernel's, which carries no data out.
    Kernel(String),
    /// A socket of a kind that nothing here needs: of packets, of the kernel's own, or to whomever it likes.
    Strange(u64),
}

/// One descriptor of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The process.
    pub process: Process,
    /// Its number.
    pub number: u32,
    /// What it is.
    pub open: Open,
    /// Whether it can be written to.
    pub is_writable: bool,
}

impl Descriptor {
    /// What it is, in words.
    #[must_use]
    pub fn told(&self) -> String {
        let what = match &self.open {
            Open::File(path) => path.display().to_string(),
            Open::Deleted(path) => format!("{}, which is deleted,", path.display()),
            Open::Network { protocol, local, remote: None } => format!("{protocol} {local}"),
            Open::Network { protocol, local, remote: Some(remote) } => format!("{protocol} {local} to {remote}"),
            Open::Local { path: Some(path), .. } => format!("local socket {path}"),
            Open::Local { inode, path: None, .. } => format!("local socket {inode} to somebody else"),
            Open::Pipe(_) => "a pipe to somebody else".to_owned(),
            Open::Kernel(kind) => kind.clone(),
            Open::Strange(inode) => format!("socket {inode} of a strange kind"),
        };
        format!("{} has {what} open", self.process.name)
    }
}

/// What an instance may have open for writing. What can only be read is no way out.
#[derive(Clone, Debug, Default)]
pub struct Register {
    /// Directories in which every file is searched.
    pub searched: Vec<PathBuf>,
    /// Addresses that the instance may listen on or be connected to.
    pub addresses: Vec<SocketAddr>,
    /// Its media ports.
    pub media: Option<(u16, u16)>,
    /// What whoever started all this had open, and handed on: no doing of the instance's.
    pub inherited: Vec<Open>,
}

impl Register {
    /// The descriptors that are not known. `all` are those of every process of the instance at one time.
    #[must_use]
    pub fn strangers<'a>(&self, all: &'a [Descriptor]) -> Vec<&'a Descriptor> {
        all.iter().filter(|descriptor| descriptor.is_writable && !self.knows(descriptor, all)).collect()
    }

    fn knows(&self, descriptor: &Descriptor, all: &[Descriptor]) -> bool {
        if self.inherited.contains(&descriptor.open) {
            return true;
        }
        match &descriptor.open {
            Open::File(path) => is_memory(path) || path == Path::new("/dev/null") || self.is_searched(path),
            Open::Deleted(path) => is_memory(path) || self.is_searched(path),
            Open::Network { protocol: "udp", local, remote: None } => self.is_ours(*local),
            Open::Network { local, remote, .. } => {
                self.is_ours(*local) || remote.is_some_and(|remote| self.is_ours(remote))
            }
            // Nobody is at its other end any more, or somebody of the instance.
            Open::Local { path, peer, .. } => {
                let is_peer =
                    |other: &Descriptor| matches!(other.open, Open::Local { inode, .. } if Some(inode) == *peer);
                path.is_none() && (peer.is_none() || all.iter().any(is_peer))
            }
            // Its other end is in the instance, too.
            Open::Pipe(_) => all.iter().filter(|other| other.open == descriptor.open).count() > 1,
            Open::Kernel(_) => true,
            Open::Strange(_) => false,
        }
    }

    /// Whether the files of its directory are searched, or what it holds where it is deleted.
    fn is_searched(&self, path: &Path) -> bool {
        self.searched.iter().any(|directory| path.starts_with(directory))
    }

    fn is_ours(&self, address: SocketAddr) -> bool {
        let is_media = self.media.is_some_and(|(first, last)| (first..=last).contains(&address.port()));
        address.ip().is_loopback() && (is_media || self.addresses.contains(&address))
    }
}

/// What a file holds that only memory has: sound on its way to a recogniser. Empty where it is none, or gone.
#[must_use]
pub fn held_in_memory(descriptor: &Descriptor) -> Vec<u8> {
    let (Open::File(path) | Open::Deleted(path)) = &descriptor.open else { return Vec::new() };
    if is_memory(path) { fs::read(link(descriptor)).unwrap_or_default() } else { Vec::new() }
}

/// A file that was deleted and is still open, for reading; none where it is not one, or gone.
#[must_use]
pub fn deleted(descriptor: &Descriptor) -> Option<fs::File> {
    let Open::Deleted(path) = &descriptor.open else { return None };
    if is_memory(path) { None } else { fs::File::open(link(descriptor)).ok() }
}

fn link(descriptor: &Descriptor) -> PathBuf {
    descriptor.process.directory().join("fd").join(descriptor.number.to_string())
}

/// A file that only memory holds.
fn is_memory(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().starts_with(b"/memfd:")
}

/// What this process has open now, standard streams apart.
///
/// # Errors
/// Where the kernel does not tell.
pub fn own() -> io::Result<Vec<Open>> {
    let own = of(&[Process { id: std::process::id(), name: String::new() }])?;
    // The directory that was just listed is closed again.
    Ok(own.into_iter().filter(|found| found.number > 2 && found.is_writable).map(|found| found.open).collect())
}

/// Every descriptor of some processes. What ends meanwhile is left out.
///
/// # Errors
/// Where a process that is still there does not let itself be looked at, or the kernel does not tell whose sockets are: then it
/// was not searched.
pub fn of(processes: &[Process]) -> io::Result<Vec<Descriptor>> {
    let (mut found, peers) = (Vec::new(), peers()?);
    for process in processes {
        let directory = process.directory().join("fd");
        match fs::read_dir(&directory) {
            Ok(entries) => {
                let sockets = Sockets::of(process);
                for entry in entries.flatten() {
                    let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
                    // One that was closed meanwhile.
                    let (Some(number), Ok(link)) = (number, fs::read_link(entry.path())) else { continue };
                    let is_writable = is_writable(process, number);
                    let open = sockets.open(&link, &peers);
                    found.push(Descriptor { process: process.clone(), number, open, is_writable });
                }
            }
            Err(error) if process.directory().exists() => {
                return Err(io::Error::new(error.kind(), format!("{}: {error}", process.name)));
            }
            Err(_) => {}
        }
    }
    Ok(found)
}

/// Whether a descriptor can be written to (proc_pid_fdinfo(5): the last octal digit of the flags is the access mode).
fn is_writable(process: &Process, number: u32) -> bool {
    let info = fs::read_to_string(process.directory().join("fdinfo").join(number.to_string())).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    // What cannot be told may be written to.
    !flags.is_some_and(|flags| flags.trim_end().ends_with(['0', '4']))
}

/// The sockets of a process's network, by their inodes.
#[derive(Default)]
struct Sockets {
    network: HashMap<u64, (&'static str, SocketAddr, Option<SocketAddr>)>,
    /// Whether it sends datagrams, and its path.
    local: HashMap<u64, (bool, Option<String>)>,
}

impl Sockets {
    fn of(process: &Process) -> Self {
        let mut sockets = Self::default();
        let net = process.directory().join("net");
        for (file, protocol) in [("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp")] {
            let text = fs::read_to_string(net.join(file)).unwrap_or_default();
            for line in text.lines().skip(1) {
                if let Some((inode, local, remote)) = network(line) {
                    sockets.network.insert(inode, (protocol, local, remote));
                }
            }
        }
        for line in fs::read_to_string(net.join("unix")).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if let Some(inode) = fields.get(6).and_then(|inode| inode.parse().ok()) {
                let is_datagram = fields.get(4) == Some(&DATAGRAM);
                sockets.local.insert(inode, (is_datagram, fields.get(7).map(|path| (*path).to_owned())));
            }
        }
        sockets
    }

    fn open(&self, link: &Path, peers: &HashMap<u64, u64>) -> Open {
        let text = link.to_string_lossy();
        if let Some(inode) = text.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')?.parse().ok()) {
            return match (self.network.get(&inode), self.local.get(&inode)) {
                (Some(&(protocol, local, remote)), _) => Open::Network { protocol, local, remote },
                (None, Some((is_datagram, path))) => match (peers.get(&inode).copied(), path) {
                    // It can send to anybody.
                    (None, None) if *is_datagram => Open::Strange(inode),
                    (peer, path) => Open::Local { inode, path: path.clone(), peer },
                },
                (None, None) => Open::Strange(inode),
            };
        }
        if let Some(inode) = text.strip_prefix("pipe:[").and_then(|rest| rest.strip_suffix(']')?.parse().ok()) {
            return Open::Pipe(inode);
        }
        match text.split_once(':') {
            Some((kind @ "anon_inode", name)) => Open::Kernel(format!("{kind} {name}")),
            _ => match text.strip_suffix(" (deleted)") {
                Some(path) => Open::Deleted(path.into()),
                None => Open::File(text.as_ref().into()),
            },
        }
    }
}

/// A line of `/proc/net/tcp` and its like (proc_net(5)): inode, local and remote address.
fn network(line: &str) -> Option<(u64, SocketAddr, Option<SocketAddr>)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let remote = address(fields.get(2)?)?;
    let remote = (remote.port() != 0).then_some(remote);
    Some((fields.get(9)?.parse().ok()?, address(fields.get(1)?)?, remote))
}

/// An address as the kernel prints it: words of 32 bits in its own byte order, in hexadecimal.
pub(crate) fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(ip.get(at..at + 8)?, 16).ok();
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes())),
        32 => {
            let mut bytes = [0; 16];
            for (place, bytes) in bytes.chunks_mut(4).enumerate() {
                bytes.copy_from_slice(&word(8 * place)?.to_ne_bytes());
            }
            let ip = Ipv6Addr::from(bytes);
            ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::{
        net::{TcpListener, UdpSocket},
        os::{fd::AsRawFd, unix::net::UnixDatagram},
    };

    use rustix::net::{AddressFamily, SocketType};

    use super::*;

    fn mine() -> Vec<Descriptor> {
        of(&[Process { id: std::process::id(), name: "test".to_owned() }]).unwrap()
    }

    #[test]
    fn files_and_sockets_are_told_by_what_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let _file = fs::File::create(&path).unwrap();
        let _null = fs::File::open("/dev/null").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let found = mine();
        let has = |open: Open| found.iter().any(|descriptor| descriptor.open == open);
        assert!(has(Open::File(path.clone())));
        let writable = |path: &Path| {
            found
                .iter()
                .filter(|descriptor| descriptor.open == Open::File(path.to_owned()))
                .any(|found| found.is_writable)
        };
        assert!(writable(&path) && found.iter().any(|descriptor| !descriptor.is_writable));
        let (tcp, udp) = (listener.local_addr().unwrap(), socket.local_addr().unwrap());
        assert!(has(Open::Network { protocol: "tcp", local: tcp, remote: None }), "{found:?}");
        assert!(has(Open::Network { protocol: "udp", local: udp, remote: None }));
    }

    #[test]
    fn ways_out_that_have_no_name_are_told_from_pairs() {
        let directory = tempfile::tempdir().unwrap();
        let (path, gone) = (directory.path().join("log"), directory.path().join("gone"));
        let _collector = UnixDatagram::bind(&path).unwrap();
        let client = UnixDatagram::unbound().unwrap();
        client.connect(&path).unwrap();
        let free = UnixDatagram::unbound().unwrap();
        let kernel = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, None).unwrap();
        let _file = fs::File::create(&gone).unwrap();
        fs::remove_file(&gone).unwrap();
        let found = mine();
        let of = |number: i32| &found.iter().find(|found| i64::from(found.number) == i64::from(number)).unwrap().open;
        assert!(matches!(of(client.as_raw_fd()), Open::Local { path: None, peer: Some(_), .. }));
        assert!(matches!(of(free.as_raw_fd()), Open::Strange(_)) && matches!(of(kernel.as_raw_fd()), Open::Strange(_)));
        let deleted = found.iter().find(|found| found.open == Open::Deleted(gone.clone())).unwrap();
        assert!(super::deleted(deleted).is_some());
        let register = Register::default();
        let alone = |number: i32| {
            found.iter().filter(|found| i64::from(found.number) == i64::from(number)).cloned().collect::<Vec<_>>()
        };
        for socket in [client.as_raw_fd(), free.as_raw_fd(), kernel.as_raw_fd()] {
            assert_eq!(register.strangers(&alone(socket)).len(), 1);
        }
    }

    #[test]
    fn what_the_register_does_not_know_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let register = Register {
            searched: vec![directory.path().to_owned()],
            addresses: vec!["127.0.0.1:5060".parse().unwrap()],
            media: Some((20_000, 20_999)),
            inherited: vec![Open::File("/run/lock".into())],
        };
        let process = Process { id: 1, name: "tonegate serve".to_owned() };
        let descriptor = |open: Open| Descriptor { process: process.clone(), number: 7, open, is_writable: true };
        let network = |local: &str, remote: Option<&str>| {
            let remote = remote.map(|remote| remote.parse().unwrap());
            descriptor(Open::Network { protocol: "tcp", local: local.parse().unwrap(), remote })
        };
        let known = [
            descriptor(Open::File(directory.path().join("gateway.log"))),
            descriptor(Open::File("/dev/null".into())),
            descriptor(Open::File("/run/lock".into())),
            network("127.0.0.1:20500", None),
            network("127.0.0.1:41000", Some("127.0.0.1:5060")),
            descriptor(Open::Deleted(directory.path().join("store.db-journal"))),
            descriptor(Open::Deleted("/memfd:utterance".into())),
            descriptor(Open::Local { inode: 8, path: None, peer: Some(9) }),
            descriptor(Open::Local { inode: 9, path: None, peer: Some(8) }),
            descriptor(Open::Local { inode: 10, path: None, peer: None }),
            descriptor(Open::Pipe(3)),
            descriptor(Open::Pipe(3)),
            Descriptor { is_writable: false, ..descriptor(Open::File("/usr/share/voices".into())) },
        ];
        assert!(register.strangers(&known).is_empty());
        let strangers = [
            descriptor(Open::File("/tmp/keys".into())),
            network("127.0.0.1:41000", Some("192.0.2.7:443")),
            network("127.0.0.1:41000", None),
            descriptor(Open::Local { inode: 11, path: Some("/run/somebody".to_owned()), peer: None }),
            descriptor(Open::Local { inode: 12, path: None, peer: Some(13) }),
            descriptor(Open::Deleted("/tmp/keys".into())),
            descriptor(Open::Strange(14)),
            descriptor(Open::Pipe(4)),
        ];
        assert_eq!(register.strangers(&strangers).len(), strangers.len());
        assert_eq!(strangers[0].told(), "tonegate serve has /tmp/keys open");
    }
}
