//! Recordings that are sealed: what a crash leaves of one, and what opens it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use testkit::{
    bot::BotSession,
    gateway::GatewayOptions,
    softphone::{FRAME, HERTZ, Keying},
};

use crate::{
    bot::{HEARD_OUT, Scene, tone},
    client::{eventually, noted},
    crash, plant,
};

/// Frames the caller is heard for.
const FRAMES: usize = 400;
/// Frames from one burst of the caller's tone to the next.
const BURST: usize = 50;
/// A sample from which on there is sound.
const SOUND: u16 = 1_000;
/// What a crash may take of a recording, in samples: a second.
const LOST: usize = HERTZ as usize;
/// The most that what was sent may begin after the caller's sound that it says back, in samples: half a second, in which the
/// bot may have been held because the caller seemed to speak.
const ROUND_TRIP: usize = HERTZ as usize / 2;

/// A gateway whose recordings are sealed Ogg Opus, and the file with the private key.
fn sealing(name: &str) -> (GatewayOptions, PathBuf) {
    let mut options = plant::options(name);
    let key = options.directory.join("recording.key");
    let made = tonegate(&["recording", "keygen", "--output", text(&key)]);
    assert!(made.status.success(), "{made:?}");
    let public = String::from_utf8(made.stdout).expect("text");
    options.recording = format!("format = \"opus\"\nseal_to = \"{}\"\n", public.trim());
    (options, key)
}

fn tonegate(arguments: &[&str]) -> Output {
    Command::new(plant::tonegate()).args(arguments).output().expect("the program")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

/// Says back what the caller says, for so many frames; the caller makes a burst of tone now and then, too short to be speech,
/// for which the bot would fall silent.
async fn converse(scene: &mut Scene) {
    for frame in 0..FRAMES {
        if frame % BURST == 0 {
            scene.line.say(tone(40)).await;
        }
        echo(&mut scene.bot).await;
    }
}

async fn echo(bot: &mut BotSession) {
    let message = bot.expect("media").await.expect("the caller's audio");
    let payload = message["media"]["payload"].as_str().expect("a payload");
    bot.say(&STANDARD.decode(payload).expect("base64")).await.expect("a stream that is up");
}

/// Opens a recording and plays it with a decoder that is not ours: what the program said, the caller, what was sent.
fn opened(sealed: &Path, key: &Path, to: &Path) -> (String, Vec<i16>, Vec<i16>) {
    let clear = to.join("opened.opus");
    let output = tonegate(&["recording", "open", text(sealed), "--key", text(key), "--output", text(&clear)]);
    assert!(output.status.success(), "{output:?}");
    let wave = to.join("opened.wav");
    let mut decode = Command::new("opusdec");
    decode.args(["--quiet", "--no-dither", "--rate", "8000", text(&clear), text(&wave)]);
    assert!(decode.status().expect("opusdec (Debian package opus-tools)").success());
    let samples: Vec<i16> =
        hound::WavReader::open(wave).expect("a wave").into_samples().collect::<Result<_, _>>().expect("samples");
    let side = |skip: usize| samples.iter().skip(skip).step_by(2).copied().collect();
    (String::from_utf8(output.stdout).expect("text"), side(0), side(1))
}

/// Where bursts begin: sound after a tenth of a second without.
fn bursts(side: &[i16]) -> Vec<usize> {
    let mut quiet = HERTZ as usize;
    let mut found = Vec::new();
    for (place, sample) in side.iter().enumerate() {
        if sample.unsigned_abs() < SOUND {
            quiet += 1;
            continue;
        }
        if quiet > HERTZ as usize / 10 {
            found.push(place);
        }
        quiet = 0;
    }
    found
}

fn only_file(directory: &Path) -> PathBuf {
    let mut files: Vec<_> = fs::read_dir(directory).expect("recordings").flatten().map(|file| file.path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// A call's record, once the account book has it.
async fn written(book: &Path, table: &str, call: &str) -> Value {
    eventually(HEARD_OUT, "a record", async || crash::record(book, table, call)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_recording_of_a_call_that_was_killed_opens_to_within_a_second_of_it() {
    let (options, key) = sealing("recording-crash");
    let mut scene = Scene::of(options, Keying::TelephoneEvent).await;
    converse(&mut scene).await;
    let Scene { gateway, line, .. } = scene;
    let directory = gateway.kill().expect("a crash");
    drop(line);
    let sealed = only_file(&directory.join("recordings"));
    assert!(text(&sealed).ends_with(".opus.sealed"), "{}", sealed.display());
    let bytes = fs::read(&sealed).expect("a file");
    assert!(!bytes.windows(4).any(|window| window == b"OggS"), "the recording is in clear");

    let (said, caller, sent) = opened(&sealed, &key, &directory);
    assert!(said.contains("CUT"), "{said}");
    // What the bot has heard was recorded too, and the recorder was there before the bot.
    assert!(caller.len() + LOST >= FRAMES * FRAME, "{} samples of {} are left", caller.len(), FRAMES * FRAME);
    let (caller, sent) = (bursts(&caller), bursts(&sent));
    assert!(caller.len() >= FRAMES / BURST - 2, "the caller's bursts: {caller:?}");
    let next = |caller: &usize| sent.iter().find(|sent| *sent >= caller).is_some_and(|sent| sent - caller < ROUND_TRIP);
    assert!(caller.iter().all(next), "the sides are not aligned: {caller:?} {sent:?}");
    let other = directory.join("other.key");
    assert!(tonegate(&["recording", "keygen", "--output", text(&other)]).status.success());
    let refused = directory.join("refused.opus");
    let output = tonegate(&["recording", "open", text(&sealed), "--key", text(&other), "--output", text(&refused)]);
    assert!(!output.status.success() && !refused.exists(), "another key opens it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_objects_is_recorded_no_further_and_the_records_say_so() {
    let (options, key) = sealing("recording-refused");
    let directory = options.directory.clone();
    let mut scene = Scene::of(options, Keying::TelephoneEvent).await;
    let call = scene.bot.parameter("tonegate_call").expect("a call").to_owned();
    for _ in 0..BURST {
        echo(&mut scene.bot).await;
    }
    let (base, client) = scene.interface();
    let reply = client.delete(&format!("{base}/recording")).await;
    assert_eq!(reply.status, 204, "{}", reply.text);
    converse(&mut scene).await;
    scene.line.hang_up().await;
    noted(&scene.gateway, HEARD_OUT, "recording.stopped", "refused").await;
    let book = directory.join("book.db");
    let attempt = written(&book, "contact_attempts", &call).await;
    let compliance = written(&book, "compliance_records", &call).await;
    assert!(scene.gateway.stop().expect("an end").success());

    let (said, caller, _) = opened(&only_file(&directory.join("recordings")), &key, &directory);
    assert!(said.contains("whole") && caller.len() < FRAMES * FRAME, "{said}, {} samples", caller.len());
    assert!(bursts(&caller).is_empty(), "the caller was recorded after they objected");
    assert_eq!(attempt["recording_consent"], "refused");
    assert_eq!((&compliance["recording"], &compliance["requests"][0]), (&"refused".into(), &"no_recording".into()));
}
