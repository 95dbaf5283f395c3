//! A debtor: a scripted person who calls, understands prompts by their sound, answers by voice or keys, and checks that
//! every step of the call really happened.

mod person;
mod report;
mod script;
mod voice;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::time::{Instant, sleep_until, timeout_at};

pub use self::{
    person::{Person, PersonError},
    report::Report,
    script::{Missing, Reply, Script},
    voice::{DebtorVoice, VoiceError, mumbled},
};
use crate::{
    matcher::{LibraryError, PromptMatcher},
    softphone::{CallRequest, Keying, PhoneError, PhoneEvent, Softphone},
};

/// The longest a call may take.
const LONGEST_CALL: Duration = Duration::from_secs(240);
/// From the goodbye to the far side's hanging up.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(10);
/// From one prompt to the next.
const PROMPT_PATIENCE: Duration = Duration::from_secs(30);
/// From this on a sample of speech is heard.
const SOUND: u16 = 1_000;
/// The user part of the called address.
const CALLED: &str = "collections";

/// Who calls whom.
#[derive(Clone, Debug)]
pub struct DebtorConfig {
    /// The gateway.
    pub server: SocketAddr,
    /// Chooses the person, the voice, the wording and the pauses.
    pub seed: u64,
    /// The directory of the gateway's prompts.
    pub prompts: PathBuf,
    /// The accounts, as the gateway imports them.
    pub accounts: PathBuf,
    /// The number to call from, where it is not the account's.
    pub from: Option<String>,
    /// The account's reference, where the seed is not to choose it.
    pub reference: Option<String>,
    /// How keys are sent.
    pub keying: Keying,
    /// The card number to key, where it is not one of the published test numbers.
    pub card: Option<String>,
}

/// Why a call was not what it had to be.
#[derive(Debug, thiserror::Error)]
pub enum DebtorError {
    /// Nobody can call.
    #[error(transparent)]
    Person(#[from] PersonError),
    /// The person cannot speak.
    #[error(transparent)]
    Voice(#[from] VoiceError),
    /// There is no call.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// The prompts cannot be read.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// A prompt was heard that must not come.
    #[error("heard {0}, and that is the end of it")]
    Rejected(String),
    /// Nothing came for too long.
    #[error("waited for a prompt, and heard none")]
    Silence,
    /// It took too long.
    #[error("the call took longer than {} seconds", LONGEST_CALL.as_secs())]
    Endless,
    /// A step is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
}

/// Calls, and reports what happens line by line.
///
/// # Errors
/// Where any step is missing, which is reported too.
pub async fn call(config: &DebtorConfig, write: impl FnMut(&str)) -> Result<(), DebtorError> {
    let mut report = Report::new(write);
    let result = whole_call(config, &mut report).await;
    match &result {
        Ok(()) => report.done(),
        Err(error) => report.failed(error),
    }
    result
}

async fn whole_call<Write: FnMut(&str)>(config: &DebtorConfig, report: &mut Report<Write>) -> Result<(), DebtorError> {
    let person = Person::choose(config)?;
    let voice = DebtorVoice::of_seed(config.seed);
    let request = CallRequest {
        keying: config.keying,
        ..CallRequest::new(config.server, config.from.as_deref().unwrap_or(&person.phone), CALLED)
    };
    report.calling(&person, &voice);
    let phone = Softphone::call(&request).await?;
    report.answered();
    let call = Call {
        phone,
        matcher: PromptMatcher::new(&config.prompts)?,
        script: Script::new(person, config.seed),
        voice,
        random: StdRng::seed_from_u64(config.seed),
        began: Instant::now(),
        is_over: false,
    };
    call.hold(report).await
}

/// A call in progress.
struct Call {
    phone: Softphone,
    matcher: PromptMatcher,
    script: Script,
    voice: DebtorVoice,
    random: StdRng,
    began: Instant,
    is_over: bool,
}

impl Call {
    /// Hears and answers until the far side hangs up.
    async fn hold<Write: FnMut(&str)>(mut self, report: &mut Report<Write>) -> Result<(), DebtorError> {
        let mut patience = Instant::now() + PROMPT_PATIENCE;
        while !self.is_over {
            match timeout_at(patience, self.phone.next()).await {
                Ok(event) => self.take(event)?,
                Err(_) => return Err(self.give_up(DebtorError::Silence).await),
            }
            while let Some(reply) = self.next_reply(&mut patience, report) {
                if let Err(error) = self.answer(reply, report).await {
                    return Err(self.give_up(error).await);
                }
            }
            if self.began.elapsed() > LONGEST_CALL {
                return Err(self.give_up(DebtorError::Endless).await);
            }
        }
        report.hung_up();
        Ok(self.script.check()?)
    }

    fn take(&mut self, event: Option<PhoneEvent>) -> Result<(), DebtorError> {
        match event {
            Some(PhoneEvent::Audio { index, samples }) => self.matcher.handle_audio(index, &samples)?,
            Some(PhoneEvent::Silence { until }) => self.matcher.handle_silence(until)?,
            Some(PhoneEvent::Idle | PhoneEvent::Referred { .. }) => {}
            Some(PhoneEvent::HungUp) | None => self.is_over = true,
        }
        Ok(())
    }

    /// What to do about the next prompt that was recognised, or heard to its end.
    fn next_reply<Write: FnMut(&str)>(
        &mut self,
        patience: &mut Instant,
        report: &mut Report<Write>,
    ) -> Option<(String, Reply)> {
        if let Some(heard) = self.matcher.poll_heard() {
            report.heard(&heard);
            *patience = Instant::now() + if self.script.is_over() { GOODBYE_PATIENCE } else { PROMPT_PATIENCE };
            let reply = self.script.hear(&heard);
            return Some((heard.name, reply));
        }
        let begun = self.matcher.poll_begun()?;
        let reply = self.script.recognise(&begun);
        Some((begun.name, reply))
    }

    async fn answer<Write: FnMut(&str)>(
        &mut self,
        (prompt, reply): (String, Reply),
        report: &mut Report<Write>,
    ) -> Result<(), DebtorError> {
        let (text, samples) = match &reply {
            Reply::Nothing => return Ok(()),
            Reply::Reject => return Err(DebtorError::Rejected(prompt)),
            Reply::Press { keys, purpose } => {
                self.hesitate().await?;
                report.keyed(purpose, keys.len());
                self.phone.press(keys).await;
                return Ok(());
            }
            Reply::Say(text) => (text.clone(), self.voice.say(text).await?),
            Reply::Mumble(text) => (format!("({text}, mumbled)"), mumbled(&self.voice.say(text).await?)),
        };
        self.hesitate().await?;
        report.said(&text, onset(&samples));
        self.phone.say(samples).await;
        Ok(())
    }

    /// Thinks before answering; what is heard meanwhile is not lost.
    async fn hesitate(&mut self) -> Result<(), DebtorError> {
        let until = Instant::now() + Duration::from_millis(self.random.random_range(100..400));
        while !self.is_over {
            tokio::select! {
                () = sleep_until(until) => return Ok(()),
                event = self.phone.next() => self.take(event)?,
            }
        }
        Ok(())
    }

    async fn give_up(self, error: DebtorError) -> DebtorError {
        // The first error is the one to tell.
        self.phone.hang_up().await.ok();
        error
    }
}

/// How long samples at 8 kHz are silent before their first sound.
#[must_use]
pub fn onset(samples: &[i16]) -> Duration {
    let silent = samples.iter().take_while(|sample| sample.unsigned_abs() < SOUND).count();
    Duration::from_millis(silent as u64 / 8)
}
