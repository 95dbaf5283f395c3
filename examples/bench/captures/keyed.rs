//! A caller who keys a card, and the bot of their call.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Response, StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};
use testkit::{
    bot::{BotError, BotServer, BotSession},
    softphone::{CallRequest, Softphone},
};
use tokio::{
    sync::{Barrier, mpsc},
    time::{sleep, timeout},
};

/// How long anything of a call may take: an opening, an answer, a field.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a gateway that says to ask again is asked again.
const PERSISTENCE: Duration = Duration::from_secs(30);
/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// Between two questions for the facts, which come once the disclosure was played.
const LOOK: Duration = Duration::from_millis(250);
/// States that may wait to be read.
const ROOM: usize = 64;
/// What the account of every caller says of them.
const BORN: &str = "1984-03-17";
const POSTAL: &str = "20009";
const AMOUNT_MINOR: u64 = 100;

/// Where the caller of a number calls from.
pub(crate) fn address(number: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 1, (number + 1) as u8))
}

/// The accounts of so many callers, as a book imports them.
pub(crate) fn accounts(callers: usize) -> String {
    let mut text = "external_id,reference,given_name,family_name,phone,date_of_birth,postal_code,balance,currency,creditor,flags,language,\
                    time_zone,strategy\n"
        .to_owned();
    for number in 0..callers {
        let phone = phone(number);
        text += &format!(
            "CB-{number},R-{number:04},Maria,Delgado,{phone},{BORN},{POSTAL},612.40,USD,Harborlight Medical,,en,America/New_York,standard\n"
        );
    }
    text
}

/// A telephone number that is nobody's.
fn phone(number: usize) -> String {
    format!("+12025550{}", 100 + number)
}

/// A card that no network issues: nothing prints it.
pub(crate) struct Card(String);

impl Card {
    /// One whose last four digits are no other number's.
    pub(crate) fn of(number: usize) -> Self {
        let known = format!("9999{:08}{number:03}", rand::random_range(0..100_000_000));
        let check = (0..10).find(|check| is_valid(&format!("{known}{check}"))).unwrap_or_default();
        Self(format!("{known}{check}"))
    }

    fn last_four(&self) -> &str {
        &self.0[12..]
    }

    /// What is keyed when a field is asked for.
    fn keys(&self, step: &str) -> Result<String> {
        Ok(match step {
            "number" => format!("{}#", self.0),
            "expiry" => "1230".to_owned(),
            "code" => "123#".to_owned(),
            "postal" => POSTAL.to_owned(),
            _ => bail!("no field that is known: {step}"),
        })
    }
}

/// The check digit of ISO/IEC 7812-1.
fn is_valid(number: &str) -> bool {
    let digits = number.bytes().rev().map(|digit| u32::from(digit - b'0')).enumerate();
    let sum: u32 =
        digits.map(|(place, digit)| if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }).sum();
    sum.is_multiple_of(10)
}

/// What became of a payment.
pub(super) struct Paid {
    /// Whether it was approved, of the caller's own card.
    pub(super) is_own: bool,
    /// Fields that had to be keyed again.
    pub(super) asked_again: usize,
    /// How often the bot was told to ask again.
    pub(super) put_off: usize,
    /// From the bot's first request until the caller was asked for the first field.
    pub(super) until_asked: Duration,
}

/// Who calls.
pub(crate) struct Caller {
    pub(crate) number: usize,
    pub(crate) sip: SocketAddr,
    pub(crate) card: Card,
    /// Where all callers wait for each other before they pay.
    pub(crate) together: Arc<Barrier>,
}

/// A call whose caller is verified and told what must be told.
struct Verified {
    keypad: mpsc::Sender<String>,
    states: mpsc::Receiver<Value>,
    desk: Desk,
}

impl Caller {
    /// Calls, is verified, pays, and hangs up.
    pub(super) async fn pay(self, server: BotServer) -> Result<Paid> {
        let Verified { keypad, states, desk } = self.call(server).await?;
        timeout(PATIENCE, self.together.wait()).await.context("the other callers did not come so far")?;
        let asked = Instant::now();
        let put_off = desk.begin().await?;
        self.key(states, &keypad, asked).await.map(|paid| Paid { put_off, ..paid })
    }

    /// Calls, is verified, has the bot read the facts so often, and hangs up: how long each reading took.
    pub(crate) async fn read_facts(self, server: BotServer, times: usize) -> Result<Vec<Duration>> {
        // The call is up for as long as its keypad is held.
        let Verified { keypad: _up, states: _read, desk } = self.call(server).await?;
        let mut took = Vec::with_capacity(times);
        for _ in 0..times {
            let began = Instant::now();
            let facts = desk.facts().await?;
            ensure!(facts.status().is_success(), "facts were answered {}", facts.status());
            facts.bytes().await?;
            took.push(began.elapsed());
        }
        Ok(took)
    }

    async fn call(&self, server: BotServer) -> Result<Verified> {
        let request = CallRequest {
            local: address(self.number),
            patience: PATIENCE,
            ..CallRequest::new(self.sip, &phone(self.number), "collections")
        };
        let keypad = keypad(Softphone::call(&request).await?);
        let bot = accept(&server).await?;
        let desk = Desk::of(&bot)?;
        let states = follow(bot);
        desk.verify().await?;
        Ok(Verified { keypad, states, desk })
    }

    /// Keys what is asked for until the payment has ended.
    async fn key(
        &self,
        mut states: mpsc::Receiver<Value>,
        keypad: &mpsc::Sender<String>,
        asked: Instant,
    ) -> Result<Paid> {
        let (mut latest, mut until_asked, mut asked_again) = ((String::new(), 0), None, 0);
        loop {
            let state = timeout(PATIENCE, states.recv()).await.context("nothing came of the capture")?;
            let state = state.context("the stream ended in the capture")?;
            match state["state"].as_str().unwrap_or_default() {
                "arming" | "keyed" | "submitted" => {}
                "keying" => {
                    let step = state["step"].as_str().unwrap_or_default().to_owned();
                    let field = (step, state["attempt"].as_u64().unwrap_or(1));
                    if field == latest {
                        continue;
                    }
                    until_asked.get_or_insert_with(|| asked.elapsed());
                    asked_again += usize::from(field.1 > 1);
                    keypad.send(self.card.keys(&field.0)?).await.context("the call is over")?;
                    latest = field;
                }
                "approved" => {
                    let is_own = state["last_four"].as_str() == Some(self.card.last_four());
                    let until_asked = until_asked.unwrap_or_default();
                    return Ok(Paid { is_own, asked_again, put_off: 0, until_asked });
                }
                other => bail!("the capture ended {other} ({})", state["reason"].as_str().unwrap_or("no reason")),
            }
        }
    }
}

/// A telephone that is listened to, and hangs up once its keypad is dropped.
fn keypad(mut phone: Softphone) -> mpsc::Sender<String> {
    let (keypad, mut keys) = mpsc::channel::<String>(ROOM);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                pressed = keys.recv() => match pressed {
                    Some(pressed) => phone.press(&pressed).await,
                    None => break,
                },
                heard = phone.next() => if heard.is_none() {
                    return;
                },
            }
        }
        // Who does not answer it is stopped afterwards.
        phone.hang_up().await.ok();
    });
    keypad
}

/// Waits for the stream, which begins with the opening.
async fn accept(server: &BotServer) -> Result<BotSession> {
    let began = Instant::now();
    loop {
        match server.accept().await {
            Err(BotError::Silence("a connection")) if began.elapsed() < PATIENCE => {}
            accepted => return Ok(accepted?),
        }
    }
}

/// Reads a stream to its end, and tells of the capture.
fn follow(mut bot: BotSession) -> mpsc::Receiver<Value> {
    let (sender, states) = mpsc::channel(ROOM);
    tokio::spawn(async move {
        while let Ok(mut message) = bot.expect("capture").await {
            // Whoever asked may have seen enough; the stream is read on.
            sender.try_send(message["capture"].take()).ok();
        }
    });
    states
}

/// The bot's part of the interface.
struct Desk {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Desk {
    fn of(bot: &BotSession) -> Result<Self> {
        // A second installation changes nothing.
        rustls::crypto::ring::default_provider().install_default().ok();
        let parameter = |name: &str| bot.parameter(name).map(str::to_owned).with_context(|| format!("no {name}"));
        let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build()?;
        Ok(Self { client, base: parameter("tonegate_api")?, token: parameter("tonegate_token")? })
    }

    /// Verifies the caller, and waits until they were told what the law requires.
    async fn verify(&self) -> Result<()> {
        for (factor, value) in [("name", "yes"), ("date_of_birth", BORN), ("postal_code", POSTAL)] {
            let answer = self.post("verify", &json!({"factor": factor, "value": value})).await?;
            ensure!(answer["result"] == "match", "{factor} did not match");
        }
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if self.facts().await?.status().is_success() {
                return Ok(());
            }
            sleep(LOOK).await;
        }
        bail!("the disclosure was not played in time")
    }

    async fn facts(&self) -> Result<Response> {
        Ok(self.client.get(format!("{}/facts", self.base)).bearer_auth(&self.token).send().await?)
    }

    /// Begins the capture, and returns how often the gateway had to be asked again.
    async fn begin(&self) -> Result<usize> {
        let (began, mut put_off) = (Instant::now(), 0);
        loop {
            let response = self.send("captures", &json!({"amount_minor": AMOUNT_MINOR})).await?;
            let pause = response.headers().get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()?.parse().ok());
            match (response.status(), pause) {
                (StatusCode::SERVICE_UNAVAILABLE, Some(seconds)) if began.elapsed() < PERSISTENCE => {
                    put_off += 1;
                    sleep(Duration::from_secs(seconds)).await;
                }
                (status, _) if status.is_success() => return Ok(put_off),
                (status, _) => bail!("captures was answered {status}, after {put_off} times of asking again"),
            }
        }
    }

    async fn post(&self, route: &str, body: &Value) -> Result<Value> {
        let response = self.send(route, body).await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "{route} was answered {status}");
        Ok(serde_json::from_str(&text)?)
    }

    async fn send(&self, route: &str, body: &Value) -> Result<Response> {
        let request = self.client.post(format!("{}/{route}", self.base)).bearer_auth(&self.token).json(body);
        Ok(request.send().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_caller_has_a_card_of_their_own() {
        let cards: Vec<Card> = (0..100).map(Card::of).collect();
        let mut ends: Vec<&str> = cards.iter().map(Card::last_four).collect();
        ends.sort_unstable();
        ends.dedup();
        assert!(ends.len() == cards.len() && cards.iter().all(|card| card.0.len() == 16 && is_valid(&card.0)));
    }
}
