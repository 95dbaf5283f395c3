//! A caller who says the number of a card instead of keying it, outside of a capture.

use testkit::{
    debtor::DebtorVoice,
    softphone::{CallRequest, FRAME, Softphone},
};

use crate::{
    bot::{HEARD_OUT, line::Line},
    client::{eventually, metrics, noted, sum},
    leaks::{needle::Needle, search_files},
    plant,
    softphone::{files, first_channel},
};

/// A number that networks publish for tests, as it is said and as somebody might write it down.
const SAID: &str = "four two four two, four two four two, four two four two, four two four two";
const WRITTEN: &str = "4242424242424242";
const WORDS: &str = "four two four two";
/// Something else that is said.
const HARMLESS: &str = "good morning, this is a bad line";
/// A sample from which on there is sound in a recording.
const SOUND: u16 = 40;
/// Frames that may remain of what is said: the voice detection ends a word early.
const REMAINS: usize = 15;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_number_that_is_said_is_silent_in_the_recording_and_written_nowhere() {
    let mut options = plant::options("spoken");
    options.log = "trace".to_owned();
    let gateway = plant::start(&options);
    let request = CallRequest::new(gateway.addresses().sip_udp, "+15555550199", "collections");
    let line = Line::of(Softphone::call(&request).await.expect("an answer"));
    let voice = DebtorVoice::of_seed(0);
    noted(&gateway, HEARD_OUT, "prompt.finished", "ask_reference").await;
    let harmless = voice.say(HARMLESS).await.expect("a voice");
    let harmless_frames = harmless.len() / FRAME;
    line.say(harmless).await;
    noted(&gateway, HEARD_OUT, "prompt.finished", "ask_reference_again").await;
    line.say(voice.say(SAID).await.expect("a voice")).await;
    eventually(HEARD_OUT, "a number that was said", async || {
        (sum(&metrics(&gateway).await, "tonegate_spoken_numbers_total", &[]) > 0.0).then_some(())
    })
    .await;
    line.hang_up().await;
    let timeline = noted(&gateway, HEARD_OUT, "ended", "").await;
    assert!(plant::audit_holds(&gateway, "number_said"), "an auditor is told");

    let needle = Needle::new(WRITTEN);
    let timeline = serde_json::to_string(&timeline).expect("JSON");
    assert!(!needle.is_in(timeline.as_bytes()) && !timeline.contains(WORDS), "the timeline has it");
    assert!(!gateway.log().expect("a log").contains(WORDS), "the log has it");
    let directory = gateway.directory().to_owned();
    gateway.stop().expect("an end");
    search_files(&directory, &needle);

    let [recording] = &files(&directory.join("recordings"), ".wav")[..] else { panic!("one recording") };
    let (caller, _) = first_channel(recording);
    let sounds = |frame: &&[i16]| frame.iter().any(|sample| sample.unsigned_abs() > SOUND);
    let heard = caller.chunks(FRAME).filter(sounds).count();
    assert!(heard > harmless_frames / 2, "{heard} frames with sound: what is harmless is recorded");
    assert!(heard <= harmless_frames + REMAINS, "{heard} frames with sound where {harmless_frames} were harmless");
}
