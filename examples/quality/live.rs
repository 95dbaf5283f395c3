//! The table in real time: the gateway and baresip say back what they hear, all lines at once, while the naive buffers are
//! computed from the same arrivals.

use std::{io::Write, net::SocketAddr, path::Path, sync::Arc, time::Instant};

use anyhow::{Context, Result, ensure};
use testkit::{
    gateway::{Agent, Gateway, GatewayOptions},
    line::{arrivals, payloads},
    speech::Script,
};
use tokio::task::JoinSet;

use crate::{
    Arguments,
    baresip::{self, Baresip},
    caller::{Caller, Payloads},
    cell::Cell,
    long, naive,
    score::{Hearing, Judge, Score},
    table,
};

/// Who hears, in the order of the columns.
const WHO: [&str; 4] = ["gateway", "baresip", "fixed 60", "fixed 200"];
/// Whom the gateway is called as.
const USER: &str = "collections";

/// Tries all lines and the long call, and writes what came of them.
pub(crate) async fn run(arguments: &Arguments, script: &Script, cells: &[Cell]) -> Result<Vec<u8>> {
    let directory = &arguments.directory;
    let began = Instant::now();
    let mut out = Vec::new();
    table::write_machine(&mut out)?;
    let gateway = start(&directory.join("gateway"), cells.len())?;
    let peer = Baresip::start(&directory.join("baresip"), cells.len() + 1)?;
    let servers = [(gateway.addresses().sip_udp, USER), (peer.server, baresip::USER)];
    let payloads: Payloads = Arc::new(payloads(&script.samples));
    let (heard, long) = tokio::try_join!(talk(arguments, cells, &servers, &payloads), long::talk(arguments))?;
    gateway.stop()?;
    drop(peer);
    let judge = Judge { script, python: &arguments.python, directory };
    let scores = score(arguments, cells, &judge, &payloads, heard)?;
    writeln!(out, "### Over loopback\n")?;
    table::write(&mut out, cells, &WHO, &scores)?;
    long.write(&mut out, arguments)?;
    writeln!(out, "All of it took {:.0} s.", began.elapsed().as_secs_f64())?;
    Ok(out)
}

/// A gateway whose agent is an echo, without recordings.
pub(crate) fn start(directory: &Path, calls: usize) -> Result<Gateway> {
    if directory.exists() {
        std::fs::remove_dir_all(directory)?;
    }
    let mut options = GatewayOptions::new(directory);
    options.agent = Agent::Echo;
    options.capacity = u32::try_from(calls)?;
    options.log = "warn,tonegate=info".to_owned();
    let here = std::env::current_exe()?;
    let program = here.parent().and_then(Path::parent).context("the build directory")?.join("tonegate");
    ensure!(program.exists(), "{} is missing; `make quality` builds it", program.display());
    Ok(Gateway::start(&program, &options)?)
}

/// Calls every server once for each line, all at once. What was heard, by cell and server.
async fn talk(
    arguments: &Arguments,
    cells: &[Cell],
    servers: &[(SocketAddr, &'static str); 2],
    payloads: &Payloads,
) -> Result<Vec<[Vec<i16>; 2]>> {
    let mut calls = JoinSet::new();
    for (number, cell) in cells.iter().enumerate() {
        let arrivals = Arc::new(arrivals(payloads.len(), &mut cell.path(arguments.seed + number as u64)));
        for (which, &(server, user)) in servers.iter().enumerate() {
            let caller = Caller::place(server, user, number, None).await?;
            let (payloads, arrivals) = (Arc::clone(payloads), Arc::clone(&arrivals));
            calls.spawn(async move {
                let far = caller.far();
                let heard = caller.speak(far, &payloads, &arrivals).await;
                (number, which, heard.with_context(|| format!("line {number} to {user}")))
            });
        }
    }
    let mut all = vec![[Vec::new(), Vec::new()]; cells.len()];
    while let Some(done) = calls.join_next().await {
        let (number, which, heard) = done?;
        all[number][which] = heard?;
    }
    Ok(all)
}

fn score(
    arguments: &Arguments,
    cells: &[Cell],
    judge: &Judge<'_>,
    payloads: &Payloads,
    heard: Vec<[Vec<i16>; 2]>,
) -> Result<Vec<Score>> {
    let mut hearings = Vec::new();
    for (number, (cell, [gateway, peer])) in cells.iter().zip(heard).enumerate() {
        let arrivals = arrivals(payloads.len(), &mut cell.path(arguments.seed + number as u64));
        let naive = |buffer| naive::hear(payloads, &arrivals, buffer);
        let heard = [gateway, peer, naive(naive::SHORT), naive(naive::LONG)];
        let hearing =
            |(who, samples): (&str, _)| Hearing { who: format!("live-{number}-{}", who.replace(' ', "-")), samples };
        hearings.extend(WHO.into_iter().zip(heard).map(hearing));
    }
    judge.score(&hearings)
}
