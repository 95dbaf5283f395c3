//! A telephone of others: `baresip` (Debian package baresip-core) calls the gateway.

use std::{
    f32::consts::TAU,
    fs,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::Path,
    process::Stdio,
    time::Duration,
};

use testkit::gateway::{Gateway, GatewayOptions};
use tokio::{io::AsyncWriteExt, net::TcpStream, process::Command, time::timeout};

use crate::{
    client::{metrics, noted, sum, when},
    plant,
};

/// How long baresip stays in the call: longer than the opening.
const CALL: Duration = Duration::from_secs(30);
/// How long anything about the call may take.
const PATIENCE: Duration = Duration::from_secs(50);

/// Modules without a sound card and without a terminal.
const MODULES: &[&str] = &["g711", "srtp", "aufile", "aubridge"];
/// The rate of what it says.
const HERTZ: u32 = 8_000;

/// Writes a configuration that binds loopback alone, speaks from a file and hears into a bridge. `more` ends the account.
/// Where its commands are taken.
fn configure(directory: &Path, more: &str) -> SocketAddr {
    fs::create_dir_all(directory).expect("a directory");
    let voice = directory.join("voice.wav");
    speak(&voice);
    let port = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let keypad = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let mut config = format!(
        "poll_method epoll\nsip_listen 127.0.0.1:{port}\nnet_interface 127.0.0.1\nmodule_path {}\n\
         audio_source aufile,{}\naudio_player aubridge,ear\naudio_alert aubridge,bell\n",
        modules().display(),
        voice.display(),
    );
    for module in MODULES {
        config.push_str(&format!("module {module}.so\n"));
    }
    config.push_str("module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n");
    config.push_str(&format!("ctrl_tcp_listen {keypad}\n"));
    fs::write(directory.join("config"), config).expect("a configuration");
    let account = format!("<sip:+15555550123@127.0.0.1:{port}>;regint=0;audio_codecs=PCMU{more}\n");
    fs::write(directory.join("accounts"), account).expect("an account");
    fs::write(directory.join("contacts"), "").expect("contacts");
    keypad
}

/// Tells a running baresip something: a netstring of JSON, as its module `ctrl_tcp` reads it.
async fn tell(keypad: &mut TcpStream, command: &str) {
    let words = format!("{{\"command\":\"{command}\"}}");
    keypad.write_all(format!("{}:{words},", words.len()).as_bytes()).await.expect("a baresip that listens");
}

/// Writes a tone that lasts as long as the call.
fn speak(path: &Path) {
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: HERTZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, format).expect("a file");
    for n in 0..HERTZ * CALL.as_secs() as u32 {
        let sample = (n as f32 * TAU * 440.0 / HERTZ as f32).sin() * 3_000.0;
        file.write_sample(sample as i16).expect("room");
    }
    file.finalize().expect("a whole file");
}

/// Where the distribution keeps baresip's modules.
fn modules() -> &'static Path {
    let places = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"].map(Path::new);
    places.into_iter().find(|place| place.exists()).expect("baresip's modules (Debian package baresip-core)")
}

/// Has baresip call, hold, resume and hang up, and returns what it said. The gateway has played its opening meanwhile.
async fn call(gateway: &Gateway, account: &str) -> String {
    let directory = gateway.directory().join("baresip");
    let keypad = configure(&directory, account);
    let call = Command::new("baresip")
        .args(["-4", "-f"])
        .arg(&directory)
        .args(["-t", &CALL.as_secs().to_string()])
        .args(["-e", &format!("/dial sip:collections@{}", gateway.addresses().sip_udp)])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let call = tokio::spawn(timeout(PATIENCE, call));

    let timeline = noted(gateway, PATIENCE, "opened", "").await;
    for kind in ["invited", "answered", "acknowledged", "media.source_locked"] {
        assert!(when(&timeline, kind, "").is_some(), "{kind} is missing: {timeline:#?}");
    }
    assert!(sum(&metrics(gateway).await, "tonegate_rtp_packets_total", &["direction=\"received\""]) > 50.0);

    let mut keypad = TcpStream::connect(keypad).await.expect("a baresip that listens");
    tell(&mut keypad, "hold").await;
    noted(gateway, PATIENCE, "held", "").await;
    tell(&mut keypad, "resume").await;
    noted(gateway, PATIENCE, "resumed", "").await;

    let output = call.await.expect("a task").expect("baresip ends in time").expect("baresip runs");
    let words = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(words.to_lowercase().contains("established"), "{words}");
    let timeline = noted(gateway, PATIENCE, "ended", "caller_hung_up").await;
    assert!(when(&timeline, "record.written", "contact_attempt").is_some(), "{timeline:#?}");
    words.into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_calls_hears_the_opening_holds_resumes_and_hangs_up() {
    let gateway = plant::start(&plant::options("softphone"));
    call(&gateway, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_calls_with_srtp_where_it_is_required() {
    let options = GatewayOptions { srtp: "required".to_owned(), ..plant::options("softphone-srtp") };
    let gateway = plant::start(&options);
    let words = call(&gateway, ";mediaenc=srtp-mand").await;
    assert!(!words.contains("failed to decrypt"), "baresip opens what the gateway sends: {words}");
    let exposed = metrics(&gateway).await;
    let dropped =
        |reason: &str| sum(&exposed, "tonegate_drops_total", &["queue=\"rtp\"", &format!("reason=\"{reason}\"")]);
    assert_eq!((dropped("authentication"), dropped("replay"), dropped("short")), (0.0, 0.0, 0.0));
    assert!(!gateway.log().expect("a log").contains("inline:"), "no session description is logged");
}
