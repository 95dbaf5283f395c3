//! How callers sound over bad lines, scored with PESQ beside other jitter buffers: `make quality`.
//!
//! Recorded speech goes as packets over lines that lose and delay them, and is said back. `--virtual` has the gateway's
//! own media leg do it in virtual time, without sockets, in seconds. Neither judges anything: the exit status is 0 where the
//! measurement could be made. `--judge` holds one call of five minutes, and leaves with another status where it does not sound
//! right, or is not counted right.

mod baresip;
mod caller;
mod cell;
mod live;
mod long;
mod naive;
#[path = "../bench/results.rs"]
mod results;
mod score;
mod table;
mod virtually;

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use cell::Cell;
use results::Place;
use score::Judge;
use testkit::speech::{self, Script};

/// Where the tables lie in their document.
const PLACE: Place = Place {
    begin: "<!-- the newest quality tables, written by make bench -->\n",
    end: "<!-- the end of the quality tables -->\n",
};
/// Silence that is sent first, so that buffers learn the line; and the gateway says its notices meanwhile.
const LEAD_SECONDS: usize = 12;

/// Lines and how they are tried.
#[derive(Debug, Parser)]
struct Arguments {
    /// In virtual time: the gateway's media leg without sockets.
    #[arg(long = "virtual")]
    is_virtual: bool,
    /// The long call alone, in virtual time and through a lossy relay: whether it sounds right, and whether the gateway's
    /// counters say what the relay did. With `--virtual` without the relay.
    #[arg(long, conflicts_with = "results")]
    judge: bool,
    /// One piece, four lines and a long call of 30 s, to see that everything works.
    #[arg(long)]
    quick: bool,
    /// Pieces of speech, of 10 to 12 s each.
    #[arg(long, default_value_t = speech::PIECE_COUNT)]
    pieces: usize,
    /// Added to the seed of every line.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A Python that has the packages `pesq` and `numpy`.
    #[arg(long, default_value = "target/quality-tools/bin/python")]
    python: PathBuf,
    /// A document whose newest tables are replaced by these.
    #[arg(long)]
    results: Option<PathBuf>,
    /// Where files go.
    #[arg(long, default_value = "target/quality")]
    directory: PathBuf,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.quick {
        arguments.pieces = 1;
    }
    ensure!((1..=speech::PIECE_COUNT).contains(&arguments.pieces), "--pieces is between 1 and {}", speech::PIECE_COUNT);
    let directory = &arguments.directory;
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    if arguments.judge {
        return judge(&arguments);
    }
    let script = Script::of(arguments.pieces, if arguments.is_virtual { 3 } else { LEAD_SECONDS })?;
    let judge = Judge { script: &script, python: &arguments.python, directory };
    let mut cells = Cell::all();
    if arguments.quick {
        cells = cells.into_iter().step_by(10).collect();
    }
    let tables = if arguments.is_virtual {
        virtually::run(&arguments, &judge, &cells)?
    } else {
        tokio::runtime::Runtime::new()?.block_on(live::run(&arguments, &script, &cells))?
    };
    io::stdout().write_all(&tables)?;
    if let Some(results) = &arguments.results {
        PLACE.replace(results, &String::from_utf8(tables)?)?;
    }
    Ok(())
}

/// Has the long call judged.
fn judge(arguments: &Arguments) -> Result<()> {
    let mut tables = Vec::new();
    let faults = tokio::runtime::Runtime::new()?.block_on(long::judge(arguments, &mut tables))?;
    io::stdout().write_all(&tables)?;
    ensure!(faults.is_empty(), "the long call is not as it should be:\n{}", faults.join("\n"));
    writeln!(io::stdout(), "The long call sounds right, and is counted right.")?;
    Ok(())
}
