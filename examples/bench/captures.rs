//! Many calls at once while every core is busy, and in a quarter of them a card is keyed at the same time: whether a mute lapses,
//! and whether each card is its own caller's.

mod busy;
pub(crate) mod keyed;

use std::{
    net::UdpSocket,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use testkit::bot::{BotError, BotServer};
use tokio::{runtime::Runtime, sync::Barrier, task::JoinHandle};

use self::{
    busy::Busy,
    keyed::{Caller, Card, Paid},
};
use crate::{
    Plan,
    callers::Callers,
    peer::Peer,
    plant::{Agent, Plant},
    process::Usage,
    samples::{at, sorted},
    scrape::Metrics,
    stamp::Board,
    table::{Table, number},
};

/// Most callers who key a card: each has an address and a telephone number of its own.
const MOST_KEYED: usize = 100;
/// How long all of it may take: the opening, the verification and four fields.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two looks at the calls.
const GLANCE: Duration = Duration::from_millis(500);
/// The controls that are counted, with what a failure of each means.
const CONTROLS: [(&str, &str); 2] =
    [("mute_not_acknowledged", "mutes that were not acknowledged in time"), ("mute_lapsed", "mutes that lapsed")];

/// What one run showed.
struct Outcome {
    callers: usize,
    others: usize,
    paid: Vec<Paid>,
    failed: Vec<String>,
    /// Of each of [`CONTROLS`].
    failures: [f64; 2],
    overruns: f64,
    /// Of the gateway, its vault and the sandbox processor, in cores.
    cores: f64,
    busy: f64,
}

/// Runs it once.
///
/// # Errors
/// Where the gateway does not start or take the calls.
pub(crate) fn captures(plan: &Plan) -> Result<String> {
    let callers = (plan.streams / 4).clamp(1, MOST_KEYED);
    let others = plan.streams.saturating_sub(callers).max(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let servers = runtime.block_on(bind(callers))?;
    let urls = servers.iter().map(BotServer::url).collect::<Result<_, _>>()?;
    let mut plant = Plant::start(plan, Agent::Keyed(urls))?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let lines = plant.open(others, socket.local_addr()?)?;
    let talk = Callers::start(&socket, lines, &Arc::new(Board::new(others)), 0)?;
    let outcome = watch(&runtime, &mut plant, servers, others)?;
    drop(talk);
    plant.close()?;
    plant.gateway.stop()?;
    Ok(told(&outcome))
}

async fn bind(count: usize) -> Result<Vec<BotServer>, BotError> {
    let mut servers = Vec::with_capacity(count);
    for _ in 0..count {
        servers.push(BotServer::bind().await?);
    }
    Ok(servers)
}

/// Has everybody pay, and looks after the other calls meanwhile.
fn watch(runtime: &Runtime, plant: &mut Plant, servers: Vec<BotServer>, others: usize) -> Result<Outcome> {
    let (operations, callers) = (plant.gateway.addresses().operations, servers.len());
    let (together, sip) = (Arc::new(Barrier::new(callers)), plant.gateway.addresses().sip_udp);
    let busy = Busy::start()?;
    let (before, usage, began) = (Metrics::read(operations)?, Usage::of(plant.gateway.id()), Instant::now());
    let payments: Vec<JoinHandle<Result<Paid>>> = servers
        .into_iter()
        .enumerate()
        .map(|(number, server)| {
            let caller = Caller { number, sip, card: Card::of(number), together: Arc::clone(&together) };
            runtime.spawn(caller.pay(server))
        })
        .collect();
    while !payments.iter().all(JoinHandle::is_finished) && began.elapsed() < PATIENCE {
        plant.attend(Instant::now() + GLANCE)?;
    }
    let (after, cores) = (Metrics::read(operations)?, Usage::of(plant.gateway.id()).seconds_since(&usage));
    let cores = cores / began.elapsed().as_secs_f64();
    let since = |name: &str, label: &str| after.total(name, label) - before.total(name, label);
    let failures =
        CONTROLS.map(|(control, _)| since("tonegate_control_failures_total", &format!("control=\"{control}\"")));
    let mut outcome = Outcome {
        callers,
        others,
        paid: Vec::new(),
        failed: Vec::new(),
        failures,
        overruns: since("tonegate_tick_overruns_total", ""),
        cores,
        busy: busy.share(),
    };
    for payment in payments {
        payment.abort();
        match runtime.block_on(payment).context("it did not end in time").flatten() {
            Ok(paid) => outcome.paid.push(paid),
            Err(error) => outcome.failed.push(format!("{error:#}")),
        }
    }
    Ok(outcome)
}

fn told(outcome: &Outcome) -> String {
    let own = outcome.paid.iter().filter(|paid| paid.is_own).count();
    let again: usize = outcome.paid.iter().map(|paid| paid.asked_again).sum();
    let put_off: usize = outcome.paid.iter().map(|paid| paid.put_off).sum();
    let waits = sorted(outcome.paid.iter().map(|paid| paid.until_asked.as_secs_f64() * 1e3));
    let mut table = Table::new(["Of the captures", "How many", "Bar"]);
    let mut row = |what: &str, count: f64, bar: f64| {
        let verdict = if count == bar { "reached" } else { "missed" };
        table.row([what.to_owned(), format!("{count}"), format!("{bar}: {verdict}")]);
    };
    row("approved, with the last four digits of the caller's own card", own as f64, outcome.callers as f64);
    row("fields that had to be keyed again", again as f64, 0.0);
    for ((_, what), failures) in CONTROLS.iter().zip(outcome.failures) {
        row(what, failures, 0.0);
    }
    let mut text = format!(
        "{} calls, {} of them in a capture at the same time; each of these callers keys a card that nobody else has, as telephone-events, and has a\n\
         bot of their own. Calls are recorded. Beside the gateway a program for each core does nothing but turn: cores were busy for {} % of\n\
         the time, and the gateway with its vault and processor had {} of them; {} slots were over their budget.\n\n{table}\n\
         From a bot's first request until its caller was asked for the number, all of them at once: {} ms at p50, {} ms at the longest;\n\
         the gateway put {put_off} requests off for a second.\n",
        outcome.callers + outcome.others,
        outcome.callers,
        number(outcome.busy),
        number(outcome.cores),
        outcome.overruns,
        number(at(&waits, 0.5)),
        number(at(&waits, 1.0)),
    );
    for failed in &outcome.failed {
        text += &format!("\nA payment failed: {failed}.\n");
    }
    text
}
