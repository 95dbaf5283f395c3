//! A bot behind the gateway: Twilio Media Streams on one side, a telephone on the other, `/v1` beside them.

mod arguments;
mod bank;
pub(crate) mod capture;
mod carried;
pub(crate) mod line;
mod org;
mod payments;
mod processor;

use std::{f64::consts::TAU, net::SocketAddr, time::Duration};

use audio::g711::{decode_ulaw, encode_ulaw};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use testkit::{
    bot::{BotError, BotServer, BotSession},
    debtor::{DebtorVoice, onset},
    gateway::{Agent, Gateway, GatewayOptions},
    softphone::{CallRequest, FRAME, HERTZ, Keying, Softphone},
};

use self::line::Line;
use crate::{
    client::{Client, Reply, metrics, noted, place, sum, when},
    plant,
};

/// The auth token that handshakes are signed with.
const AUTH_TOKEN: &str = "12345678901234567890123456789012";
/// The telephone number of the account `CA-1001` in `config/sample-accounts.csv`.
const CALLER: &str = "+12025550143";
/// How long an opening may take, and anything else that is heard to its end.
pub(crate) const HEARD_OUT: Duration = Duration::from_secs(40);
/// The rate of audio in samples, as a place on the line.
const SECOND: u64 = HERTZ as u64;

/// A gateway whose calls go to a bot, a caller in the call, and the bot's stream.
pub(crate) struct Scene {
    pub(crate) gateway: Gateway,
    pub(crate) line: Line,
    pub(crate) bot: BotSession,
    /// Where the gateway takes the caller's audio.
    pub(crate) media: SocketAddr,
}

impl Scene {
    pub(crate) async fn set(name: &str) -> Self {
        Self::keyed(name, Keying::TelephoneEvent).await
    }

    /// The same with a caller who sends keys in this way.
    async fn keyed(name: &str, keying: Keying) -> Self {
        Self::of(plant::options(name), keying).await
    }

    /// The same with a gateway that is set up in this way.
    pub(crate) async fn of(options: GatewayOptions, keying: Keying) -> Self {
        Self::called(options, |request| CallRequest { keying, ..request }).await
    }

    /// The same with a caller who calls in this way.
    pub(crate) async fn called(options: GatewayOptions, how: impl FnOnce(CallRequest) -> CallRequest) -> Self {
        Self::served(options, BotServer::bind().await.expect("a port"), how).await
    }

    /// The same with this server as the bot's.
    pub(crate) async fn served(
        options: GatewayOptions,
        server: BotServer,
        how: impl FnOnce(CallRequest) -> CallRequest,
    ) -> Self {
        let url = server.url().expect("an address");
        let auth_token_file = options.directory.join("auth-token");
        std::fs::write(&auth_token_file, AUTH_TOKEN).expect("a file");
        let agent = Agent::SignedBot { url: url.clone(), auth_token_file };
        let gateway = plant::start(&GatewayOptions { agent, ..options });
        let request = how(CallRequest::new(gateway.addresses().sip_udp, CALLER, "collections"));
        let phone = Softphone::call(&request).await.expect("an answer");
        let (media, line) = (phone.far(), Line::of(phone));
        let bot = accept(&server).await;
        assert!(bot.is_signed(&url, AUTH_TOKEN), "the handshake is signed");
        Self { gateway, line, bot, media }
    }

    /// The caller makes a tone, and the bot hears it.
    pub(crate) async fn caller_is_heard(&mut self) {
        self.line.say(tone(1_000)).await;
        let mut loud = 0;
        while loud < 40 {
            let heard = decoded(&self.bot.expect("media").await.expect("the caller's tone"));
            loud += u32::from(heard.iter().any(|sample| sample.unsigned_abs() > 4_000));
        }
    }

    /// The bot says a tone, and the caller hears it.
    pub(crate) async fn bot_is_heard(&mut self) {
        let before = self.line.sounding();
        self.bot.say(&coded(&tone(1_000))).await.expect("a stream that is up");
        self.line.until("a second of tone", HEARD_OUT, |heard| heard.sounding() >= before + 40).await;
    }

    /// The bot's part of the interface, and a client that may use it.
    pub(crate) fn interface(&self) -> (String, Client) {
        let base = self.bot.parameter("tonegate_api").expect("an address").to_owned();
        (base, Client::bearing(self.bot.parameter("tonegate_token").expect("a token")))
    }
}

/// Waits for the stream, which begins after the opening.
async fn accept(server: &BotServer) -> BotSession {
    let deadline = tokio::time::Instant::now() + HEARD_OUT;
    loop {
        match server.accept().await {
            Err(BotError::Silence("a connection")) if tokio::time::Instant::now() < deadline => {}
            accepted => return accepted.expect("a stream"),
        }
    }
}

/// A tone of 1 kHz as samples.
pub(crate) fn tone(milliseconds: u32) -> Vec<i16> {
    let count = milliseconds * HERTZ / 1_000;
    (0..count).map(|n| ((f64::from(n) * TAU / 8.0).sin() * 9_000.0).round() as i16).collect()
}

fn coded(samples: &[i16]) -> Vec<u8> {
    samples.iter().copied().map(encode_ulaw).collect()
}

/// The caller's audio in a `media` message.
pub(crate) fn decoded(message: &Value) -> Vec<i16> {
    let payload = message["media"]["payload"].as_str().expect("a payload");
    STANDARD.decode(payload).expect("base64").into_iter().map(decode_ulaw).collect()
}

/// A counter, which is a string on this wire.
fn number(value: &Value) -> u64 {
    value.as_str().expect("a string").parse().expect("a number")
}

/// Reads the stream until the echo of a mark, and returns the keys that came before it.
async fn keys_until_mark(bot: &mut BotSession, name: &'static str) -> String {
    bot.mark(name).await.expect("a stream that is up");
    let mut keys = String::new();
    loop {
        let message = bot.next(name).await.expect("a mark");
        match message["event"].as_str() {
            Some("dtmf") => keys.push_str(message["dtmf"]["digit"].as_str().expect("a digit")),
            Some("mark") if message["mark"]["name"] == name => return keys,
            _ => {}
        }
    }
}

/// Lets some of the stream's time go by.
async fn listen(bot: &mut BotSession, milliseconds: usize) {
    for _ in 0..milliseconds / 20 {
        bot.expect("media").await.expect("audio");
    }
}

/// The facts of the account, once the disclosure has been played.
async fn told(client: &Client, facts: &str, bot: &mut BotSession) -> Reply {
    for _ in 0..60 {
        let told = client.get(facts).await;
        if told.status == 200 {
            return told;
        }
        listen(bot, 500).await;
    }
    client.get(facts).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_begins_and_counts_as_twilio_s_does() {
    let Scene { gateway, line, mut bot, .. } = Scene::set("bot-wire").await;
    assert_eq!(bot.connected, json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}));
    let start = bot.start.clone();
    assert_eq!((number(&start["sequenceNumber"]), &start["streamSid"]), (1, &start["start"]["streamSid"]));
    let format = json!({"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1});
    assert_eq!(start["start"]["mediaFormat"], format);
    let call = bot.parameter("tonegate_call").expect("a call").to_owned();
    let base = format!("http://{}/v1/calls/{call}", gateway.addresses().api);
    assert_eq!(bot.parameter("tonegate_api"), Some(base.as_str()));
    assert!(bot.parameter("tonegate_token").is_some_and(|token| token.len() > 20));

    for count in 1..=100 {
        let message = bot.next("media").await.expect("audio");
        assert_eq!(message["event"], "media");
        assert_eq!(message["streamSid"], bot.stream_sid.as_str());
        assert_eq!((number(&message["sequenceNumber"]), number(&message["media"]["chunk"])), (count + 1, count));
        assert_eq!(number(&message["media"]["timestamp"]), (count - 1) * 20);
        assert_eq!(decoded(&message).len(), FRAME);
    }
    line.say(tone(1_000)).await;
    let mut loud = 0;
    while loud < 40 {
        let heard = decoded(&bot.expect("media").await.expect("the caller's tone"));
        loud += u32::from(heard.iter().any(|sample| sample.unsigned_abs() > 4_000));
    }

    let before = line.sounding();
    bot.close(1000).await.expect("an orderly close");
    line.until("a good-bye and BYE", HEARD_OUT, |heard| heard.is_over).await;
    assert!(line.sounding() > before + 25, "a good-bye is heard before the BYE");
    let timeline = noted(&gateway, HEARD_OUT, "ended", "completed").await;
    assert!(when(&timeline, "bot.closed", "cleanly").is_some(), "{timeline:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_is_heard_and_marked_and_cut_within_a_frame() {
    let Scene { gateway, line, mut bot, .. } = Scene::set("bot-audio").await;
    let before = line.sounding();
    bot.say(&coded(&tone(1_000))).await.expect("a stream that is up");
    keys_until_mark(&mut bot, "said").await;
    line.until("a second of tone", HEARD_OUT, |heard| heard.sounding() >= before + 50).await;
    assert!(line.sounding() <= before + 51, "no more than was said");
    assert!(line.tone_share(before) > 0.9, "what the caller hears is the bot's tone");

    let mut packets = Vec::new();
    for _ in 0..5 {
        let before = line.sounding();
        bot.say(&coded(&tone(20_000))).await.expect("a stream that is up");
        bot.mark("cut").await.expect("a stream that is up");
        line.until("the tone", HEARD_OUT, |heard| heard.sounding() >= before + 15).await;
        let cleared = line.sounding();
        bot.clear().await.expect("a stream that is up");
        let echo = bot.expect("mark").await.expect("the mark of what was cleared");
        assert_eq!(echo["mark"]["name"], "cut");
        line.until("silence", HEARD_OUT, |heard| heard.quiet_for() >= SECOND / 2).await;
        packets.push(line.sounding() - cleared);
    }
    packets.sort_unstable();
    // Two packets and the fade: one may be on its way, one is being filled when the clear comes.
    assert!(packets[2] <= 3, "packets with sound after each of five clears: {packets:?}");
    let timeline = noted(&gateway, HEARD_OUT, "bot.mark", "cleared").await;
    assert!(when(&timeline, "bot.mark", "played").is_some(), "{timeline:#?}");
    line.hang_up().await;
    noted(&gateway, HEARD_OUT, "ended", "caller_hung_up").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_pours_is_held_and_loses_nothing() {
    let Scene { gateway, line, mut bot, .. } = Scene::set("bot-pours").await;
    keys_until_mark(&mut bot, "begun").await;
    let (before, message) = (line.sounding(), coded(&tone(20)));
    // Fifty seconds, of which forty-five are taken at once.
    for _ in 0..2_500 {
        bot.say(&message).await.expect("a stream that is up");
    }
    bot.mark("cut").await.expect("a stream that is up");
    bot.clear().await.expect("a stream that is up");
    // Five seconds are played before the rest is read, and the clear behind it.
    let echo = bot.expect("mark").await.expect("the mark of what was cleared");
    assert_eq!(echo["mark"]["name"], "cut");
    line.until("silence", HEARD_OUT, |heard| heard.quiet_for() >= SECOND / 2).await;
    let played = line.sounding() - before;
    assert!((200..750).contains(&played), "frames of 20 ms: {played}");
    line.hang_up().await;
    noted(&gateway, HEARD_OUT, "ended", "caller_hung_up").await;
    let exposed = metrics(&gateway).await;
    assert_eq!(sum(&exposed, "tonegate_agent_samples_dropped_total", &["reason=\"full\""]), 0.0);
    assert_eq!(sum(&exposed, "tonegate_drops_total", &["queue=\"media_commands\""]), 0.0);
}

/// Speech that begins with its first sound.
async fn speech() -> Vec<i16> {
    let speech = DebtorVoice::of_seed(0).say("i need more time").await.expect("a voice");
    let silent = onset(&speech).as_millis() as usize * HERTZ as usize / 1_000;
    speech[silent..].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_speaks_silences_the_bot_at_once() {
    let Scene { gateway, line, mut bot, .. } = Scene::set("bot-barge-in").await;
    let speech = speech().await;
    let mut delays = Vec::new();
    for _ in 0..5 {
        let before = line.sounding();
        bot.say(&coded(&tone(20_000))).await.expect("a stream that is up");
        line.until("the tone", HEARD_OUT, |heard| heard.sounding() >= before + 15).await;
        let spoke_at = line.position();
        line.say(speech.clone()).await;
        // Long enough for the caller to have finished, too: who already speaks cuts nobody short.
        line.until("silence", HEARD_OUT, |heard| heard.quiet_for() >= 3 * SECOND).await;
        delays.push((line.last() - spoke_at) * 1_000 / SECOND);
        keys_until_mark(&mut bot, "heard out").await;
    }
    delays.sort_unstable();
    println!("milliseconds from the caller's first sound to silence: {delays:?}");
    // From the caller's first sound to our silence at the caller's own clock; two packets are on the way.
    assert!(delays[2] <= 200 + 40, "milliseconds of five: {delays:?}");
    line.hang_up().await;
    noted(&gateway, HEARD_OUT, "ended", "caller_hung_up").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_run_of_keys_reaches_the_bot_and_a_card_s_length_does_not() {
    let Scene { gateway, line, mut bot, .. } = Scene::set("bot-keys").await;
    line.press("42#").await;
    let mut keys = String::new();
    while keys.len() < 3 {
        let key = bot.expect("dtmf").await.expect("a key");
        assert_eq!(key["dtmf"]["track"], "inbound_track");
        keys.push_str(key["dtmf"]["digit"].as_str().expect("a digit"));
    }
    assert_eq!(keys, "42#");

    line.press("4000001234567899").await;
    let mut keys = String::new();
    // Sixteen keys take 3.2 s, the pause that ends their run 1.5 s.
    for _ in 0..8 {
        keys += &keys_until_mark(&mut bot, "so far").await;
        listen(&mut bot, 1_000).await;
    }
    noted(&gateway, HEARD_OUT, "keys.suppressed", "16").await;
    keys += &keys_until_mark(&mut bot, "in the end").await;
    assert_eq!(keys, "", "none of sixteen keys reaches the bot");
    line.hang_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_verifies_the_caller_and_gets_facts_after_the_disclosure() {
    let scene = Scene::set("bot-verify").await;
    let (base, client) = scene.interface();
    let Scene { gateway, line, mut bot, .. } = scene;
    let (verify, facts) = (format!("{base}/verify"), format!("{base}/facts"));
    let stranger = Client::bearing("a-token-that-nobody-was-given");
    assert_eq!(stranger.get(&facts).await.status, 401);
    assert_eq!(client.get(&facts).await.missing(), "verification");
    assert_eq!(client.post(&format!("{base}/captures"), &json!({"amount_minor": 100})).await.missing(), "verification");
    assert_eq!(client.post(&verify, &json!({"factor": "postal_code", "value": "x"})).await.status, 422);

    let name = client.post(&verify, &json!({"factor": "name", "value": "yes"})).await;
    assert_eq!((name.status, &name.json()["verified"]), (200, &json!(false)));
    let wrong = client.post(&verify, &json!({"factor": "postal_code", "value": "20010"})).await;
    assert_eq!((wrong.status, &wrong.json()["result"]), (200, &json!("no_match")));
    assert_eq!(client.get(&facts).await.missing(), "verification");
    let born = client.post(&verify, &json!({"factor": "date_of_birth", "value": "1984-03-17"})).await;
    assert_eq!(born.json()["result"], "match");
    let postal = client.post(&verify, &json!({"factor": "postal_code", "value": "20009"})).await;
    assert_eq!((&postal.json()["result"], &postal.json()["verified"]), (&json!("match"), &json!(true)));

    assert_eq!(client.get(&facts).await.missing(), "disclosure", "the disclosure has only begun");
    let told = told(&client, &facts, &mut bot).await;
    let debt = json!({"creditor": "Harborlight Medical", "balance_minor": 61_240, "currency": "USD", "reference_ending": "7731"});
    assert_eq!(told.json(), debt);
    let offer = client.post(&format!("{base}/offer"), &json!({})).await;
    assert_eq!(offer.status, 200, "{}", offer.text);
    let outcome = json!({"disposition": "arranged", "accepted_offer": offer.json()["offer"]});
    let outcome = client.post(&format!("{base}/outcome"), &outcome).await;
    assert_eq!(outcome.status, 204, "{}", outcome.text);
    assert_eq!(client.delete(&base).await.status, 204);
    bot.closed().await.expect("an orderly close by the call");
    line.until("a good-bye and BYE", HEARD_OUT, |heard| heard.is_over).await;
    let timeline = noted(&gateway, HEARD_OUT, "ended", "").await;
    assert!(when(&timeline, "record.written", "payment_arrangement").is_some(), "{timeline:#?}");
    let [disclosed, offered] = ["disclosed", "offer"].map(|kind| place(&timeline, kind, ""));
    assert!(disclosed.is_some() && disclosed < offered, "{timeline:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_breaks_off_is_apologised_for_within_two_seconds() {
    let Scene { gateway, line, mut bot, .. } = Scene::set("bot-breaks").await;
    listen(&mut bot, 200).await;
    let (before, at) = (line.sounding(), line.position());
    bot.break_off();
    line.until("an apology", HEARD_OUT, |heard| heard.sounding() > before).await;
    assert!(line.first_after(before) - at <= 2 * SECOND, "two seconds of the caller's time");
    line.until("a BYE", HEARD_OUT, |heard| heard.is_over).await;
    let timeline = noted(&gateway, HEARD_OUT, "ended", "agent_failed").await;
    assert!(when(&timeline, "bot.failed", "").is_some(), "{timeline:#?}");
    assert_eq!(sum(&metrics(&gateway).await, "tonegate_calls_active", &[]), 0.0);
}
