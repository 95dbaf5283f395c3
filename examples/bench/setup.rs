//! What setting up calls and ending them at once costs.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use anyhow::Result;
use testkit::gateway::Gateway;

use crate::{
    Plan,
    bot::EchoBot,
    plant::{Agent, Plant, SIGNALLING_PATIENCE},
    process::Usage,
    samples::median,
    signalling::{Phase, Signaller},
    table::{Table, number, numbers},
};

/// A pause for what is left of one measurement to end before the next.
const REST: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;

struct Round {
    /// CPU milliseconds of the tree per call, the idle gateway's share taken off.
    cpu: f64,
    completed: usize,
    placed: usize,
    retransmissions: u64,
}

/// INVITE, 200, ACK, BYE and 200 at a fixed rate.
///
/// # Errors
/// Where the gateway does not start.
pub(crate) fn set_up(plan: &Plan, bot: &EchoBot) -> Result<String> {
    let plant = Plant::start(plan, Agent::Bot(bot.url()))?;
    let rounds = (0..ROUNDS).map(|_| round(plan, &plant.gateway)).collect::<Result<Vec<_>>>()?;
    plant.gateway.stop()?;
    let mut table = Table::new(["Setting up and ending", "Median", "Each round"]);
    let mut figure = |name: &str, values: Vec<f64>| {
        table.row([name.to_owned(), number(median(values.iter().copied())), numbers(values)]);
    };
    figure("SIP calls per CPU-second", rounds.iter().map(|round| 1e3 / round.cpu).collect());
    figure("CPU per SIP call, ms", rounds.iter().map(|round| round.cpu).collect());
    let completed = |round: &Round| round.completed as f64 * 100.0 / round.placed.max(1) as f64;
    figure("SIP calls completed, %", rounds.iter().map(completed).collect());
    figure("SIP requests sent again", rounds.iter().map(|round| round.retransmissions as f64).collect());
    Ok(table.to_string())
}

fn round(plan: &Plan, gateway: &Gateway) -> Result<Round> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut signaller = Signaller::new(gateway.addresses().sip_udp, socket.local_addr()?)?;
    signaller.hangs_up = true;
    let idle = idle(gateway, &mut signaller)?;
    let placed = (plan.rate * plan.seconds as f64) as usize;
    let (usage, began) = (Usage::of(gateway.id()), Instant::now());
    signaller.place(placed, plan.rate, SIGNALLING_PATIENCE)?;
    // What ends after the last answer, the records among it, belongs to the calls.
    signaller.attend(Instant::now() + REST)?;
    let spent = Usage::of(gateway.id()).seconds_since(&usage) - idle * began.elapsed().as_secs_f64();
    let completed = signaller.count(Phase::Over);
    Ok(Round {
        cpu: spent * 1e3 / completed.max(1) as f64,
        completed,
        placed,
        retransmissions: signaller.retransmissions,
    })
}

/// CPU seconds a second of a gateway without calls.
fn idle(gateway: &Gateway, signaller: &mut Signaller) -> Result<f64> {
    signaller.attend(Instant::now() + REST)?;
    let (usage, began) = (Usage::of(gateway.id()), Instant::now());
    signaller.attend(began + REST)?;
    Ok(Usage::of(gateway.id()).seconds_since(&usage) / began.elapsed().as_secs_f64())
}
