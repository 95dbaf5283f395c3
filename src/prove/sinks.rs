//! Every place that something may have come out of, searched one by one.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Cursor},
    path::{Path, PathBuf},
};

use backends::recorder::{self, PrivateKey};

use crate::{
    bot::Bot,
    canary::Canary,
    columns::Columns,
    encoding::Encoding,
    listen::{self, Press, Track},
    metrics,
    phone::MOST_HEARD,
    report::{Row, SINK},
    search::{Hit, Searcher},
    sound,
    talk::Held,
};

/// Most bytes of a text that is looked at line by line.
const MOST_TEXT: u64 = 256 << 20;

/// A text that was looked at.
#[derive(Default)]
struct Text {
    bytes: usize,
    found: Vec<String>,
    unread: Vec<String>,
}

impl Text {
    fn row(&self, name: &str, how: &str) -> Row {
        Row::judged(name, how, &self.found, &self.unread)
    }

    /// So many messages are not in it, because it was full.
    fn miss(&mut self, messages: u64, place: &str) {
        if messages > 0 {
            self.unread.push(format!("{place}: {messages} messages were more than is kept"));
        }
    }
}

/// What is searched for.
pub(crate) struct Sinks<'a> {
    pub(crate) canaries: &'a [Canary],
    pub(crate) searcher: &'a Searcher<'a>,
}

/// What was found, in words.
pub(crate) fn told(hits: &[Hit], place: &str) -> Vec<String> {
    let told = |hit: &Hit| {
        let times = if hit.count == 1 { String::new() } else { format!(", {} times", hit.count) };
        format!("card {} as {} in {place} at {:#x}{times}", hit.canary, hit.encoding.name(), hit.offset)
    };
    hits.iter().map(told).collect()
}

/// Files that are one sink.
#[derive(Default)]
struct Group {
    files: usize,
    bytes: u64,
    found: Vec<String>,
    unread: Vec<String>,
}

impl Sinks<'_> {
    /// Bytes of any kind.
    fn bytes(&self, bytes: &[u8], place: &str) -> Vec<String> {
        told(&self.searcher.search(bytes), place)
    }

    /// Text: also one digit a line.
    fn text(&self, bytes: &[u8], place: &str) -> Text {
        let mut text = Text { bytes: bytes.len(), found: self.bytes(bytes, place), unread: Vec::new() };
        self.lines(bytes, place, &mut text.found, &mut text.unread);
        text
    }

    /// One digit a line.
    fn lines(&self, bytes: &[u8], place: &str, found: &mut Vec<String>, unread: &mut Vec<String>) {
        let looked = Columns::new(self.canaries).search(bytes);
        found.extend(told(&looked.hits, place));
        if looked.left_out > 0 {
            unread.push(format!("{place}: {} lines of too many kinds", looked.left_out));
        }
    }

    /// Every file below a directory, its name included; one row for each part of the instance.
    pub(crate) fn files(&self, directory: &Path) -> Vec<Row> {
        let mut groups: BTreeMap<&'static str, Group> = BTreeMap::new();
        for path in walk(directory) {
            let inside = path.strip_prefix(directory).unwrap_or(&path);
            let group = groups.entry(part(inside)).or_default();
            let place = inside.display().to_string();
            group.files += 1;
            if let Err(error) = self.file(&path, inside, group) {
                group.unread.push(format!("{place}: {error}"));
            }
        }
        let row = |(name, group): (&'static str, Group)| {
            let how = format!("{} files, {} bytes", group.files, group.bytes);
            Row::judged(name, &how, &group.found, &group.unread)
        };
        groups.into_iter().map(row).collect()
    }

    fn file(&self, path: &Path, inside: &Path, group: &mut Group) -> io::Result<()> {
        let place = inside.display().to_string();
        let length = fs::metadata(path)?.len();
        group.found.extend(self.bytes(inside.as_os_str().as_encoded_bytes(), "a file's name"));
        let mut hits = self.searcher.search_all(File::open(path)?)?;
        if is_sound(inside) {
            // The softest samples are small numbers, every second byte of them zero. Whether they are keys is asked by listening.
            hits.retain(|hit| !matches!(hit.encoding, Encoding::Strided | Encoding::Values));
        }
        group.found.extend(told(&hits, &place));
        let is_text = inside
            .extension()
            .is_some_and(|kind| ["log", "json", "jsonl", "txt", "csv"].iter().any(|text| kind == *text));
        if is_text {
            if length > MOST_TEXT {
                return Err(io::Error::other(format!("{length} bytes are too many to look at line by line")));
            }
            self.lines(&fs::read(path)?, &place, &mut group.found, &mut group.unread);
        }
        group.bytes += length;
        Ok(())
    }

    /// A scrape of `/metrics`: its bytes, and whether any label is a key.
    pub(crate) fn metrics(&self, scrape: &[u8]) -> Row {
        let mut text = self.text(scrape, "the scrape");
        let labels = metrics::keyed(&String::from_utf8_lossy(scrape)).into_iter();
        text.found.extend(labels.map(|metric| format!("{metric} has single keys as values")));
        text.row("metrics", &format!("{} bytes", scrape.len()))
    }

    /// The timelines, and every other answer of the interface.
    pub(crate) fn interface(&self, calls: &[Held], more: &[Vec<u8>]) -> Vec<Row> {
        let timelines: Vec<u8> = calls
            .iter()
            .filter_map(|held| serde_json::to_vec(&held.timeline).ok())
            .flat_map(|line| [line, b"\n".to_vec()].concat())
            .collect();
        let answers: Vec<u8> = calls.iter().map(|held| &held.answers).chain(more).flatten().copied().collect();
        let row = |name: &str, bytes: &[u8]| self.text(bytes, name).row(name, &format!("{} bytes", bytes.len()));
        vec![row("timeline", &timelines), row("interface /v1", &answers)]
    }

    /// What the bots were sent: messages and sound, and what was told to their callbacks.
    pub(crate) fn bots(&self, bot: &Bot, calls: &[Held]) -> Vec<Row> {
        let (streams, (callbacks, unkept)) = (bot.streams(), bot.callbacks());
        if streams.is_empty() {
            return Vec::new();
        }
        let (mut messages, mut heard) = (Text::default(), Listening::default());
        for (call, stream) in &streams {
            let place = format!("the stream of call {call}");
            let text = self.text(&stream.text, &place);
            messages.bytes += text.bytes;
            messages.found.extend(text.found);
            messages.unread.extend(text.unread);
            messages.miss(stream.unkept, &place);
            // What comes before its call is known has no sound.
            if !stream.samples.is_empty() {
                let track = Track { rate: 8_000, samples: stream.samples.clone() };
                heard.judge(&track, &presses(calls, call), &place);
            }
            heard.found.extend(stream.breaches().into_iter().map(|breach| format!("{place}: {breach}")));
        }
        let strange: u64 = streams.values().map(|stream| stream.strange).sum();
        let how = format!("{} streams, {} bytes, {strange} messages that are no JSON", heard.tracks, messages.bytes);
        let mut rows = vec![messages.row("bot: messages", &how), heard.row("bot: sound")];
        if !callbacks.is_empty() {
            let mut told = self.text(&callbacks, "the callbacks");
            told.miss(unkept, "the callbacks");
            rows.push(told.row("bot: callbacks", &format!("{} bytes", callbacks.len())));
        }
        rows
    }

    /// The sound of the recordings, opened with the run's own key where they are sealed; `finished` is how many there must be.
    pub(crate) fn recordings(
        &self,
        directory: &Path,
        key: Option<&PrivateKey>,
        calls: &[Held],
        finished: usize,
    ) -> Vec<Row> {
        let (mut caller, mut sent) = (Listening::default(), Listening::default());
        let files = walk(directory);
        let missing = finished.saturating_sub(files.len());
        if missing > 0 {
            caller.unheard.push(format!("{missing} of {finished} recordings are not there"));
        }
        for path in files {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let call = name.split('.').next().unwrap_or_default().to_owned();
            match tracks(&path, key) {
                Ok(tracks) => {
                    let presses = presses(calls, &call);
                    for (track, listening) in tracks.iter().zip([&mut caller, &mut sent]) {
                        listening.judge(track, &presses, &name);
                    }
                }
                Err(error) => caller.unheard.push(format!("{name}: {error}")),
            }
        }
        sent.unheard.extend(caller.unheard.iter().cloned());
        vec![caller.row("recordings: the caller"), sent.row("recordings: what was sent")]
    }

    /// What was on its way to and from speech children. Whose it was is not known, so it is held against no schedule.
    pub(crate) fn utterances(&self, utterances: &[Track], unkept: usize) -> Row {
        let mut heard = Listening::default();
        if unkept > 0 {
            heard.unheard.push("there were more utterances than are kept".to_owned());
        }
        for (number, track) in utterances.iter().enumerate() {
            heard.judge(track, &[], &format!("utterance {number}"));
        }
        heard.row("speech children: sound")
    }

    /// What the callers were sent.
    pub(crate) fn callers(&self, calls: &[Held]) -> Row {
        let mut heard = Listening::default();
        for held in calls {
            if let (Some(track), Some(call)) = (&held.heard, &held.call) {
                heard.judge(track, &held.presses, &format!("call {call}"));
                if track.samples.len() >= MOST_HEARD {
                    heard.unheard.push(format!("call {call} was longer than is kept"));
                }
            }
        }
        heard.row("sound sent to callers")
    }
}

fn presses(calls: &[Held], call: &str) -> Vec<Press> {
    let held = calls.iter().find(|held| held.call.as_deref() == Some(call));
    held.map(|held| held.presses.clone()).unwrap_or_default()
}

/// Tracks that are one sink.
#[derive(Default)]
struct Listening {
    tracks: usize,
    seconds: f64,
    /// Tracks that are exact silence, and tracks with other sound.
    silent: usize,
    other: usize,
    found: Vec<String>,
    unheard: Vec<String>,
}

impl Listening {
    fn judge(&mut self, track: &Track, presses: &[Press], place: &str) {
        let judgement = listen::listen(track, presses);
        self.tracks += 1;
        self.seconds += judgement.length_ms / 1_000.0;
        self.silent += usize::from(judgement.is_silent);
        self.other += usize::from(!judgement.is_quiet);
        self.found.extend(judgement.leak().map(|leak| format!("{place}: {leak}")));
    }

    fn row(self, name: &str) -> Row {
        let how = format!(
            "{} tracks, {:.0} s; {} exactly silent, {} quiet, {} with other sound, in which what is shorter than 25 ms is judged by \
             when it came",
            self.tracks,
            self.seconds,
            self.silent,
            self.tracks - self.silent - self.other,
            self.other
        );
        if self.tracks == 0 && self.unheard.is_empty() {
            return Row::not_searched(SINK, name, "there was nothing to listen to");
        }
        Row::judged(name, &how, &self.found, &self.unheard)
    }
}

/// The channels of a recording.
fn tracks(path: &Path, key: Option<&PrivateKey>) -> Result<Vec<Track>, Box<dyn std::error::Error>> {
    let full = path.to_string_lossy();
    let mut bytes = fs::read(path)?;
    let name = match (full.strip_suffix(".sealed"), key) {
        (Some(name), Some(key)) => {
            let mut opened = Cursor::new(Vec::new());
            recorder::open(&mut Cursor::new(&bytes), key, &mut opened)?;
            bytes = opened.into_inner();
            name
        }
        (Some(_), None) => return Err("it is sealed, and to another key".into()),
        (None, _) => full.as_ref(),
    };
    let is_wave = bytes.starts_with(b"RIFF") || name.ends_with(".wav");
    Ok(if is_wave { sound::wave(Cursor::new(bytes))? } else { sound::opus(Cursor::new(bytes))? })
}

/// Whether a file holds samples.
fn is_sound(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "wav")
}

/// Which part of an instance a file belongs to.
fn part(inside: &Path) -> &'static str {
    let first =
        inside.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
    match first.as_str() {
        "gateway.log" => "log at TRACE",
        "recordings" => "recordings: files",
        "prompts" => "prompts",
        "tmp" => "temporary files",
        "processor" => "sandbox processor: files",
        name if name.starts_with("store.db") => "store",
        name if name.starts_with("book.db") => "account book",
        name if name.contains("audit") || name.contains("checkpoint") => "audit files",
        _ => "other files",
    }
}

/// Every file below a directory. What is not there is empty.
fn walk(directory: &Path) -> Vec<PathBuf> {
    let (mut files, mut directories) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => directories.push(path),
                Ok(kind) if kind.is_file() => files.push(path),
                Ok(_) | Err(_) => {}
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{
        canary::{Field, draw},
        encoding::Depth,
        report::Verdict,
    };

    #[test]
    fn a_file_that_holds_a_card_is_named_and_the_others_pass() {
        let canaries = draw(2, &mut StdRng::seed_from_u64(51), 2026);
        let searcher = Searcher::new(&canaries, Depth::Written, 0xd1).unwrap();
        let sinks = Sinks { canaries: &canaries, searcher: &searcher };
        let directory = tempfile::tempdir().unwrap();
        let number: Vec<u8> = canaries[1].keys(Field::Number).collect();
        fs::write(directory.path().join("store.db-wal"), [&[0xee; 5_000][..], &number, &[0xee; 9]].concat()).unwrap();
        fs::write(directory.path().join("gateway.log"), "nothing\n").unwrap();
        fs::create_dir(directory.path().join("tmp")).unwrap();
        fs::write(directory.path().join("tmp/x"), "").unwrap();
        let rows = sinks.files(directory.path());
        let verdict = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.verdict);
        assert_eq!(verdict("store"), Some(Verdict::Fail));
        assert_eq!((verdict("log at TRACE"), verdict("temporary files")), (Some(Verdict::Pass), Some(Verdict::Pass)));
        let text = format!("{rows:?}");
        assert!(text.contains("card 1 as text in store.db-wal"), "{text}");
        assert!(!text.contains(std::str::from_utf8(&number[6..12]).unwrap()), "a row shows what was found");
    }

    #[test]
    fn the_softest_samples_of_a_sound_are_no_digits() {
        let canaries = draw(1, &mut StdRng::seed_from_u64(53), 2026);
        let searcher = Searcher::new(&canaries, Depth::Written, 0xd1).unwrap();
        let sinks = Sinks { canaries: &canaries, searcher: &searcher };
        let directory = tempfile::tempdir().unwrap();
        let samples: Vec<u8> = canaries[0].keys(Field::Number).flat_map(|key| [key - b'0', 0]).collect();
        fs::create_dir(directory.path().join("prompts")).unwrap();
        fs::write(directory.path().join("prompts/a.wav"), &samples).unwrap();
        fs::write(directory.path().join("a.bin"), &samples).unwrap();
        let rows = sinks.files(directory.path());
        let verdict = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.verdict);
        assert_eq!((verdict("prompts"), verdict("other files")), (Some(Verdict::Pass), Some(Verdict::Fail)));
    }

    #[test]
    fn what_nobody_could_listen_to_is_no_pass() {
        let canaries = draw(1, &mut StdRng::seed_from_u64(54), 2026);
        let searcher = Searcher::new(&canaries, Depth::Written, 0xd1).unwrap();
        let sinks = Sinks { canaries: &canaries, searcher: &searcher };
        let directory = tempfile::tempdir().unwrap();
        let verdicts = |finished| -> Vec<Verdict> {
            let rows = sinks.recordings(directory.path(), None, &[], finished);
            rows.iter().map(|row| row.verdict).collect()
        };
        assert_eq!(verdicts(0), [Verdict::NotSearched; 2], "none was recorded");
        let format = hound::WavSpec {
            channels: 2,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = hound::WavWriter::create(directory.path().join("a.wav"), format).unwrap();
        (0..16_000).for_each(|_| file.write_sample(0_i16).unwrap());
        file.finalize().unwrap();
        assert_eq!(verdicts(1), [Verdict::Pass; 2]);
        assert_eq!(verdicts(2), [Verdict::NotSearched; 2], "one is missing");
        fs::write(directory.path().join("b.wav"), "no sound").unwrap();
        assert_eq!(verdicts(2), [Verdict::NotSearched; 2], "one cannot be read");
        assert_eq!(sinks.utterances(&[], 0).verdict, Verdict::NotSearched);
        assert_eq!(sinks.callers(&[]).verdict, Verdict::NotSearched);
    }

    #[test]
    fn keys_one_a_line_in_a_log_are_found() {
        let canaries = draw(1, &mut StdRng::seed_from_u64(52), 2026);
        let searcher = Searcher::new(&canaries, Depth::Written, 0xd1).unwrap();
        let sinks = Sinks { canaries: &canaries, searcher: &searcher };
        let directory = tempfile::tempdir().unwrap();
        let lines: String = canaries[0].keys(Field::Number).map(|key| format!("key={}\n", char::from(key))).collect();
        fs::write(directory.path().join("gateway.log"), lines).unwrap();
        let rows = sinks.files(directory.path());
        assert!(rows[0].verdict == Verdict::Fail && rows[0].detail.contains("one digit a line"), "{rows:?}");
    }
}
