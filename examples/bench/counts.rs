//! Counts beside time: system calls and instructions for a packet. They repeat where time does not.

mod instructions;
mod system_calls;

pub(crate) use system_calls::calls_per_packet;

use anyhow::Result;

use crate::{
    Plan, Voices,
    bot::EchoBot,
    peer::{Floor, Peer},
    plant::{Agent, Plant},
};

/// Packets a second and call, each way.
const PACKETS: f64 = 50.0;

/// What is counted.
#[derive(Clone, Copy)]
enum Kind {
    FloorEcho,
    Echo,
    FloorBridge,
    Bridge,
    Secure,
}

impl Kind {
    const ALL: [Self; 5] = [Self::FloorEcho, Self::Echo, Self::FloorBridge, Self::Bridge, Self::Secure];

    fn is_floor(self) -> bool {
        matches!(self, Self::FloorEcho | Self::FloorBridge)
    }

    fn calls(self, plan: &Plan) -> usize {
        if matches!(self, Self::FloorEcho | Self::Echo) { plan.streams } else { plan.calls }
    }

    /// Starts it, under a program that counts where one is named.
    fn start(self, plan: &Plan, bot: &EchoBot, prefix: &str) -> Result<Box<dyn Peer>> {
        Ok(match self {
            Self::FloorEcho => Box::new(Floor::echo(false).under(prefix)),
            Self::FloorBridge => Box::new(Floor::bridge(bot.port, false, false).under(prefix)),
            Self::Echo => Box::new(Plant::under(plan, Agent::Echo, prefix)?),
            Self::Bridge => Box::new(Plant::under(plan, Agent::Bot(bot.url()), prefix)?),
            Self::Secure => {
                let mut plant = Plant::under(plan, Agent::Bot(bot.url()), prefix)?;
                plant.secure(true);
                Box::new(plant)
            }
        })
    }
}

/// System calls and instructions of the floors and of the gateway.
///
/// # Errors
/// Where a peer does not start or cannot be counted.
pub(crate) fn counts(plan: &Plan, bot: &EchoBot, voices: &Voices) -> Result<String> {
    let system_calls = system_calls::count(plan, bot)?;
    let instructions = instructions::count(plan, bot, voices)?;
    Ok(format!("{system_calls}\n{instructions}"))
}
