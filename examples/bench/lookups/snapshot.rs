//! What a bot waits for the facts of its call, once they were read: they are the call's, and no org is asked.

use std::sync::Arc;

use anyhow::{Context, Result};
use testkit::bot::BotServer;
use tokio::{runtime::Runtime, sync::Barrier};

use crate::{
    Plan,
    captures::keyed::{Caller, Card},
    plant::{Agent, Plant},
    samples::Percentiles,
};

/// How often the facts are read, one reading after another: for less than two minutes, after which they are read again.
const READINGS: usize = 5_000;

/// Of readings through the interface of a gateway with one call, requests over loopback and their audit entries included.
///
/// # Errors
/// Where the gateway does not start or take the call.
pub(super) fn readings(plan: &Plan, runtime: &Runtime) -> Result<Percentiles> {
    let server = runtime.block_on(BotServer::bind())?;
    let plant = Plant::start(plan, Agent::Keyed(vec![server.url()?]))?;
    let (number, card, together) = (0, Card::of(0), Arc::new(Barrier::new(1)));
    let caller = Caller { number, sip: plant.gateway.addresses().sip_udp, card, together };
    let times = if plan.is_quick { READINGS / 10 } else { READINGS };
    let took = runtime.block_on(caller.read_facts(server, times)).context("the facts are not read")?;
    plant.gateway.stop()?;
    Ok(Percentiles::of(took.iter().map(|took| took.as_nanos() as u64)))
}
