//! The alert rules, their runbooks and the dashboard, against the table of metrics.

use serde_json::Value;

use super::*;

const ALERTS: &str = include_str!("../../../deploy/prometheus/alerts.yml");
const ALERT_TESTS: &str = include_str!("../../../deploy/prometheus/alerts.test.yml");
const DASHBOARD: &str = include_str!("../../../deploy/prometheus/dashboard.json");

/// The metrics an expression names, without what the text format adds to a histogram's name.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|character: char| !(character.is_ascii_lowercase() || character == '_'));
    let names = words.filter(|word| word.starts_with("tonegate_"));
    let known = |name: &&str| METRICS.iter().any(|metric| metric.name == *name);
    names
        .map(|name| {
            ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix).filter(known))
                .unwrap_or(name)
        })
        .collect()
}

fn assert_known(names: &BTreeSet<&str>, place: &str) {
    for name in names {
        assert!(METRICS.iter().any(|metric| metric.name == *name), "{place} uses {name}, which does not exist");
    }
}

fn alerts() -> BTreeSet<&'static str> {
    ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

#[test]
fn alerts_use_only_metrics_that_exist() {
    let names = metrics_in(ALERTS);
    assert!(names.len() > 15, "the rules were read wrongly: {names:?}");
    assert_known(&names, "alerts.yml");
    assert_known(&metrics_in(ALERT_TESTS), "alerts.test.yml");
}

#[test]
fn every_alert_is_tested_and_has_a_runbook_and_no_runbook_is_left_over() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/runbooks");
    let pages: BTreeSet<String> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let expected: BTreeSet<String> = alerts().iter().map(|alert| format!("{alert}.md")).collect();
    assert_eq!(pages, expected);
    for alert in alerts() {
        assert!(ALERTS.contains(&format!("runbook: runbooks/{alert}.md")), "{alert} names no runbook");
        assert!(ALERT_TESTS.contains(&format!("alertname=\"{alert}\"")), "{alert} has no test");
        let page = std::fs::read_to_string(format!("{directory}/{alert}.md")).unwrap();
        for part in ["**Meaning.**", "**Check.**", "**Act.**"] {
            assert!(page.contains(part), "the runbook of {alert} lacks {part}");
        }
    }
}

#[test]
fn the_dashboard_shows_every_metric_and_only_those() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let expressions: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    let shown: BTreeSet<&str> = expressions.iter().flat_map(|expression| metrics_in(expression)).collect();
    assert_known(&shown, "dashboard.json");
    for metric in METRICS {
        assert!(shown.contains(metric.name), "the dashboard does not show {}", metric.name);
    }
}
