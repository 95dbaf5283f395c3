//! What a bot asks the gateway for: by `/v1`, by Twilio's routes, and while it does not read what it is sent.

use std::{net::SocketAddr, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{CAPTURE, NOT_PROVEN, OPENING, PAUSE, Talk, TalkError, split};
use crate::{
    canary::Field,
    http::{self, Reply},
    phone::Sound,
};

/// What is asked for, in cents and as Twilio's form has it.
const AMOUNT: i64 = 5_000;
const CHARGE: &str = "50.00";
/// The fields of a payment by Twilio's routes that may be its last: who asks for one asks for all before it.
const LAST_FIELDS: [&str; 2] = ["postal-code", "security-code"];
/// How often a stream that is not read is looked at, and how long no more of it may have come: then nothing more can, and what
/// is sent waits in the gateway, which gives such a bot up after two seconds.
const GLANCE: Duration = Duration::from_millis(40);
const STILL: Duration = Duration::from_millis(320);
/// From the end of reading until nothing more can come.
const FULL: Duration = Duration::from_secs(30);
/// How often a payment is asked for while the bot does not read.
const TRIES: usize = 3;

/// A call's interface, as its bot reaches it.
pub(super) struct Access {
    server: SocketAddr,
    path: String,
    token: String,
    call_sid: String,
}

/// A payment by Twilio's routes.
pub(super) struct Payment {
    server: SocketAddr,
    token: String,
    path: String,
    callback: String,
}

impl Talk<'_> {
    /// Verifies the caller, and hears the disclosure out.
    pub(super) async fn verify(&mut self) -> Result<Access, TalkError> {
        let deadline = Instant::now() + OPENING;
        let access = loop {
            if let Some(interface) = self.scene.bot.interface(&self.call) {
                let reached = split(&interface.base);
                let (server, path) = reached.ok_or_else(|| TalkError::Refused("the bot got no address".to_owned()))?;
                let (token, call_sid) = (interface.token.clone(), interface.call_sid.clone());
                break Access { server, path: path.to_owned(), token, call_sid };
            }
            self.look(deadline, "the bot's stream").await?;
        };
        let factors = [("name", "yes"), ("date_of_birth", self.account.born), ("postal_code", self.account.postal)];
        for (factor, value) in factors {
            let body = json!({"factor": factor, "value": value});
            let verified = self.ask(&access, "POST", "verify", Some(&body)).await?;
            if verified.json()["result"] != "match" {
                return Err(TalkError::Refused(format!("{factor} was not verified: {}", verified.status)));
            }
        }
        while self.ask(&access, "GET", "facts", None).await?.status != 200 {
            self.look(deadline, "the disclosure").await?;
        }
        Ok(access)
    }

    /// Asks for a payment by `/v1`.
    pub(super) async fn ask_for_card(&mut self, access: &Access) -> Result<(), TalkError> {
        let body = json!({ "amount_minor": AMOUNT });
        let asked = self.ask(access, "POST", "captures", Some(&body)).await?;
        match asked.status {
            201 => Ok(()),
            status @ 503 => Err(TalkError::NotNow(status.to_string())),
            status => Err(TalkError::Refused(format!("no capture was begun: {status}"))),
        }
    }

    /// Begins a payment by Twilio's routes, and asks for all of its fields.
    pub(super) async fn open_payment(&mut self, access: &Access) -> Result<(), TalkError> {
        let root = format!("/2010-04-01/Accounts/AC{:032}/Calls/{}/Payments", 0, access.call_sid);
        let callback = format!("http://{}/told", self.scene.bot.address());
        let (server, token) = (access.server, access.token.clone());
        let mut payment = Payment { server, token, path: format!("{root}.json"), callback };
        let opened = self.post(&payment, "open", &format!("ChargeAmount={CHARGE}")).await?;
        let Some(sid) = opened.json()["sid"].as_str().filter(|_| opened.status == 201).map(str::to_owned) else {
            let why = format!("no payment was begun: {}", opened.status);
            return Err(if opened.status == 503 { TalkError::NotNow(why) } else { TalkError::Refused(why) });
        };
        payment.path = format!("{root}/{sid}.json");
        for field in LAST_FIELDS {
            // Where no postal code is taken there is none to ask for.
            if self.post(&payment, field, &format!("Capture={field}")).await?.status == 202 {
                self.payment = Some(payment);
                return Ok(());
            }
        }
        Err(TalkError::Refused("no field could be asked for".to_owned()))
    }

    /// Everything is keyed: a payment by Twilio's routes waits to be told that it is complete.
    pub(super) async fn complete_payment(&mut self) -> Result<(), TalkError> {
        let Some(payment) = self.payment.take() else { return Ok(()) };
        let completed = self.post(&payment, "complete", "Status=complete").await?;
        if completed.status != 202 {
            return Err(TalkError::Refused(format!("the payment was not completed: {}", completed.status)));
        }
        Ok(())
    }

    /// Asks for a payment while the bot does not read, until that was refused as it must be.
    pub(super) async fn ask_unread(&mut self, access: &Access) -> Result<(), TalkError> {
        for _ in 0..TRIES {
            if self.is_refused_unread(access).await? {
                return Ok(());
            }
        }
        Err(TalkError::Late("a stream that takes no more"))
    }

    /// Asks for a payment while the bot does not read, and the caller speaks and then keys. What they said waits in the gateway,
    /// so that the stream cannot be proven mute, and no capture may begin. Where one does all the same, the rest of the stream
    /// shows what was not flushed; where that is nothing, nothing was waiting, and it has to be tried again.
    async fn is_refused_unread(&mut self, access: &Access) -> Result<bool, TalkError> {
        self.phone.sound(Sound::Voice).await;
        self.scene.bot.stop_reading(&self.call);
        self.until_full().await?;
        self.seen = self.timeline().await?.len();
        // Right up to the arming, and beyond it.
        self.phone.begin_to_press(self.canary.keys(Field::Number).chain(*b"#")).await?;
        self.ask_for_card(access).await?;
        let has_begun = self.until_decided().await?;
        self.phone.sound(Sound::Silence).await;
        self.scene.bot.read_on(&self.call, has_begun)?;
        if has_begun {
            sleep(PAUSE).await;
            if self.scene.bot.has_breach(&self.call) {
                return Err(TalkError::Refused("a capture began whose sound was not flushed".to_owned()));
            }
            self.ask(access, "DELETE", "captures", None).await?;
        }
        let deadline = Instant::now() + CAPTURE;
        while !self.fresh().await?.iter().any(|entry| entry["kind"] == "capture.released") {
            self.look(deadline, "the end of a capture that could not be").await?;
        }
        sleep(2 * PAUSE).await;
        self.seen = self.timeline().await?.len();
        Ok(!has_begun)
    }

    /// Waits until nothing more of the stream leaves the gateway.
    async fn until_full(&self) -> Result<(), TalkError> {
        let deadline = Instant::now() + FULL;
        let (mut most, mut since) = (0, Instant::now());
        while most == 0 || since.elapsed() < STILL {
            let unread = self.scene.bot.unread(&self.call)?;
            if unread > most {
                (most, since) = (unread, Instant::now());
            }
            self.pause(deadline, "a stream that takes no more", GLANCE).await?;
        }
        Ok(())
    }

    /// Waits until the capture has begun, or cannot. Whether it has.
    async fn until_decided(&mut self) -> Result<bool, TalkError> {
        let deadline = Instant::now() + CAPTURE;
        loop {
            for entry in self.fresh().await? {
                match (entry["kind"].as_str(), entry["detail"].as_str()) {
                    (Some("capture.armed"), _) => return Ok(true),
                    (Some("capture.settled"), Some(NOT_PROVEN)) => return Ok(false),
                    (Some("capture.settled"), why) => {
                        return Err(TalkError::Refused(format!("the capture failed: {}", why.unwrap_or_default())));
                    }
                    _ => {}
                }
            }
            self.pause(deadline, "the end of an arming", GLANCE).await?;
        }
    }

    /// Entries of the timeline that were not reacted to.
    async fn fresh(&mut self) -> Result<Vec<Value>, TalkError> {
        let mut timeline = self.timeline().await?;
        Ok(timeline.split_off(self.seen.min(timeline.len())))
    }

    /// Asks the call's interface, and keeps the answer to be searched.
    async fn ask(
        &mut self,
        access: &Access,
        method: &str,
        what: &str,
        body: Option<&Value>,
    ) -> Result<Reply, TalkError> {
        let path = format!("{}/{what}", access.path);
        let reply = http::ask(access.server, method, &path, Some(&access.token), body).await?;
        self.answers.extend(&reply.bytes);
        Ok(reply)
    }

    /// Posts a form to Twilio's routes, likewise. `step` names it: each comes once.
    async fn post(&mut self, payment: &Payment, step: &str, form: &str) -> Result<Reply, TalkError> {
        let form = format!("IdempotencyKey={step}&StatusCallback={}&{form}", payment.callback);
        // A user's name and password (RFC 7617).
        let user = format!("Basic {}", STANDARD.encode(format!("prove:{}", payment.token)));
        let reply = http::post_form(payment.server, &payment.path, ("Authorization", &user), form).await?;
        self.answers.extend(&reply.bytes);
        Ok(reply)
    }
}
