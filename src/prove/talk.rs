//! Holds one call: keys before, in and after a capture, on one way in.

mod bot;
mod carrier;

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep},
};

use crate::{
    bot::Bot,
    canary::{Canary, Field, RUN},
    http::ask,
    instance::{Account, Addresses, caller_address},
    listen::{Press, Track},
    phone::{Keying, Phone, PhoneError, Sound, Target},
    plan::{Agent, Card, Way},
};

/// How often the gateway is asked how far a call is.
const LOOK: Duration = Duration::from_millis(250);
/// From the answer to the end of the opening.
const OPENING: Duration = Duration::from_secs(120);
/// From the opening to the end of a capture.
const CAPTURE: Duration = Duration::from_secs(240);
/// From the end of a call to its last line.
const END: Duration = Duration::from_secs(30);
/// A pause that ends a run of keys: the gate counts those within a second as one.
const PAUSE: Duration = Duration::from_millis(1_400);
/// Calls that are held at the most on one way in.
const CALLS: usize = 5;
/// Why a capture fails of which a sink cannot prove its mute in time.
const NOT_PROVEN: &str = "mute_not_acknowledged";

/// A call that was held.
pub(crate) struct Held {
    /// Its place among all calls, and its card's among all cards.
    pub(crate) number: usize,
    pub(crate) way: Way,
    /// The gateway's name for the call.
    pub(crate) call: Option<String>,
    pub(crate) presses: Vec<Press>,
    /// What the caller was sent.
    pub(crate) heard: Option<Track>,
    pub(crate) timeline: Vec<Value>,
    /// Every answer of the interface about it.
    pub(crate) answers: Vec<u8>,
    /// Why it did not go as it must.
    pub(crate) problem: Option<String>,
    /// Whether that is because the gateway ended it, or could take no card just then.
    is_cut_short: bool,
}

impl Held {
    /// Whether what was to be tried could not be: the gateway gave up a bot that does not read or a caller who waited for a turn to
    /// key, or took no card because it could not have kept or muted it in time.
    pub(crate) fn was_given_up(&self) -> bool {
        self.problem.is_some() && self.is_cut_short
    }
}

/// Why a call did not go as it must.
#[derive(Debug, thiserror::Error)]
enum TalkError {
    #[error("{0}")]
    Phone(#[from] PhoneError),
    #[error("the interface: {0}")]
    Interface(#[from] std::io::Error),
    #[error("{0} did not come in time")]
    Late(&'static str),
    #[error("{0}")]
    Refused(String),
    #[error("no card was taken just then: {0}")]
    NotNow(String),
}

/// What all calls share.
pub(crate) struct Scene {
    pub(crate) addresses: Addresses,
    pub(crate) token: String,
    pub(crate) bot: Bot,
    pub(crate) canaries: Vec<Canary>,
    /// One call is placed at a time, so that each knows its name.
    pub(crate) placing: Mutex<()>,
    /// Outside captures one caller keys at a time of those who do it in one way: digits that leak one by one, without the name of
    /// their call, are then still in a row.
    pub(crate) keying: Turns,
    /// Whether the carrier takes cards, and the token that it signs with.
    pub(crate) is_carried: bool,
    pub(crate) carrier_token: String,
}

impl Scene {
    /// The carrier's name for a call, where the carrier takes cards.
    fn carrier_call(&self, number: usize) -> Option<String> {
        self.is_carried.then(|| format!("CA{number:032x}"))
    }
}

/// Turns of those who send keys as events, as tones, and as messages.
#[derive(Default)]
pub(crate) struct Turns([Mutex<()>; 3]);

impl Turns {
    async fn take(&self, keying: Keying) -> MutexGuard<'_, ()> {
        let place = match keying {
            Keying::Events => 0,
            Keying::Tones => 1,
            Keying::InfoRelay | Keying::Info => 2,
        };
        self.0[place].lock().await
    }
}

/// One call under way.
struct Talk<'a> {
    scene: &'a Scene,
    canary: &'a Canary,
    account: Account,
    phone: Phone,
    call: String,
    answers: Vec<u8>,
    /// Entries of the timeline that were reacted to.
    seen: usize,
    /// A payment by Twilio's routes that is still to be completed.
    payment: Option<bot::Payment>,
    /// The carrier's name for the call, where the carrier takes cards.
    carrier_call: Option<String>,
}

/// Holds the call with this number on a way in; where the gateway ended it before what was to be tried could be, once more, so that
/// a slow machine decides nothing. Returns every call.
pub(crate) async fn hold(scene: Arc<Scene>, number: usize, way: Way) -> Vec<Held> {
    let mut calls = Vec::new();
    loop {
        let held = hold_once(&scene, number, way.clone()).await;
        let is_last = calls.len() + 1 == CALLS || !held.was_given_up();
        calls.push(held);
        if is_last {
            return calls;
        }
    }
}

async fn hold_once(scene: &Scene, number: usize, way: Way) -> Held {
    let (presses, timeline, answers) = (Vec::new(), Vec::new(), Vec::new());
    let mut held =
        Held { number, way, call: None, presses, heard: None, timeline, answers, problem: None, is_cut_short: false };
    let account = Account::of(number);
    match place(scene, number, &held.way, &account).await {
        Ok((phone, call)) => {
            let canary = &scene.canaries[number];
            let (answers, payment, carrier_call) = (Vec::new(), None, scene.carrier_call(number));
            let mut talk = Talk { scene, canary, account, phone, call, answers, seen: 0, payment, carrier_call };
            let result = talk.hold(&held.way).await;
            talk.end(&mut held, result).await;
        }
        Err(error) => held.problem = Some(error.to_string()),
    }
    held
}

/// Places a call, and learns the gateway's name for it: the one that was not there before.
async fn place(scene: &Scene, number: usize, way: &Way, account: &Account) -> Result<(Phone, String), TalkError> {
    let _alone = scene.placing.lock().await;
    let before = calls(scene).await?;
    let target = Target {
        server: scene.addresses.sip_udp,
        local: caller_address(way.trunk),
        caller: account.number.clone(),
        carrier_call: scene.carrier_call(number),
    };
    let phone = Phone::call(&target, way.line).await?;
    let deadline = Instant::now() + END;
    while Instant::now() < deadline {
        if let Some(call) = calls(scene).await?.difference(&before).next() {
            return Ok((phone, call.clone()));
        }
        sleep(LOOK).await;
    }
    Err(TalkError::Late("the call in the list of calls"))
}

async fn calls(scene: &Scene) -> Result<BTreeSet<String>, TalkError> {
    let listed = ask(scene.addresses.api, "GET", "/v1/calls", Some(&scene.token), None).await?.json();
    let ids =
        listed["calls"].as_array().into_iter().flatten().filter_map(|call| call["id"].as_str().map(str::to_owned));
    Ok(ids.collect())
}

impl Talk<'_> {
    async fn hold(&mut self, way: &Way) -> Result<(), TalkError> {
        match (way.agent, way.card) {
            (Agent::Collector, Card::Usual) => {
                self.until("answered", OPENING).await?;
                self.press_number().await?;
                self.take_card().await
            }
            (Agent::Stream, Card::Usual | Card::Payments) => {
                self.until("opened", OPENING).await?;
                sleep(PAUSE).await;
                let turn = self.scene.keying.take(way.line.keying).await;
                self.press_number().await?;
                drop(turn);
                sleep(2 * PAUSE).await;
                let access = self.verify().await?;
                if way.card == Card::Payments {
                    self.open_payment(&access).await?;
                } else {
                    self.ask_for_card(&access).await?;
                }
                self.take_card().await
            }
            (Agent::Stream, Card::Unread) => {
                self.until("opened", OPENING).await?;
                sleep(PAUSE).await;
                let access = self.verify().await?;
                self.ask_unread(&access).await?;
                self.phone.sound(Sound::Voice).await;
                self.ask_for_card(&access).await?;
                self.take_card().await
            }
            (Agent::Collector | Agent::Stream | Agent::Echo, _) => {
                self.until("opened", OPENING).await?;
                sleep(PAUSE).await;
                let _turn = self.scene.keying.take(way.line.keying).await;
                self.outlast(RUN + 1).await
            }
        }
    }

    async fn press_number(&self) -> Result<(), TalkError> {
        Ok(self.phone.press(self.canary.keys(Field::Number).chain(*b"#")).await?)
    }

    /// Presses the number where the gateway may hang up meanwhile, which is fine once so many keys are told.
    async fn outlast(&self, least: usize) -> Result<(), TalkError> {
        let before = self.phone.presses().len();
        let pressed = self.press_number().await;
        sleep(PAUSE).await;
        match pressed {
            Err(_) if self.phone.is_over() && self.phone.presses().len() >= before + least => Ok(()),
            pressed => pressed,
        }
    }

    /// Waits a moment before the next look.
    async fn look(&self, deadline: Instant, what: &'static str) -> Result<(), TalkError> {
        self.pause(deadline, what, LOOK).await
    }

    /// Waits so long, unless it is too late or the call is over.
    async fn pause(&self, deadline: Instant, what: &'static str, span: Duration) -> Result<(), TalkError> {
        if self.phone.is_over() {
            return Err(PhoneError::Over.into());
        }
        if Instant::now() > deadline {
            return Err(TalkError::Late(what));
        }
        sleep(span).await;
        Ok(())
    }

    /// Answers what is asked by keypad, until a card was taken; then keys the number once more.
    async fn take_card(&mut self) -> Result<(), TalkError> {
        let deadline = Instant::now() + CAPTURE;
        loop {
            let timeline = self.timeline().await?;
            let fresh: Vec<Value> = timeline.get(self.seen..).unwrap_or_default().to_vec();
            self.seen = timeline.len();
            for entry in fresh {
                let detail = entry["detail"].as_str().unwrap_or_default().to_owned();
                match entry["kind"].as_str() {
                    Some("capture.armed") => self.phone.sound(Sound::Pilot).await,
                    Some("capture.keyed") => self.complete_payment().await?,
                    Some("prompt.started") => self.answer(&detail).await?,
                    Some("capture.settled") if detail == NOT_PROVEN => {
                        return Err(TalkError::NotNow(detail));
                    }
                    Some("capture.settled") if detail != "approved" => {
                        return Err(TalkError::Refused(format!("the payment was {detail}")));
                    }
                    Some("capture.refused") => return Err(TalkError::Refused("the capture was refused".to_owned())),
                    Some("capture.released") => return self.outlast(0).await,
                    Some(_) | None => {}
                }
            }
            self.tell_end().await?;
            self.look(deadline, "the end of a capture").await?;
        }
    }

    /// What a caller keys at a prompt. In a capture the pilot sounds until the code, well before the caller is heard again.
    async fn answer(&self, prompt: &str) -> Result<(), TalkError> {
        let question = prompt.trim_end_matches("_again").trim_end_matches("_keypad");
        let keys: Vec<u8> = match question {
            "ask_name" | "ask_pay_in_full" | "ask_pay_first_now" | "ask_is_that_right" => b"1".to_vec(),
            "ask_date_of_birth" => self.account.born_keys.bytes().collect(),
            "ask_postal_code" => self.account.postal.bytes().collect(),
            _ => return self.key_field(prompt).await,
        };
        sleep(PAUSE).await;
        Ok(self.phone.press(keys).await?)
    }

    async fn key_field(&self, prompt: &str) -> Result<(), TalkError> {
        let (field, end): (Field, &[u8]) = match prompt.strip_prefix("card_").and_then(|rest| rest.split('_').next()) {
            Some("number") => (Field::Number, b"#"),
            Some("expiry") => (Field::Expiry, b""),
            Some("code") => (Field::Code, b"#"),
            Some("postal") => (Field::Postal, b""),
            Some(_) | None => return Ok(()),
        };
        match field {
            // Long enough to be heard wherever somebody still listens.
            Field::Number => sleep(PAUSE).await,
            Field::Expiry => {}
            Field::Code | Field::Postal => self.phone.sound(Sound::Silence).await,
        }
        self.phone.press(self.canary.keys(field).chain(end.iter().copied())).await?;
        self.tell_keyed(field).await
    }

    async fn until(&mut self, kind: &'static str, limit: Duration) -> Result<(), TalkError> {
        let deadline = Instant::now() + limit;
        while !self.timeline().await?.iter().any(|entry| entry["kind"] == kind) {
            self.look(deadline, kind).await?;
        }
        Ok(())
    }

    async fn timeline(&mut self) -> Result<Vec<Value>, TalkError> {
        let (path, token) = (format!("/v1/calls/{}/timeline", self.call), self.scene.token.clone());
        let reply = ask(self.scene.addresses.api, "GET", &path, Some(&token), None).await?;
        Ok(reply.json()["entries"].as_array().cloned().unwrap_or_default())
    }

    /// Hangs up, and gathers what the call has left.
    async fn end(mut self, held: &mut Held, result: Result<(), TalkError>) {
        let is_over = self.phone.is_over();
        let ended = self.phone.hang_up().await;
        let deadline = Instant::now() + END;
        while Instant::now() < deadline {
            held.timeline = self.timeline().await.unwrap_or_default();
            if held.timeline.iter().any(|entry| entry["kind"] == "ended") {
                break;
            }
            sleep(LOOK).await;
        }
        held.is_cut_short = is_over || matches!(result, Err(TalkError::NotNow(_)));
        held.problem = result.and(ended.map_err(TalkError::from)).err().map(|error| error.to_string());
        held.presses = self.phone.presses();
        held.heard = Some(self.phone.heard());
        held.answers = std::mem::take(&mut self.answers);
        held.call = Some(self.call);
    }
}

/// The address and path of `http://ADDRESS/PATH`.
fn split(base: &str) -> Option<(SocketAddr, &str)> {
    let rest = base.strip_prefix("http://")?;
    let slash = rest.find('/')?;
    Some((rest[..slash].parse().ok()?, &rest[slash..]))
}
