//! A telephone of others: `baresip` (Debian package baresip-core) calls the gateway.

use std::{
    f32::consts::TAU,
    fs, io,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::json;
use testkit::gateway::{Agent, Gateway, GatewayOptions, OPERATOR_TOKEN};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    process::Command,
    task::JoinHandle,
    time::{error::Elapsed, timeout},
};

use crate::{
    client::{Client, eventually, interface, metrics, noted, place, sum, when},
    plant,
};

/// How long baresip stays in the call: longer than the opening.
const CALL: Duration = Duration::from_secs(30);
/// How long anything about the call may take.
const PATIENCE: Duration = Duration::from_secs(50);

/// Modules without a sound card and without a terminal; `sndfile` keeps what is heard.
const MODULES: &[&str] = &["g711", "g722", "l16", "opus", "srtp", "dtls_srtp", "aufile", "aubridge", "sndfile"];
/// What it says, and what the gateway must hear.
const SPOKEN_HERTZ: f32 = 440.0;

/// How a baresip is to call.
struct Account {
    /// Its codec, as baresip writes it.
    codec: &'static str,
    /// What it says comes at this rate, on so many channels: baresip converts nothing.
    hertz: u32,
    channels: u16,
    /// What ends the account.
    more: &'static str,
    /// What ends the configuration.
    settings: &'static str,
    /// Whether it has a certificate with an ECDSA key instead of its own, which is RSA.
    has_ecdsa: bool,
}

const PCMU: Account = Account { codec: "PCMU", hertz: 8_000, channels: 1, more: "", settings: "", has_ecdsa: false };

/// Writes a configuration that binds loopback alone, speaks from a file and hears into a file and a bridge. Where its
/// commands are taken.
fn configure(directory: &Path, account: &Account) -> SocketAddr {
    fs::create_dir_all(directory).expect("a directory");
    let voice = directory.join("voice.wav");
    speak(&voice, account);
    let (port, keypad) = ports();
    let mut config = format!(
        "poll_method epoll\nsip_listen 127.0.0.1:{port}\nnet_interface 127.0.0.1\nmodule_path {}\n\
         audio_source aufile,{}\naudio_player aubridge,ear\naudio_alert aubridge,bell\nsnd_path {}\n",
        modules().display(),
        voice.display(),
        directory.display(),
    );
    for module in MODULES {
        config.push_str(&format!("module {module}.so\n"));
    }
    config.push_str("module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n");
    config.push_str(&format!("ctrl_tcp_listen {keypad}\n{}", account.settings));
    fs::write(directory.join("config"), config).expect("a configuration");
    let Account { codec, more, .. } = account;
    let account = format!("<sip:+15555550123@127.0.0.1:{port}>;regint=0;audio_codecs={codec}{more}\n");
    fs::write(directory.join("accounts"), account).expect("an account");
    fs::write(directory.join("contacts"), "").expect("contacts");
    keypad
}

/// A port for SIP over UDP, TCP and, one above, TLS, and another for commands: all free together.
fn ports() -> (u16, SocketAddr) {
    let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let keypad = TcpListener::bind(local(0)).expect("a port");
    let free = (0..100).find_map(|_| {
        let port = UdpSocket::bind(local(0)).ok()?.local_addr().ok()?.port();
        let _held = [TcpListener::bind(local(port)).ok()?, TcpListener::bind(local(port.checked_add(1)?)).ok()?];
        Some(port)
    });
    (free.expect("two ports in a row"), keypad.local_addr().expect("its address"))
}

/// Tells a running baresip something: a netstring of JSON, as its module `ctrl_tcp` reads it.
async fn tell(keypad: &mut TcpStream, command: &str) {
    let words = format!("{{\"command\":\"{command}\"}}");
    keypad.write_all(format!("{}:{words},", words.len()).as_bytes()).await.expect("a baresip that listens");
}

/// Writes a tone that lasts as long as the call.
fn speak(path: &Path, account: &Account) {
    let format = hound::WavSpec {
        channels: account.channels,
        sample_rate: account.hertz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, format).expect("a file");
    for n in 0..account.hertz * CALL.as_secs() as u32 {
        let sample = (n as f32 * TAU * SPOKEN_HERTZ / account.hertz as f32).sin() * 3_000.0;
        for _ in 0..account.channels {
            file.write_sample(sample as i16).expect("room");
        }
    }
    file.finalize().expect("a whole file");
}

/// What has baresip take a certificate that is made here.
fn ecdsa(directory: &Path) -> [(&'static str, PathBuf); 3] {
    let [library, certificate, key] = ["ecdsa.so", "certificate.pem", "key.pem"].map(|name| directory.join(name));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/system/ecdsa.c");
    let built = std::process::Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(built.expect("a C compiler").success());
    let pair = rcgen::KeyPair::generate().expect("a key");
    let made = rcgen::CertificateParams::default().self_signed(&pair).expect("a certificate");
    fs::write(&certificate, made.pem()).expect("room");
    fs::write(&key, pair.serialize_pem()).expect("room");
    let library = fs::canonicalize(library).expect("a path");
    [("LD_PRELOAD", library), ("ECDSA_CERTIFICATE", certificate), ("ECDSA_KEY", key)]
}

/// Where the distribution keeps baresip's modules.
fn modules() -> &'static Path {
    let places = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"].map(Path::new);
    places.into_iter().find(|place| place.exists()).expect("baresip's modules (Debian package baresip-core)")
}

/// A baresip that calls and hangs up at the end of its time.
struct Softphone {
    keypad: SocketAddr,
    call: JoinHandle<Result<io::Result<Output>, Elapsed>>,
}

impl Softphone {
    fn call(gateway: &Gateway, directory: &Path, account: &Account) -> Self {
        let keypad = configure(directory, account);
        let environment = account.has_ecdsa.then(|| ecdsa(directory));
        let call = Command::new("baresip")
            .envs(environment.into_iter().flatten())
            .args(["-4", "-f"])
            .arg(directory)
            .args(["-t", &CALL.as_secs().to_string()])
            .args(["-e", &format!("/dial sip:collections@{}", gateway.addresses().sip_udp)])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        Self { keypad, call: tokio::spawn(timeout(PATIENCE, call)) }
    }

    /// What it said, once it has hung up.
    async fn words(self) -> String {
        let output = self.call.await.expect("a task").expect("baresip ends in time").expect("baresip runs");
        let words = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(words.to_lowercase().contains("established"), "{words}");
        words.into_owned()
    }
}

/// Has baresip call, hold, resume and hang up, and returns what it said. The gateway has played its opening meanwhile.
async fn call(gateway: &Gateway, account: &Account) -> String {
    let softphone = Softphone::call(gateway, &gateway.directory().join("baresip"), account);
    let timeline = noted(gateway, PATIENCE, "opened", "").await;
    for kind in ["invited", "answered", "acknowledged", "media.source_locked"] {
        assert!(when(&timeline, kind, "").is_some(), "{kind} is missing: {timeline:#?}");
    }
    assert!(sum(&metrics(gateway).await, "tonegate_rtp_packets_total", &["direction=\"received\""]) > 50.0);

    let mut keypad = TcpStream::connect(softphone.keypad).await.expect("a baresip that listens");
    tell(&mut keypad, "hold").await;
    noted(gateway, PATIENCE, "held", "").await;
    tell(&mut keypad, "resume").await;
    noted(gateway, PATIENCE, "resumed", "").await;

    let words = softphone.words().await;
    let timeline = noted(gateway, PATIENCE, "ended", "caller_hung_up").await;
    assert!(when(&timeline, "record.written", "contact_attempt").is_some(), "{timeline:#?}");
    words
}

/// How much of some samples is one frequency: the share of the energy in the best tenth of a second.
fn share(samples: &[i16], rate: u32, hertz: f32) -> f32 {
    let of = |window: &[i16]| {
        let (mut real, mut imaginary, mut total) = (0.0, 0.0, 1e6);
        for (n, &sample) in window.iter().enumerate() {
            let (sample, angle) = (f32::from(sample), n as f32 * TAU * hertz / rate as f32);
            (real, imaginary) = (real + sample * angle.cos(), imaginary + sample * angle.sin());
            total += sample * sample;
        }
        2.0 * (real * real + imaginary * imaginary) / window.len() as f32 / total
    };
    samples.chunks_exact(rate as usize / 10).map(of).fold(0.0, f32::max)
}

/// The first channel of a WAV file, and its rate.
pub(crate) fn first_channel(path: &Path) -> (Vec<i16>, u32) {
    let file = hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let format = file.spec();
    let samples: Vec<i16> = file.into_samples().collect::<Result<_, _>>().expect("samples");
    (samples.into_iter().step_by(format.channels.into()).collect(), format.sample_rate)
}

/// The files below a directory whose names end like this.
pub(crate) fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path());
    entries.filter(|path| path.to_string_lossy().ends_with(end)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_calls_hears_the_opening_holds_resumes_and_hangs_up() {
    let gateway = plant::start(&plant::options("softphone"));
    call(&gateway, &PCMU).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_calls_with_srtp_where_it_is_required() {
    let options = GatewayOptions { srtp: "required".to_owned(), ..plant::options("softphone-srtp") };
    let gateway = plant::start(&options);
    let words = call(&gateway, &Account { more: ";mediaenc=srtp-mand", ..PCMU }).await;
    assert!(!words.contains("failed to decrypt"), "baresip opens what the gateway sends: {words}");
    let exposed = metrics(&gateway).await;
    let dropped =
        |reason: &str| sum(&exposed, "tonegate_drops_total", &["queue=\"rtp\"", &format!("reason=\"{reason}\"")]);
    assert_eq!((dropped("authentication"), dropped("replay"), dropped("short")), (0.0, 0.0, 0.0));
    assert!(!gateway.log().expect("a log").contains("inline:"), "no session description is logged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_calls_over_dtls_is_heard_and_hears() {
    for (name, settings) in [("alone", ""), ("shared", "rtcp_mux yes\n")] {
        let name = format!("softphone-dtls-{name}");
        let options = GatewayOptions { srtp: "required".to_owned(), ..plant::options(&name) };
        let gateway = plant::start(&options);
        let account = Account { more: ";mediaenc=dtls_srtp", settings, has_ecdsa: true, ..PCMU };
        let words = call(&gateway, &account).await;
        let timeline = noted(&gateway, PATIENCE, "media.secured", "AES_CM_128_HMAC_SHA1_80").await;
        let [secured, said] = ["media.secured", "prompt.started"].map(|kind| place(&timeline, kind, ""));
        assert!(secured.is_some() && secured < said, "nothing is said before the keys: {timeline:#?}");
        assert!(!words.contains("failed to decrypt"), "baresip opens what the gateway sends: {words}");
        let exposed = metrics(&gateway).await;
        let handshakes = |result: &str| sum(&exposed, "tonegate_dtls_handshakes_total", &[result]);
        assert_eq!((handshakes("result=\"completed\""), handshakes("result=")), (1.0, 1.0), "{words}");
        // RTCP for each way's score comes on the shared port, or not at all.
        let scores = if settings.is_empty() { 1.0 } else { 2.0 };
        eventually(PATIENCE, "a score for each direction that is told of", async || {
            (sum(&metrics(&gateway).await, "tonegate_call_mos_count", &[]) == scores).then_some(())
        })
        .await;
        let dropped =
            |reason: &str| sum(&exposed, "tonegate_drops_total", &["queue=\"rtp\"", &format!("reason=\"{reason}\"")]);
        assert_eq!((dropped("authentication"), dropped("replay"), dropped("short")), (0.0, 0.0, 0.0));
        let [heard] = &files(&gateway.directory().join("baresip"), "-dec.wav")[..] else { panic!("no file: {words}") };
        let (samples, _) = first_channel(heard);
        let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        assert!(loudest > 3_000, "it hears nothing: {loudest}");
        let recordings = files(&gateway.directory().join("recordings"), ".wav");
        let [recording] = &recordings[..] else { panic!("{recordings:?}") };
        let (samples, rate) = first_channel(recording);
        let share = share(&samples, rate, SPOKEN_HERTZ);
        assert!(share > 0.95, "{} has {share} of the tone", recording.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_is_handed_over_to_another_gateway() {
    let echo = |name: &str| GatewayOptions { agent: Agent::Echo, ..plant::options(name) };
    let desk = plant::start(&echo("softphone-desk"));
    let more = format!("\n[[transfer]]\nname = \"desk\"\nuri = \"sip:desk@{}\"\n", desk.addresses().sip_udp);
    let gateway = plant::start(&GatewayOptions { more, ..echo("softphone-transfer") });
    let softphone = Softphone::call(&gateway, &gateway.directory().join("baresip"), &PCMU);
    noted(&gateway, PATIENCE, "opened", "").await;
    let operator = Client::bearing(OPERATOR_TOKEN);
    let calls = operator.get(&interface(&gateway, "/calls")).await.json();
    let call = calls["calls"][0]["id"].as_str().expect("a call").to_owned();
    let transfer = interface(&gateway, &format!("/calls/{call}/transfer"));
    assert_eq!(operator.post(&transfer, &json!({"to": "desk"})).await.status, 202);
    let timeline = noted(&gateway, PATIENCE, "ended", "").await;
    assert!(when(&timeline, "transfer.ended", "transferred").is_some(), "{timeline:#?}");
    noted(&desk, PATIENCE, "opened", "").await;
    softphone.words().await;
    noted(&desk, PATIENCE, "ended", "caller_hung_up").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_with_its_own_certificate_of_rsa_is_told_so_by_a_bye() {
    let gateway = plant::start(&plant::options("softphone-dtls-rsa"));
    let account = Account { more: ";mediaenc=dtls_srtp", ..PCMU };
    let _softphone = Softphone::call(&gateway, &gateway.directory().join("baresip"), &account);
    let timeline = noted(&gateway, PATIENCE, "ended", "handshake_failed").await;
    assert!(when(&timeline, "media.handshake_failed", "").is_some(), "{timeline:#?}");
    assert!(when(&timeline, "prompt.started", "").is_none(), "nothing was said: {timeline:#?}");
    let exposed = metrics(&gateway).await;
    assert_eq!(sum(&exposed, "tonegate_dtls_handshakes_total", &["result=\"completed\""]), 0.0);
    assert_eq!(sum(&exposed, "tonegate_dtls_handshakes_total", &[]), 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baresip_is_heard_and_hears_in_every_codec() {
    let gateway = plant::start(&plant::options("softphone-codecs"));
    let accounts = [
        Account { codec: "PCMA", hertz: 8_000, ..PCMU },
        Account { codec: "G722/16000/1", hertz: 16_000, ..PCMU },
        Account { codec: "L16/16000/1", hertz: 16_000, ..PCMU },
        Account { codec: "opus/48000/2", hertz: 48_000, channels: 2, ..PCMU },
    ];
    let directory = |account: &Account| gateway.directory().join(account.codec.replace('/', "-"));
    let calls: Vec<_> =
        accounts.iter().map(|account| Softphone::call(&gateway, &directory(account), account)).collect();
    for call in calls {
        call.words().await;
    }
    for account in &accounts {
        let [heard] = &files(&directory(account), "-dec.wav")[..] else { panic!("{}: no file", account.codec) };
        let (samples, rate) = first_channel(heard);
        let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        assert!(rate >= account.hertz && loudest > 3_000, "{} hears nothing: {loudest} at {rate} Hz", account.codec);
    }
    eventually(PATIENCE, "a score for each direction of each call", async || {
        let exposed = metrics(&gateway).await;
        let scored = |name, direction| sum(&exposed, &format!("tonegate_call_mos{name}"), &[direction]);
        let directions = ["direction=\"from_caller\"", "direction=\"to_caller\""];
        let calls = accounts.len() as f64;
        directions.iter().all(|way| scored("_count", way) == calls && scored("_sum", way) > 4.0 * calls).then_some(())
    })
    .await;
    let recordings = files(&gateway.directory().join("recordings"), ".wav");
    assert_eq!(recordings.len(), accounts.len());
    for recording in recordings {
        let (samples, rate) = first_channel(&recording);
        let share = share(&samples, rate, SPOKEN_HERTZ);
        assert!(share > 0.95, "{} has {share} of the tone", recording.display());
    }
}
