//! The gateway's own histogram of what it adds, from `/metrics`.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::Result;

/// How long the gateway may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// All metrics as text.
pub(crate) struct Metrics(String);

impl Metrics {
    pub(crate) fn read(server: SocketAddr) -> Result<Self> {
        let mut socket = TcpStream::connect_timeout(&server, DEADLINE)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.write_all(format!("GET /metrics HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut text = Vec::new();
        socket.read_to_end(&mut text)?;
        Ok(Self(String::from_utf8_lossy(&text).into_owned()))
    }

    /// The sum of a counter over the series whose labels contain `label`.
    pub(crate) fn total(&self, name: &str, label: &str) -> f64 {
        self.series(name, label).map(|(_, value)| value).sum()
    }

    /// An upper bound in milliseconds of a share of what was added in one direction since `before`: the end of the
    /// histogram's bucket that holds it.
    pub(crate) fn added_since(&self, before: &Self, direction: &str, share: f64) -> f64 {
        let (now, then) = (self.buckets(direction), before.buckets(direction));
        let counts: Vec<_> = now
            .iter()
            .map(|(end, count)| {
                let before = then.iter().find(|(other, _)| other == end).map_or(0.0, |(_, count)| *count);
                (*end, count - before)
            })
            .collect();
        let wanted = share * counts.last().map_or(0.0, |(_, all)| *all);
        counts.iter().find(|(_, count)| *count >= wanted && *count > 0.0).map_or(f64::NAN, |(end, _)| end * 1e3)
    }

    fn buckets(&self, direction: &str) -> Vec<(f64, f64)> {
        let series = self.series("tonegate_added_latency_seconds_bucket", direction);
        let end = |labels: &str| labels.split_once("le=\"")?.1.split('"').next()?.replace("+Inf", "inf").parse().ok();
        series.filter_map(|(labels, count)| Some((end(labels)?, count))).collect()
    }

    fn series<'a>(&'a self, name: &'a str, label: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
            let is_this = labels.is_empty() || labels.starts_with('{');
            (is_this && labels.contains(label)).then(|| Some((labels, value.trim().parse().ok()?)))?
        })
    }
}
