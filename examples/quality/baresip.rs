//! The peer: `baresip` (Debian package baresip-core) says back what it hears, through its own jitter buffer.

use std::{
    fs,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Its media ports: below those of gateways.
const MEDIA_PORTS: &str = "8000-9900";
/// Whom it answers for.
pub(crate) const USER: &str = "echo";
/// How long its start may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A baresip, until dropped.
pub(crate) struct Baresip {
    child: Child,
    pub(crate) server: SocketAddr,
}

impl Baresip {
    /// Starts it with its files in `directory`: as Debian configures it, and with its concealment on.
    pub(crate) fn start(directory: &Path, calls: usize) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let port = port()?;
        let server = SocketAddr::from(([127, 0, 0, 1], port));
        let config = format!(
            "poll_method epoll\nsip_listen {server}\nnet_interface 127.0.0.1\nmodule_path {modules}\ncall_max_calls {calls}\n\
             rtp_ports {MEDIA_PORTS}\njitter_buffer_delay 5-10\naudio_buffer 20-160\nmodule g711.so\nmodule aubridge.so\n\
             module plc.so\nmodule_app account.so\nmodule_app echo.so\n",
            modules = "/usr/lib/baresip/modules",
        );
        fs::write(directory.join("config"), config)?;
        let account = format!("<sip:{USER}@{server}>;regint=0;audio_codecs=PCMU\n");
        fs::write(directory.join("accounts"), account)?;
        fs::write(directory.join("contacts"), "")?;
        let log = fs::File::create(directory.join("baresip.log"))?;
        let child = Command::new("baresip")
            .args(["-4", "-f"])
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("baresip (Debian package baresip-core)")?;
        let mut started = Self { child, server };
        started.wait(directory)?;
        Ok(started)
    }

    /// Waits until it listens: its port is taken.
    fn wait(&mut self, directory: &Path) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while UdpSocket::bind(self.server).is_ok() {
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("baresip does not start: {}", fs::read_to_string(directory.join("baresip.log"))?);
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A port that is free for UDP, TCP and, one above, TLS.
fn port() -> Result<u16> {
    let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let free = (0..100).find_map(|_| {
        let port = UdpSocket::bind(local(0)).ok()?.local_addr().ok()?.port();
        let _held = [TcpListener::bind(local(port)).ok()?, TcpListener::bind(local(port.checked_add(1)?)).ok()?];
        Some(port)
    });
    free.context("two free ports in a row")
}
