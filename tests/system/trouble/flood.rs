//! The audio ports of a call that is up, under fire: from strangers, and from the caller's own address. What comes is
//! counted, nothing grows, and the call goes on.

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rtp::srtp::Suite;
use testkit::softphone::CallRequest;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{SETTLE, garbage::assert_no_panic, newest, noted};
use crate::{
    bot::{Scene, decoded},
    client::{eventually, metrics, sum},
    plant,
};

/// Datagrams of a flood, as fast as they can be sent; after them it goes on at a pace for as long as the call is listened to.
const FLOOD: usize = 40_000;
/// Strangers who send it, each from an address of its own.
const STRANGERS: u8 = 4;
/// Datagrams that no receiver's buffer is too small for.
const BURST: usize = 50;
/// The time between two bursts at that pace: 5,000 datagrams a second of each stranger.
const PACE: Duration = Duration::from_millis(10);
/// Quiet frames after which the caller has ended.
const QUIET: usize = 30;
/// What the gateway's memory may grow by when the same comes once more, in kilobytes. The first time its threads touch their
/// pages and the allocator takes what it keeps; after that it was 0 to 130 more, whenever it was tried. glibc's smallest allocation
/// is 32 bytes, so of 40,000 datagrams half could not leave one behind.
const GROWTH: u64 = 512;
/// Spells of nonsense in a row.
const SPELLS: usize = 10;
/// Where a caller's counters begin: sequence numbers wrap around after four seconds and timestamps after five.
const FIRST: (u16, u32) = (u16::MAX - 200, u32::MAX - 40_000);
/// The same with SRTP, whose sequence numbers begin in the lower half.
const FIRST_PROTECTED: (u16, u32) = (0x7fff - 200, u32::MAX - 40_000);

/// Audio of a stream: packets in a row.
fn audio(ssrc: u32, payload_type: u8, first: u16, count: usize) -> Vec<Vec<u8>> {
    let packet = |number: usize| {
        let mut packet = vec![0x80, payload_type];
        packet.extend(first.wrapping_add(number as u16).to_be_bytes());
        packet.extend((160 * number as u32).to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend([0x55; 160]);
        packet
    };
    (0..count).map(packet).collect()
}

/// What no telephone sends: one byte, nine thousand of them, every payload type, numbers that jump, RTCP on the wrong port.
fn nonsense() -> Vec<Vec<u8>> {
    let mut packets = vec![Vec::new(), vec![0x80], vec![0xff], vec![0x55; 9_000]];
    let mut large = audio(5, 0, 0, 1).remove(0);
    large.resize(9_000, 0x55);
    packets.push(large);
    packets.extend((0..128).map(|kind| audio(6, kind, u16::from(kind) * 7, 1).remove(0)));
    packets.extend((0..64).map(|number| audio(number, 0, number as u16 * 1_000, 1).remove(0)));
    packets.push([vec![0x80, 200, 0, 6], vec![0; 24]].concat());
    packets
}

/// Strangers who send to a port.
struct Flood {
    stop: Arc<AtomicBool>,
    senders: Vec<JoinHandle<usize>>,
}

impl Flood {
    fn begin(target: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sender = |number: u8| {
            let stop = Arc::clone(&stop);
            spawn_blocking(move || send(target, number, &stop))
        };
        let senders = (0..STRANGERS).map(sender).collect();
        Self { stop, senders }
    }

    /// Ends it, and returns how many were sent.
    async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let mut sent = 0;
        for sender in self.senders {
            sent += sender.await.expect("a flood");
        }
        sent
    }
}

fn send(target: SocketAddr, number: u8, stop: &AtomicBool) -> usize {
    let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 1, number + 1], 0))).expect("a port");
    let packets = [audio(u32::from(number), 0, 0, 100), nonsense()].concat();
    let mut sent = 0;
    while sent < FLOOD / usize::from(STRANGERS) || !stop.load(Ordering::Relaxed) {
        // The kernel may have no room for it.
        socket.send_to(&packets[sent % packets.len()], target).ok();
        sent += 1;
        if sent > FLOOD / usize::from(STRANGERS) && sent.is_multiple_of(BURST) {
            thread::park_timeout(PACE);
        }
    }
    sent
}

/// The gateway's resident memory, in kilobytes.
fn memory(scene: &Scene) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", scene.gateway.id())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Packets of audio that were dropped for a reason.
async fn dropped(scene: &Scene, reason: &str) -> f64 {
    let exposed = metrics(&scene.gateway).await;
    sum(&exposed, "tonegate_drops_total", &["queue=\"rtp\"", &format!("reason=\"{reason}\"")])
}

/// Packets of audio that were dropped.
async fn all_dropped(scene: &Scene) -> f64 {
    sum(&metrics(&scene.gateway).await, "tonegate_drops_total", &["queue=\"rtp\""])
}

/// Waits until so many have been dropped for a reason.
async fn counted(scene: &Scene, reason: &str, least: f64) {
    eventually(SETTLE, reason, async || (dropped(scene, reason).await >= least).then_some(())).await;
}

async fn both_are_heard(scene: &mut Scene) {
    scene.caller_is_heard().await;
    // Whoever still spoke would speak over the bot.
    let mut quiet = 0;
    while quiet < QUIET {
        let heard = decoded(&scene.bot.expect("media").await.expect("the caller's audio"));
        quiet = if heard.iter().any(|sample| sample.unsigned_abs() > 1_000) { 0 } else { quiet + 1 };
    }
    scene.bot_is_heard().await;
}

/// Lets something come twice. The second time adds next to nothing to the gateway's memory.
async fn come_twice(scene: &mut Scene, mut attack: impl AsyncFnMut(&mut Scene)) {
    attack(scene).await;
    let (before, known) = (memory(scene), all_dropped(scene).await);
    attack(scene).await;
    let (after, counted) = (memory(scene), all_dropped(scene).await - known);
    assert!(after <= before + GROWTH, "{before} kB became {after} kB with {counted} datagrams");
}

/// Hangs up, and looks back at the whole call.
async fn close(scene: &Scene) {
    let id = newest(&scene.gateway).await;
    scene.line.hang_up().await;
    noted(&scene.gateway, &id, "ended", "caller_hung_up").await;
    assert_no_panic(scene);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_strangers_is_counted_and_harms_no_call() {
    let mut scene = Scene::set("trouble-flood").await;
    both_are_heard(&mut scene).await;
    come_twice(&mut scene, async |scene| {
        let known = dropped(scene, "source").await;
        let mut rtcp = scene.media;
        rtcp.set_port(rtcp.port() + 1);
        for target in [scene.media, rtcp] {
            let flood = Flood::begin(target);
            both_are_heard(scene).await;
            assert!(flood.end().await >= FLOOD);
        }
        counted(scene, "source", known + FLOOD as f64).await;
    })
    .await;
    both_are_heard(&mut scene).await;
    close(&scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_from_the_caller_s_own_address_is_counted_and_the_call_goes_on() {
    let how = |request| CallRequest { first: Some(FIRST), ..request };
    let mut scene = Scene::called(plant::options("trouble-spoofed"), how).await;
    both_are_heard(&mut scene).await;
    come_twice(&mut scene, async |scene| {
        for _ in 0..SPELLS {
            scene.line.repeat(BURST, false).await;
            scene.line.repeat(1, true).await;
            for packets in nonsense().chunks(BURST) {
                scene.line.send(packets.to_vec()).await;
            }
            // One that cannot be heard, among others, and a stream beside the caller's, which is not heard.
            scene.line.send(audio(0x5ca1_ab1e, 18, 9, BURST)).await;
            scene.line.send(audio(0x0dd_ba11, 0, 65_530, BURST)).await;
        }
        both_are_heard(scene).await;
    })
    .await;
    for (reason, least) in [("short", 2.0), ("second_stream", 200.0), ("payload_type", 30.0), ("duplicate", 40.0)] {
        counted(&scene, reason, least * SPELLS as f64).await;
    }
    close(&scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgeries_and_replays_on_a_protected_call_are_counted_and_the_call_goes_on() {
    let how = |request| CallRequest { srtp: Some(Suite::AesCm128HmacSha1_80), first: Some(FIRST_PROTECTED), ..request };
    let mut scene = Scene::called(plant::options("trouble-forged"), how).await;
    both_are_heard(&mut scene).await;
    come_twice(&mut scene, async |scene| {
        for _ in 0..4 {
            scene.line.repeat(BURST, false).await;
            scene.line.repeat(BURST, true).await;
            scene.line.send(audio(0x0dd_ba11, 0, 65_530, BURST)).await;
        }
        scene.line.send(nonsense()).await;
        let flood = Flood::begin(scene.media);
        both_are_heard(scene).await;
        flood.end().await;
    })
    .await;
    counted(&scene, "replay", 150.0).await;
    counted(&scene, "authentication", 300.0).await;
    assert_eq!(dropped(&scene, "streams").await, 0.0, "a forgery opens no stream");
    both_are_heard(&mut scene).await;
    close(&scene).await;
}
