//! Half an hour of calls that come and go, and whether anything of them stays.

use std::{
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};

use crate::{
    Plan,
    bot::EchoBot,
    callers::{Callers, wait_until},
    plant::{Agent, MEDIA_PORTS, Plant, SIGNALLING_PATIENCE},
    process::{Descriptors, Usage},
    scrape::Metrics,
    signalling::Signaller,
    stamp::Board,
    table::{Table, number},
    wire,
};

/// Calls that come and go together, and how many such groups there are: 50 calls at a time.
const GROUP: usize = 5;
const GROUPS: usize = 10;
/// How long a group lasts.
const LIFE_SECONDS: std::ops::RangeInclusive<u64> = 20..=60;
/// How long an opening may take.
const OPENING_PATIENCE: Duration = Duration::from_secs(30);
/// Growth over the judged part of the run that counts as none, in percent of the resident size.
const NO_GROWTH_PERCENT: f64 = 2.0;
/// What is sampled.
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Tally {
    ended: AtomicUsize,
    unanswered: AtomicUsize,
    deaf: AtomicUsize,
    sent: AtomicUsize,
    lost: AtomicUsize,
}

struct Sample {
    minute: f64,
    resident: u64,
    descriptors: Descriptors,
    active: f64,
}

/// Runs it for so many minutes.
///
/// # Errors
/// Where the gateway does not start or ends.
pub(crate) fn soak(plan: &Plan, bot: &EchoBot, minutes: u64) -> Result<String> {
    let plant = Plant::start(plan, Agent::Bot(bot.url()))?;
    let (server, metrics) = (plant.gateway.addresses().sip_udp, plant.gateway.addresses().operations);
    let (tally, stop) = (Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));
    let groups: Vec<_> = (0..GROUPS)
        .map(|number| {
            let (tally, stop, board) = (Arc::clone(&tally), Arc::clone(&stop), Arc::clone(&bot.board));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    group(server, number * GROUP, &board, &tally, &stop)?;
                }
                Ok::<_, anyhow::Error>(())
            })
        })
        .collect();
    let began = Instant::now();
    let mut samples = vec![sample(plant.gateway.id(), metrics, 0.0)?];
    for minute in 1..=minutes {
        wait_until(began + MINUTE * minute as u32);
        let sample = sample(plant.gateway.id(), metrics, minute as f64)?;
        plan.note(&format!("minute {minute}: {} kB, {} descriptors", sample.resident, sample.descriptors.all));
        samples.push(sample);
    }
    stop.store(true, Ordering::Relaxed);
    for group in groups {
        group.join().map_err(|_| anyhow!("a group of callers failed"))??;
    }
    // Ports rest for a second after their call.
    wait_until(Instant::now() + Duration::from_secs(5));
    samples.push(sample(plant.gateway.id(), metrics, began.elapsed().as_secs_f64() / 60.0)?);
    plant.gateway.stop()?;
    Ok(told(minutes, &samples, &tally))
}

/// One group of calls from their INVITEs to their ends.
fn group(
    server: std::net::SocketAddr,
    first: usize,
    board: &Arc<Board>,
    tally: &Tally,
    stop: &AtomicBool,
) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut signaller = Signaller::new(server, socket.local_addr()?)?;
    signaller.place(GROUP, 5.0, SIGNALLING_PATIENCE)?;
    let lines = signaller.lines();
    let answered = lines.len();
    tally.unanswered.fetch_add(GROUP - answered, Ordering::Relaxed);
    let callers = Callers::start(&socket, lines, board, first)?;
    let end = Instant::now() + Duration::from_secs(rand::random_range(LIFE_SECONDS));
    let opened = Instant::now() + OPENING_PATIENCE;
    while callers.bridged() < answered && Instant::now() < opened {
        signaller.attend(Instant::now() + Duration::from_millis(100))?;
    }
    tally.deaf.fetch_add(answered - callers.bridged(), Ordering::Relaxed);
    callers.hearing.open();
    let from = wire::now();
    while Instant::now() < end && !stop.load(Ordering::Relaxed) {
        signaller.attend((Instant::now() + Duration::from_secs(1)).min(end))?;
    }
    let until = wire::now();
    signaller.attend(Instant::now() + Duration::from_millis(500))?;
    let heard = callers.hearing.close(from, until);
    tally.sent.fetch_add(heard.sent(), Ordering::Relaxed);
    tally.lost.fetch_add(heard.lost(), Ordering::Relaxed);
    signaller.hang_up(SIGNALLING_PATIENCE)?;
    tally.ended.fetch_add(answered, Ordering::Relaxed);
    Ok(())
}

fn sample(process: u32, metrics: std::net::SocketAddr, minute: f64) -> Result<Sample> {
    Ok(Sample {
        minute,
        resident: Usage::of_one(process).resident,
        descriptors: Descriptors::of(process, MEDIA_PORTS),
        active: Metrics::read(metrics)?.total("tonegate_calls_active", ""),
    })
}

fn told(minutes: u64, samples: &[Sample], tally: &Tally) -> String {
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let judged = judged(samples);
    let slope = slope(&judged);
    let span = judged.last().map_or(0.0, |last| last.0) - judged.first().map_or(0.0, |first| first.0);
    let level = judged.first().map_or(f64::NAN, |first| first.1);
    let growth = slope * span * 100.0 / level;
    let verdict = if judged.len() < 5 {
        "too short to judge"
    } else if growth <= NO_GROWTH_PERCENT {
        "flat"
    } else {
        "it grows"
    };
    let mut text = format!(
        "{minutes} minutes, {} calls of {} to {} s in groups of {GROUP}, {} at a time: {} unanswered, {} that never heard the bot, {} of {} packets lost.\n\n\
         Resident size over the last two thirds: {} kB a minute, {} % in all: **{verdict}** (up to {NO_GROWTH_PERCENT} % counts as flat).\n\n",
        count(&tally.ended),
        LIFE_SECONDS.start(),
        LIFE_SECONDS.end(),
        GROUP * GROUPS,
        count(&tally.unanswered),
        count(&tally.deaf),
        count(&tally.lost),
        count(&tally.sent),
        number(slope),
        number(growth),
    );
    let mut table =
        Table::new(["Minute", "Resident, kB", "Descriptors", "… of them sockets", "Media ports open", "Calls"]);
    for sample in samples {
        let open = &sample.descriptors;
        let [open, sockets, ports] = [open.all, open.sockets, open.ports].map(|count| count.to_string());
        table.row([number(sample.minute), sample.resident.to_string(), open, sockets, ports, number(sample.active)]);
    }
    text += &table.to_string();
    text
}

/// Minutes and kilobytes of the last two thirds of the run under load.
fn judged(samples: &[Sample]) -> Vec<(f64, f64)> {
    let loaded = &samples[..samples.len().saturating_sub(1)];
    loaded[loaded.len() / 3..].iter().map(|sample| (sample.minute, sample.resident as f64)).collect()
}

/// The slope of the straight line nearest to the points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let together: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let alone: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    together / alone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_has_its_slope() {
        let points: Vec<_> = (0..10).map(|x| (f64::from(x), 7.0 + 3.0 * f64::from(x))).collect();
        assert!((slope(&points) - 3.0).abs() < 1e-9);
    }
}
