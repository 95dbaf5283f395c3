//! A telephone that is always listened to: what it hears is counted in packets, and placed by their timestamps.

use std::{f64::consts::TAU, time::Duration};

use testkit::softphone::{FRAME, HERTZ, PhoneEvent, Softphone};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

/// A sample from which on a packet counts as sound.
const SOUND: u16 = 100;
/// The tone that is looked for.
const TONE_HERTZ: f64 = 1_000.0;

/// What a telephone has heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// Every packet with sound: its place on the line, and how much of its energy is the tone.
    packets: Vec<(u64, f64)>,
    /// The end of what came so far, in samples.
    position: u64,
    /// Whom the far side asked it to call.
    pub(crate) referred: Vec<String>,
    /// Whether the far side hung up.
    pub(crate) is_over: bool,
}

impl Heard {
    /// Packets with sound.
    pub(crate) fn sounding(&self) -> usize {
        self.packets.len()
    }

    /// Samples since the last sound.
    pub(crate) fn quiet_for(&self) -> u64 {
        self.packets.last().map_or(self.position, |(index, _)| self.position.saturating_sub(*index))
    }

    fn take(&mut self, event: PhoneEvent) {
        match event {
            PhoneEvent::Audio { index, samples } => {
                self.position = self.position.max(index + samples.len() as u64);
                if samples.iter().any(|sample| sample.unsigned_abs() > SOUND) {
                    self.packets.push((index, tone_share(&samples)));
                }
            }
            PhoneEvent::Silence { until } => self.position = self.position.max(until),
            PhoneEvent::Idle => {}
            PhoneEvent::Referred { to } => self.referred.push(to),
            PhoneEvent::HungUp => self.is_over = true,
        }
    }
}

enum Order {
    Say(Vec<i16>),
    Press(&'static str),
    Send(Vec<Vec<u8>>),
    Repeat { count: usize, spoiled: bool },
    HangUp(oneshot::Sender<()>),
}

/// A call from the caller's side.
pub(crate) struct Line {
    heard: watch::Receiver<Heard>,
    orders: mpsc::Sender<Order>,
}

impl Line {
    /// Listens to a telephone from now on.
    pub(crate) fn of(phone: Softphone) -> Self {
        let (sender, heard) = watch::channel(Heard::default());
        let (orders, queue) = mpsc::channel(16);
        tokio::spawn(attend(phone, queue, sender));
        Self { heard, orders }
    }

    pub(crate) async fn say(&self, samples: Vec<i16>) {
        self.order(Order::Say(samples)).await;
    }

    pub(crate) async fn press(&self, keys: &'static str) {
        self.order(Order::Press(keys)).await;
    }

    /// Sends any packets from where its audio comes from.
    pub(crate) async fn send(&self, packets: Vec<Vec<u8>>) {
        self.order(Order::Send(packets)).await;
    }

    /// Sends its latest packet again and again, as it was or as if it came later.
    pub(crate) async fn repeat(&self, count: usize, spoiled: bool) {
        self.order(Order::Repeat { count, spoiled }).await;
    }

    /// Hangs up, and waits until that is confirmed.
    pub(crate) async fn hang_up(&self) {
        let (done, confirmed) = oneshot::channel();
        self.order(Order::HangUp(done)).await;
        confirmed.await.expect("a BYE that is answered");
    }

    /// Packets with sound so far.
    pub(crate) fn sounding(&self) -> usize {
        self.heard.borrow().sounding()
    }

    /// The end of what came so far, in samples.
    pub(crate) fn position(&self) -> u64 {
        self.heard.borrow().position
    }

    /// Whom the far side asked it to call so far.
    pub(crate) fn referred(&self) -> Vec<String> {
        self.heard.borrow().referred.clone()
    }

    /// The place of the packet with sound that came after `count` others.
    pub(crate) fn first_after(&self, count: usize) -> u64 {
        self.heard.borrow().packets[count].0
    }

    /// The end of the last packet with sound.
    pub(crate) fn last(&self) -> u64 {
        self.heard.borrow().packets.last().map_or(0, |(index, _)| index + FRAME as u64)
    }

    /// How much of the sound after `count` packets is the tone, from 0 to 1.
    pub(crate) fn tone_share(&self, count: usize) -> f64 {
        let heard = self.heard.borrow();
        let shares: Vec<f64> = heard.packets[count..].iter().map(|(_, share)| *share).collect();
        shares.iter().sum::<f64>() / shares.len() as f64
    }

    /// Waits until what was heard is as wanted.
    pub(crate) async fn until(&self, what: &str, within: Duration, is_wanted: impl FnMut(&Heard) -> bool) {
        let mut heard = self.heard.clone();
        let waited = timeout(within, heard.wait_for(is_wanted)).await;
        assert!(matches!(waited, Ok(Ok(_))), "{what}: not heard within {within:?}");
    }

    async fn order(&self, order: Order) {
        assert!(self.orders.send(order).await.is_ok(), "the call is over");
    }
}

async fn attend(mut phone: Softphone, mut orders: mpsc::Receiver<Order>, heard: watch::Sender<Heard>) {
    loop {
        tokio::select! {
            event = phone.next() => match event {
                Some(event) => heard.send_modify(|heard| heard.take(event)),
                None => return heard.send_modify(|heard| heard.is_over = true),
            },
            order = orders.recv() => match order {
                Some(Order::Say(samples)) => phone.say(samples).await,
                Some(Order::Press(keys)) => phone.press(keys).await,
                Some(Order::Send(packets)) => phone.send(packets).await,
                Some(Order::Repeat { count, spoiled }) => phone.repeat(count, spoiled).await,
                Some(Order::HangUp(done)) => {
                    if phone.hang_up().await.is_ok() {
                        done.send(()).ok();
                    }
                    return;
                }
                None => return,
            },
        }
    }
}

/// How much of a packet's energy is the tone.
fn tone_share(samples: &[i16]) -> f64 {
    let (mut cosine, mut sine, mut energy) = (0.0, 0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let (sample, angle) = (f64::from(*sample), n as f64 * TAU * TONE_HERTZ / f64::from(HERTZ));
        cosine += sample * angle.cos();
        sine += sample * angle.sin();
        energy += sample * sample;
    }
    2.0 * (cosine * cosine + sine * sine) / (energy * FRAME as f64).max(1.0)
}
