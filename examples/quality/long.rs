//! Five minutes over a lossy relay on loopback: does it sound right throughout, and do the gateway's counters say what the
//! relay did?

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use testkit::{
    line::{Arrival, TICK, payloads},
    relay::{Impairment, Model, Relay, RelayCounts},
    speech::Script,
};

use crate::{
    Arguments, LEAD_SECONDS,
    caller::{Caller, Payloads},
    cell::Cell,
    live,
    score::{Hearing, Judge},
};

/// Its length in seconds.
const SECONDS: usize = 300;
/// How long the metrics may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of it.
pub(crate) struct LongCall {
    script: Script,
    heard: Vec<i16>,
    relay: RelayCounts,
    metrics: String,
}

/// Holds the call with a gateway of its own.
pub(crate) async fn talk(arguments: &Arguments) -> Result<LongCall> {
    let seconds = if arguments.quick { 30 } else { SECONDS };
    let script = Script::lasting(seconds, LEAD_SECONDS)?;
    let gateway = live::start(&arguments.directory.join("gateway-long"), 1)?;
    let payloads: Payloads = Arc::new(payloads(&script.samples));
    // The relay delays and loses: here packets leave evenly.
    let even: Vec<Arrival> = (0..payloads.len()).map(|packet| Arrival { at: TICK * packet as u32, packet }).collect();
    let relay = Relay::bind(IpAddr::V4(Ipv4Addr::LOCALHOST)).await?;
    let near = relay.near()?;
    let caller = Caller::place(gateway.addresses().sip_udp, "collections", 1, Some(relay.far()?.port())).await?;
    let back = Impairment::new(Model::default(), arguments.seed);
    let running = relay.run(caller.far(), Cell::of_the_long_call().path(arguments.seed), back);
    let heard = caller.speak(near, &payloads, &even).await?;
    let metrics = scrape(gateway.addresses().operations)?;
    let relay = running.counts();
    gateway.stop()?;
    Ok(LongCall { script, heard, relay, metrics })
}

impl LongCall {
    /// Scores it and writes what was found.
    pub(crate) fn write(self, out: &mut impl Write, arguments: &Arguments) -> Result<()> {
        let Self { script, heard, relay, metrics } = self;
        let judge = Judge { script: &script, python: &arguments.python, directory: &arguments.directory };
        let scores = judge.score(&[Hearing { who: "long-gateway".to_owned(), samples: heard }])?;
        let score = scores.into_iter().next().context("a score")?;
        let cell = Cell::of_the_long_call();
        writeln!(out, "### One call of {} s through the relay\n", script.samples.len() / 8_000)?;
        writeln!(
            out,
            "Loss {}, jitter {} ms. PESQ of each piece, with its delay in milliseconds:\n",
            cell.loss(),
            cell.jitter()
        )?;
        let delay = |delay: &Option<f64>| delay.map_or_else(|| "–".to_owned(), |delay| format!("{delay:.0}"));
        let pieces = score.pieces.iter().zip(&score.delays);
        let pieces: Vec<_> = pieces.map(|(points, piece)| format!("{points:.2} ({})", delay(piece))).collect();
        writeln!(out, "{}; mean {:.2}, worst {:.2}.\n", pieces.join(", "), score.mean(), score.worst())?;
        writeln!(out, "| Count | Relay | Gateway |\n| --- | --- | --- |")?;
        let (outward, total) = (relay.outward, |name: &str, label: &str| sum(&metrics, name, label));
        let received = total("tonegate_rtp_packets_total", "direction=\"received\"");
        writeln!(
            out,
            "| packets that got through | {} of {} | {received} |",
            outward.came - outward.lost,
            outward.came
        )?;
        writeln!(out, "| lost | {} | {} |", outward.lost, total("tonegate_rtp_packets_lost_total", ""))?;
        let gaps = total("tonegate_rtp_gaps_concealed_total", "");
        writeln!(out, "| gaps | {} runs lost | {gaps} filled |", outward.bursts)?;
        let dropped = |reason: &str| total("tonegate_drops_total", &format!("reason=\"{reason}\""));
        let (late, all) = (dropped("late"), total("tonegate_drops_total", "queue=\"rtp\""));
        writeln!(out, "| dropped | {} | {late} late, {} else |\n", relay.refused, all - late)?;
        Ok(())
    }
}

/// The gateway's metrics.
fn scrape(operations: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&operations, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    ensure!(text.contains(" 200 "), "no metrics");
    Ok(text)
}

/// The sum of a metric over the series whose labels contain `label`.
fn sum(metrics: &str, name: &str, label: &str) -> f64 {
    let series = metrics.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
    let these = series.filter(|(labels, _)| (labels.is_empty() || labels.starts_with('{')) && labels.contains(label));
    these.filter_map(|(_, value)| value.parse::<f64>().ok()).sum()
}
