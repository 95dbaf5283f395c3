//! Tables in Markdown.

use std::fmt::{self, Display};

use crate::samples::Percentiles;

/// Rows under a head.
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const COLUMNS: usize>(head: [&str; COLUMNS]) -> Self {
        Self { head: head.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub(crate) fn of<'a>(head: impl IntoIterator<Item = &'a str>) -> Self {
        Self { head: head.into_iter().map(str::to_owned).collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "| {} |", self.head.join(" | "))?;
        writeln!(formatter, "|{}", " --- |".repeat(self.head.len()))?;
        for row in &self.rows {
            writeln!(formatter, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

/// A figure with as many digits as it is worth.
pub(crate) fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "none".to_owned(),
        value if value.is_infinite() => "beyond".to_owned(),
        value if value.abs() >= 100.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}

/// Figures one after the other.
pub(crate) fn numbers(values: impl IntoIterator<Item = f64>) -> String {
    values.into_iter().map(number).collect::<Vec<_>>().join(", ")
}

/// p50 / p99 / p99.9.
pub(crate) fn percentiles(percentiles: &Percentiles) -> String {
    percentiles.milliseconds.map(number).join(" / ")
}

/// A figure against its bar.
pub(crate) fn verdict(value: f64, bar: f64) -> String {
    if value.is_nan() {
        "not measured".to_owned()
    } else if value <= bar {
        format!("≤ {bar}: reached")
    } else {
        format!("≤ {bar}: missed")
    }
}
