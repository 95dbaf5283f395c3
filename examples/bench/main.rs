//! Measures a real `tonegate serve` under load and prints a table: `make bench`.
//!
//! This program is the callers (SIP and RTP over loopback) and the bot (a WebSocket server that says back what it hears).
//! Every packet carries a stamp, so that it is found again at the bot and at the caller. It judges nothing: the exit status
//! is 0 where the measurement could be made, whatever the figures are.

mod bot;
mod media;
mod plant;
mod process;
mod report;
mod rounds;
mod samples;
mod scrape;
mod signalling;
mod stamp;

use std::{path::PathBuf, sync::Arc};

use anyhow::{Result, ensure};
use clap::Parser;

use bot::EchoBot;
use stamp::Board;

/// Load and its measurement.
#[derive(Debug, Parser)]
struct Arguments {
    /// Calls bridged to the bot at once.
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// Length of a round.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Rounds of which the median is told.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Calls a second where calls are set up and ended at once.
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// 10 calls and one round of 3 seconds, to see that everything works.
    #[arg(long)]
    quick: bool,
    /// Runs under SCHED_FIFO where the machine allows it, so that other programs are not measured.
    #[arg(long)]
    realtime: bool,
    /// The gateway's program, where it is not the one built beside this one.
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// Where the gateway's files go.
    #[arg(long, default_value = "target/bench")]
    directory: PathBuf,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.quick {
        arguments = Arguments { calls: 10, seconds: 3, rounds: 1, ..arguments };
    }
    ensure!((1..=stamp::MOST_CALLS).contains(&arguments.calls), "--calls is between 1 and {}", stamp::MOST_CALLS);
    ensure!((1..=3_600).contains(&arguments.seconds), "--seconds is between 1 and 3600");
    ensure!((1..=100).contains(&arguments.rounds), "--rounds is between 1 and 100");
    ensure!((0.1..=1_000.0).contains(&arguments.rate), "--rate is between 0.1 and 1000");
    let load = report::load_average();
    let board = Arc::new(Board::new(arguments.calls));
    let bot = EchoBot::start(Arc::clone(&board))?;
    let gateway = plant::start(&arguments, &bot.url)?;
    let realtime = arguments.realtime && plant::make_realtime(&gateway);
    let bridged = rounds::bridge(&arguments, &gateway, &bot, &board)?;
    let set_up = (0..arguments.rounds).map(|_| rounds::set_up(&arguments, &gateway)).collect::<Result<Vec<_>>>()?;
    report::print(&arguments, realtime, &load, &bridged, &set_up)?;
    gateway.stop()?;
    Ok(())
}
