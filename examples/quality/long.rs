//! Five minutes over a lossy relay on loopback: does it sound right throughout, and do the gateway's counters say what the
//! relay did? And the same in virtual time, without sockets.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use testkit::{
    line::{self, Arrival, Counted, TICK, payloads},
    relay::{Counts, Impairment, Model, Relay},
    speech::Script,
};
use tokio::time::{Instant, sleep};

use crate::{
    Arguments, LEAD_SECONDS,
    caller::{Caller, Payloads},
    cell::Cell,
    live,
    score::{Hearing, Judge, Score},
};

/// Its length in seconds.
const SECONDS: usize = 300;
/// What its pieces have to score on average: 3.28 in virtual time and 3.27 through the relay, with the seed 0, less 0.3 for a
/// busy machine.
const LEAST_SCORE: f64 = 2.95;
/// How long the end of the call, and its metrics, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time between two looks whether the call is over.
const LOOK: Duration = Duration::from_millis(50);

/// What came of it.
pub(crate) struct LongCall {
    way: Way,
    script: Script,
    heard: Vec<i16>,
    line: Counts,
    counted: Counted,
}

/// How the call went over its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Through the relay, to a gateway.
    Loopback,
    /// To the gateway's media leg, without sockets.
    Virtual,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Loopback => "through the relay",
            Self::Virtual => "in virtual time",
        }
    }
}

/// Holds the call with a gateway of its own.
pub(crate) async fn talk(arguments: &Arguments) -> Result<LongCall> {
    let script = script(arguments)?;
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
    let counted = count(gateway.addresses().operations).await?;
    let line = running.counts().outward;
    gateway.stop()?;
    Ok(LongCall { way: Way::Loopback, script, heard, line, counted })
}

/// Holds the call in virtual time.
pub(crate) fn imagine(arguments: &Arguments) -> Result<LongCall> {
    let script = script(arguments)?;
    let mut path = Cell::of_the_long_call().path(arguments.seed);
    let passage = line::pass(&script.samples, &mut path)?;
    let counted = Counted::of(&passage);
    Ok(LongCall { way: Way::Virtual, script, heard: passage.echo, line: path.counts(), counted })
}

fn script(arguments: &Arguments) -> Result<Script> {
    let seconds = if arguments.quick { 30 } else { SECONDS };
    Ok(Script::lasting(seconds, LEAD_SECONDS)?)
}

/// Holds the call alone, in virtual time and through the relay, and writes what came of it. What is wrong with it.
pub(crate) async fn judge(arguments: &Arguments, out: &mut impl Write) -> Result<Vec<String>> {
    let mut calls = vec![imagine(arguments)?];
    if !arguments.is_virtual {
        calls.push(talk(arguments).await?);
    }
    let mut faults = Vec::new();
    for call in &calls {
        let score = call.write(out, arguments)?;
        faults.extend(call.faults(&score));
    }
    Ok(faults)
}

impl LongCall {
    /// Scores it and writes what was found.
    pub(crate) fn write(&self, out: &mut impl Write, arguments: &Arguments) -> Result<Score> {
        let judge = Judge { script: &self.script, python: &arguments.python, directory: &arguments.directory };
        let who = format!("long-{}", self.way.name().replace(' ', "-"));
        let scores = judge.score(&[Hearing { who, samples: self.heard.clone() }])?;
        let score = scores.into_iter().next().context("a score")?;
        self.write_score(out, &score)?;
        self.write_counts(out)?;
        Ok(score)
    }

    fn write_score(&self, out: &mut impl Write, score: &Score) -> Result<()> {
        let (seconds, cell) = (self.script.samples.len() / 8_000, Cell::of_the_long_call());
        writeln!(out, "### One call of {seconds} s {}\n", self.way.name())?;
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
        Ok(())
    }

    fn write_counts(&self, out: &mut impl Write) -> Result<()> {
        let (line, counted) = (&self.line, &self.counted);
        writeln!(out, "| Count | Line | Gateway |\n| --- | --- | --- |")?;
        let (passed, received) = (line.came - line.lost, counted.received);
        writeln!(out, "| packets that got through | {passed} of {} | {received} |", line.came)?;
        writeln!(out, "| lost | {} | {} |", line.lost, counted.lost)?;
        writeln!(out, "| gaps | {} runs lost | {} filled |", line.bursts, counted.gaps)?;
        writeln!(out, "| dropped | | {} late, {} else |\n", counted.late, counted.dropped)?;
        Ok(())
    }

    /// What is wrong with it.
    fn faults(&self, score: &Score) -> Vec<String> {
        let (way, mean) = (self.way.name(), score.mean());
        let is_poor = mean < LEAST_SCORE;
        let poor = is_poor.then(|| format!("{way}: PESQ {mean:.2} on average, and {LEAST_SCORE} is the least"));
        let wrong = self.counted.disagreements(&self.line);
        poor.into_iter().chain(wrong.iter().map(|wrong| format!("{way}: {wrong}"))).collect()
    }
}

/// What the gateway has counted, once its call is over.
async fn count(operations: SocketAddr) -> Result<Counted> {
    let deadline = Instant::now() + PATIENCE;
    let mut metrics = scrape(operations)?;
    while sum(&metrics, "tonegate_calls_active", "") > 0.0 {
        ensure!(Instant::now() < deadline, "the call does not end");
        sleep(LOOK).await;
        metrics = scrape(operations)?;
    }
    let total = |name: &str, label: &str| sum(&metrics, name, label) as u64;
    let late = total("tonegate_drops_total", "reason=\"late\"");
    Ok(Counted {
        received: total("tonegate_rtp_packets_total", "direction=\"received\""),
        lost: total("tonegate_rtp_packets_lost_total", ""),
        gaps: total("tonegate_rtp_gaps_concealed_total", ""),
        late,
        dropped: total("tonegate_drops_total", "queue=\"rtp\"").saturating_sub(late),
    })
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
