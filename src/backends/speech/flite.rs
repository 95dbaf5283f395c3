//! The synthesisers of Debian's packages, one process a text. The text goes in by standard input, where no process list
//! shows it.

use std::{path::PathBuf, process::Stdio};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

use super::{
    engine::{BoxFuture, EngineFailure, Sound, Voice},
    memory::MemoryFile,
    program, wave,
};

/// Most bytes of sound that are read: two minutes at 22 kHz.
const LONGEST_SOUND: u64 = 6_000_000;

/// The `flite` program and one of its voices.
#[derive(Clone, Debug)]
pub struct Flite {
    program: PathBuf,
    voice: String,
}

/// Every sound's length, against the voice's own: people on a telephone find its own pace slow.
const PACE: f32 = 0.82;

impl Flite {
    /// A voice by its name in `flite -lv`: kal, kal16, awb, rms or slt. `None` where the program is not installed.
    #[must_use]
    pub fn new(voice: &str) -> Option<Self> {
        let program = program::find("flite");
        program.exists().then(|| Self { program, voice: voice.to_owned() })
    }

    async fn render(&self, text: &str) -> Result<Sound, EngineFailure> {
        // It seeks in its output, so the output is no pipe.
        let mut output = MemoryFile::new().map_err(|_| EngineFailure::Start)?;
        let handed = output.stdio().map_err(|_| EngineFailure::Start)?;
        let mut command = Command::new(&self.program);
        command.args([
            "-voice",
            &self.voice,
            "--setf",
            &format!("duration_stretch={PACE}"),
            "-f",
            "/dev/stdin",
            "-o",
            "/proc/self/fd/1",
        ]);
        command.env_clear().stdin(Stdio::piped()).stdout(handed).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|_| EngineFailure::Start)?;
        write_text(&mut child, text).await?;
        finish(&mut child).await?;
        let bytes = output.read_all().map_err(|_| EngineFailure::Protocol)?;
        wave::read(&bytes).ok_or(EngineFailure::Protocol)
    }
}

impl Voice for Flite {
    fn identity(&self) -> String {
        format!("flite {} {PACE}", self.voice)
    }

    fn say(&self, text: &str) -> BoxFuture<'_, Result<Sound, EngineFailure>> {
        let text = text.to_owned();
        Box::pin(async move { self.render(&text).await })
    }
}

/// The `espeak-ng` program and one of its voices.
#[derive(Clone, Debug)]
pub struct EspeakNg {
    program: PathBuf,
    voice: String,
    words_per_minute: u16,
}

impl EspeakNg {
    /// A voice by its name, such as `en-us` or `en-us+klatt4`. `None` where the program is not installed.
    #[must_use]
    pub fn new(voice: &str, words_per_minute: u16) -> Option<Self> {
        let program = program::find("espeak-ng");
        program.exists().then(|| Self { program, voice: voice.to_owned(), words_per_minute })
    }

    async fn render(&self, text: &str) -> Result<Sound, EngineFailure> {
        let mut command = Command::new(&self.program);
        command.args(["-v", &self.voice, "-s", &self.words_per_minute.to_string(), "--stdin", "--stdout"]);
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|_| EngineFailure::Start)?;
        let output = child.stdout.take().ok_or(EngineFailure::Start)?;
        write_text(&mut child, text).await?;
        let mut bytes = Vec::new();
        output.take(LONGEST_SOUND).read_to_end(&mut bytes).await.map_err(|_| EngineFailure::Protocol)?;
        finish(&mut child).await?;
        wave::read(&bytes).ok_or(EngineFailure::Protocol)
    }
}

impl Voice for EspeakNg {
    fn identity(&self) -> String {
        format!("espeak-ng {} {}", self.voice, self.words_per_minute)
    }

    fn say(&self, text: &str) -> BoxFuture<'_, Result<Sound, EngineFailure>> {
        let text = text.to_owned();
        Box::pin(async move { self.render(&text).await })
    }
}

async fn write_text(child: &mut Child, text: &str) -> Result<(), EngineFailure> {
    let mut input = child.stdin.take().ok_or(EngineFailure::Start)?;
    input.write_all(text.as_bytes()).await.map_err(|_| EngineFailure::Exit)?;
    input.write_all(b"\n").await.map_err(|_| EngineFailure::Exit)
}

async fn finish(child: &mut Child) -> Result<(), EngineFailure> {
    match child.wait().await {
        Ok(status) if status.success() => Ok(()),
        Ok(_) | Err(_) => Err(EngineFailure::Exit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_same_text_sounds_the_same_bit_for_bit() {
        let voice = Flite::new("slt").expect("flite is installed");
        let text = "This call is recorded. You owe four hundred twelve dollars.";
        let (one, two) = (voice.say(text).await.unwrap(), voice.say(text).await.unwrap());
        assert_eq!(one.hertz, 16_000);
        assert!(one.samples.len() > 32_000, "two sentences take more than two seconds");
        assert!(one.samples == two.samples);
    }

    #[tokio::test]
    async fn the_other_synthesiser_speaks_too() {
        let voice = EspeakNg::new("en-us", 150).expect("espeak-ng is installed");
        let sound = voice.say("Hello there.").await.unwrap();
        assert_eq!(sound.hertz, 22_050);
        assert!(sound.samples.iter().any(|sample| sample.unsigned_abs() > 1_000));
    }

    #[tokio::test]
    async fn a_program_that_fails_or_is_gone_is_a_failure() {
        let gone = Flite { program: "/nonexistent".into(), voice: "slt".into() };
        assert_eq!(gone.say("hello").await.err(), Some(EngineFailure::Start));
        let fails = Flite { program: "/bin/false".into(), voice: "slt".into() };
        assert_eq!(fails.say("hello").await.err(), Some(EngineFailure::Exit));
        let mute = Flite { program: "/bin/true".into(), voice: "slt".into() };
        assert!(mute.say("hello").await.is_err());
    }
}
