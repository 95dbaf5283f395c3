use std::{
    os::unix::fs::PermissionsExt,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::*;
use crate::speech::{BoxFuture, Flite, Sound};

/// Says a tone whose pitch is the text's length; counts how often.
#[derive(Default)]
struct TestVoice {
    said: AtomicUsize,
    fails: AtomicBool,
    name: &'static str,
}

impl Voice for TestVoice {
    fn identity(&self) -> String {
        format!("test {}", self.name)
    }

    fn say(&self, text: &str) -> BoxFuture<'_, Result<Sound, EngineFailure>> {
        let pitch = 300.0 + text.len() as f64 * 10.0;
        Box::pin(async move {
            self.said.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if self.fails.load(Ordering::SeqCst) {
                return Err(EngineFailure::Exit);
            }
            let wave = |n: i32| ((f64::from(n) * std::f64::consts::TAU * pitch / 8_000.0).sin() * 8_000.0) as i16;
            Ok(Sound { hertz: 8_000, samples: (0..8_000).map(wave).collect() })
        })
    }
}

fn store(directory: &Path, voice: &Arc<TestVoice>) -> PromptStore {
    let bounds = PromptBounds { most_of_calls: 2, ..PromptBounds::default() };
    PromptStore::open(directory.to_owned(), Arc::clone(voice) as Arc<dyn Voice>, bounds, fixed()).unwrap()
}

fn list(directory: &Path) -> Vec<ManifestEntry> {
    let text = fs::read_to_string(directory.join(manifest::FILE)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn fixed() -> Vec<(&'static str, String)> {
    vec![("goodbye", "Goodbye.".to_owned()), ("ai_notice", "I am an assistant.".to_owned())]
}

#[tokio::test]
async fn a_fixed_line_is_rendered_once_and_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let voice = Arc::new(TestVoice::default());
    let first = {
        let store = store(directory.path(), &voice);
        store.warm(&fixed()).await.unwrap();
        store.prompt("goodbye", "Goodbye.").await.unwrap()
    };
    let again = store(directory.path(), &voice);
    again.warm(&fixed()).await.unwrap();
    let second = again.prompt("goodbye", "Goodbye.").await.unwrap();
    assert_eq!(voice.said.load(Ordering::SeqCst), 2);
    assert_eq!((&first.pcm_hash, &first.samples), (&second.pcm_hash, &second.samples));
    assert_eq!(first.text_hash, sha256(b"Goodbye."));
    let entries = list(directory.path());
    assert_eq!(entries.len(), 2, "listed once");
    let entry = entries.iter().find(|entry| entry.name == "goodbye").unwrap();
    assert_eq!((entry.text.as_deref(), entry.samples), (Some("Goodbye."), first.samples.len()));
    assert_eq!(load(&directory.path().join(&entry.file)).unwrap(), *first.samples);
}

#[tokio::test]
async fn a_fixed_line_that_a_call_asks_for_first_is_kept_for_good_too() {
    let directory = tempfile::tempdir().unwrap();
    let voice = Arc::new(TestVoice::default());
    {
        let store = store(directory.path(), &voice);
        store.prompt("goodbye", "Goodbye.").await.unwrap();
        assert_eq!(store.warm_rest().await, 0);
    }
    assert!(list(directory.path()).iter().all(|entry| entry.kind == PromptKind::Fixed));
    assert_eq!(store(directory.path(), &voice).warm_rest().await, 0);
    assert_eq!(voice.said.load(Ordering::SeqCst), fixed().len());
}

#[tokio::test]
async fn what_cannot_be_rendered_ahead_is_counted_and_left_to_the_calls() {
    let directory = tempfile::tempdir().unwrap();
    let voice = Arc::new(TestVoice { fails: true.into(), ..TestVoice::default() });
    assert_eq!(store(directory.path(), &voice).warm_rest().await, fixed().len());
}

#[tokio::test]
async fn two_that_ask_at_once_wait_for_one_rendering() {
    let directory = tempfile::tempdir().unwrap();
    let voice = Arc::new(TestVoice::default());
    let store = store(directory.path(), &voice);
    let (one, two) = tokio::join!(store.prompt("balance", "You owe."), store.prompt("balance", "You owe."));
    assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
    assert_eq!(voice.said.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn lines_of_calls_are_private_bounded_and_gone_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let voice = Arc::new(TestVoice::default());
    let calls = directory.path().join(CALLS);
    let kept = store(directory.path(), &voice);
    kept.warm(&fixed()).await.unwrap();
    for text in ["You owe one.", "You owe twelve.", "You owe thirteen."] {
        kept.prompt("balance", text).await.unwrap();
    }
    assert_eq!(fs::read_dir(&calls).unwrap().count(), 2);
    for file in fs::read_dir(&calls).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let entries = list(directory.path());
    assert!(entries.iter().filter(|entry| entry.kind == PromptKind::Call).all(|entry| entry.text.is_none()));
    drop(kept);
    let _next = store(directory.path(), &voice);
    assert_eq!(fs::read_dir(&calls).unwrap().count(), 0);
    assert!(list(directory.path()).iter().all(|entry| entry.kind == PromptKind::Fixed));
}

#[tokio::test]
async fn a_voice_that_fails_is_left_alone_for_a_while() {
    let directory = tempfile::tempdir().unwrap();
    let voice = Arc::new(TestVoice { fails: true.into(), ..TestVoice::default() });
    let store = store(directory.path(), &voice);
    for _ in 0..3 {
        assert!(matches!(store.prompt("balance", "You owe.").await, Err(PromptError::Engine)));
    }
    assert_eq!(voice.said.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn where_the_voice_fails_another_one_says_the_line_and_it_is_not_taken_for_the_first_ones() {
    let directory = tempfile::tempdir().unwrap();
    let voice = Arc::new(TestVoice::default());
    let other = Arc::new(TestVoice { name: "other", ..TestVoice::default() });
    let bounds = PromptBounds { deadline: Duration::from_millis(300), ..PromptBounds::default() };
    let store =
        PromptStore::open(directory.path().to_owned(), Arc::clone(&voice) as Arc<dyn Voice>, bounds, fixed()).unwrap();
    let store = store.with_fallback(Arc::clone(&other) as Arc<dyn Voice>);
    store.warm(&fixed()).await.unwrap();
    voice.fails.store(true, Ordering::SeqCst);
    let by_other = store.prompt("balance", "You owe.").await.unwrap();
    assert_eq!(other.said.load(Ordering::SeqCst), 1);
    let goodbye = store.prompt("goodbye", "Goodbye.").await.unwrap();
    voice.fails.store(false, Ordering::SeqCst);
    // Until the first voice is tried again.
    let by_voice = loop {
        let prompt = store.prompt("balance", "You owe.").await.unwrap();
        if voice.said.load(Ordering::SeqCst) == 4 {
            break prompt;
        }
    };
    assert_eq!(other.said.load(Ordering::SeqCst), 1, "its rendering is kept");
    assert_eq!(by_other.text_hash, by_voice.text_hash);
    let files: Vec<String> = list(directory.path()).into_iter().map(|entry| entry.file).collect();
    assert_eq!(
        files.iter().collect::<std::collections::BTreeSet<_>>().len(),
        4,
        "two fixed lines, one line twice: {files:?}"
    );
    assert_eq!(goodbye.samples, store.prompt("goodbye", "Goodbye.").await.unwrap().samples);
}

#[tokio::test]
async fn a_fixed_line_is_said_by_no_other_voice() {
    let directory = tempfile::tempdir().unwrap();
    let voice = Arc::new(TestVoice { fails: true.into(), ..TestVoice::default() });
    let other = Arc::new(TestVoice { name: "other", ..TestVoice::default() });
    let store = store(directory.path(), &voice).with_fallback(Arc::clone(&other) as Arc<dyn Voice>);
    assert!(matches!(store.warm(&fixed()).await, Err(PromptError::Engine)));
    assert!(matches!(store.prompt("goodbye", "Goodbye.").await, Err(PromptError::Engine)), "not in a call either");
    assert_eq!(other.said.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_damaged_file_is_rendered_anew() {
    let directory = tempfile::tempdir().unwrap();
    let voice = Arc::new(TestVoice::default());
    store(directory.path(), &voice).warm(&fixed()).await.unwrap();
    let file = directory.path().join(&list(directory.path())[0].file);
    fs::write(&file, b"RIFF").unwrap();
    store(directory.path(), &voice).warm(&fixed()).await.unwrap();
    assert!(load(&file).is_some());
    assert_eq!(voice.said.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_real_voice_speaks_within_the_band_of_a_telephone() {
    let directory = tempfile::tempdir().unwrap();
    let voice = Arc::new(Flite::new("slt").expect("flite is installed"));
    let store = PromptStore::open(directory.path().to_owned(), voice, PromptBounds::default(), Vec::new()).unwrap();
    let prompt = store.prompt("recording_notice", "This call is recorded.").await.unwrap();
    assert!((8_000..24_000).contains(&prompt.samples.len()), "{}", prompt.samples.len());
    assert!(prompt.samples.len().is_multiple_of(160));
    assert!(prompt.samples.iter().any(|sample| sample.unsigned_abs() > 8_000));
}

#[tokio::test]
async fn a_listener_tells_by_their_sound_which_lines_are_played() {
    let directory = tempfile::tempdir().unwrap();
    let voice = Arc::new(Flite::new("slt").expect("flite is installed"));
    let bounds = PromptBounds { deadline: Duration::from_secs(20), ..PromptBounds::default() };
    let store = PromptStore::open(directory.path().to_owned(), voice, bounds, Vec::new()).unwrap();
    // Their first sentences are the same.
    let lines = [
        ("acknowledge_plain", "Thank you."),
        ("plan_saved", "Your plan is saved."),
        ("ask_postal_code_again", "Sorry, I did not get that. Please say the five digits of your zip code one by one."),
        ("ask_is_that_right", "Is that right?"),
        ("ask_date_of_birth_again", "Sorry, I did not get that. Please say the month, the day and the year."),
    ];
    let mut matcher = testkit::matcher::PromptMatcher::new(directory.path()).unwrap();
    let mut index = 0;
    for (name, text) in lines {
        let prompt = store.prompt(name, text).await.unwrap();
        for packet in prompt.samples.chunks(160) {
            let heard = packet.iter().map(|sample| audio::g711::decode_ulaw(audio::g711::encode_ulaw(*sample)));
            matcher.handle_audio(index, &heard.collect::<Vec<_>>()).unwrap();
            index += 160;
        }
    }
    matcher.handle_silence(index + 16_000).unwrap();
    let heard: Vec<(String, f64)> =
        std::iter::from_fn(|| matcher.poll_heard()).map(|heard| (heard.name, heard.complete)).collect();
    assert_eq!(heard.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), lines.map(|(name, _)| name));
    assert!(heard.iter().all(|(_, complete)| *complete > 0.98), "{heard:?}");
}
