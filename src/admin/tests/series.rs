//! What an alert counts is there before it happens.

use super::super::{METRICS, metrics::builder, series};

const ALERTS: &str = include_str!("../../../deploy/prometheus/alerts.yml");
const ALERT_TESTS: &str = include_str!("../../../deploy/prometheus/alerts.test.yml");
/// Alerts only while more than one a second is dropped, by queues and reasons of many crates: no first event counts.
const UNCOUNTED: &str = "tonegate_drops_total";

/// What `/metrics` holds before anything has happened.
fn fresh() -> String {
    let recorder = builder().unwrap().build_recorder();
    let handle = recorder.handle();
    ::metrics::with_local_recorder(&recorder, || {
        series::show();
        series::show_trunk("local");
        let stop = tokio_util::sync::CancellationToken::new();
        stop.cancel();
        let supervised = backends::child::supervise("recogniser", stop, || async { backends::child::ExitReason::Exit });
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(supervised);
    });
    handle.render()
}

/// The selectors of counters in `text`: the name and what stands in braces.
fn selectors(text: &str) -> Vec<(&str, &str)> {
    let starts = text.match_indices("tonegate_").map(|(at, _)| &text[at..]);
    starts
        .filter_map(|rest| {
            let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
            let (name, rest) = rest.split_at(end);
            let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(labels, _)| labels);
            (name.ends_with("_total") && name != UNCOUNTED).then_some((name, labels))
        })
        .collect()
}

/// Whether a fresh series has the name and a label whose value fits `pattern`, a literal or one that ends in `.*`.
fn has(fresh: &str, name: &str, label: &str, pattern: &str) -> bool {
    let start = match pattern.strip_suffix(".*") {
        Some(start) => format!("{label}=\"{start}"),
        None => format!("{label}=\"{pattern}\""),
    };
    fresh.lines().any(|line| line.starts_with(&format!("{name}{{")) && line.contains(&start) && line.ends_with(" 0"))
}

#[test]
fn every_counter_of_an_alert_stands_at_zero_on_a_fresh_gateway() {
    let (fresh, expressions) = (fresh(), ALERTS.lines().filter(|line| line.trim_start().starts_with("expr:")));
    let mut looked_at = 0;
    for (name, labels) in expressions.flat_map(selectors) {
        assert!(fresh.lines().any(|line| line.starts_with(&format!("{name}{{"))), "{name} is not shown");
        for wanted in labels.split(',').filter(|wanted| !wanted.contains('!') && !wanted.is_empty()) {
            let (label, values) = wanted.split_once('=').unwrap();
            for value in values.trim_start_matches('~').trim_matches('"').split('|') {
                assert!(has(&fresh, name, label, value), "{name}{{{label}={value:?}}} is not shown");
                looked_at += 1;
            }
        }
    }
    assert!(looked_at > 15, "the rules were read wrongly: {looked_at}");
}

#[test]
fn the_tests_of_the_alerts_use_series_that_a_fresh_gateway_shows() {
    let fresh = fresh();
    let given = ALERT_TESTS.lines().filter(|line| line.trim_start().starts_with("- series:"));
    for (name, labels) in given.flat_map(selectors) {
        for (label, value) in labels.split(',').filter_map(|pair| pair.trim().split_once('=')) {
            let value = value.trim_matches('"');
            let is_set_elsewhere = matches!(label, "instance" | "child" | "job");
            assert!(is_set_elsewhere || has(&fresh, name, label, value), "{name}{{{label}={value:?}}} is not shown");
        }
    }
}

/// The names in quotes after `=>` of the function that begins with `head`.
fn names_of<'a>(source: &'a str, head: &str) -> Vec<&'a str> {
    let body = source.split_once(head).and_then(|(_, rest)| rest.split_once("}\n}\n")).map(|(body, _)| body);
    let arms = body.unwrap_or_else(|| panic!("{head} is not there")).split("=> \"").skip(1);
    arms.filter_map(|arm| arm.split('"').next()).collect()
}

#[test]
fn the_outcomes_of_transfers_are_all_known() {
    let (_, _, values) = series::SERIES.iter().find(|(listed, _, _)| *listed == "tonegate_transfers_total").unwrap();
    let mut outcomes = call::transfer::OUTCOMES;
    outcomes.sort_unstable();
    assert_eq!(*values, outcomes);
}

#[test]
fn the_labels_of_captures_are_all_known() {
    let source = include_str!("../../call/control/capture/controls.rs");
    let values = |name: &str| {
        let (_, _, values) = series::SERIES.iter().find(|(listed, _, _)| *listed == name).unwrap();
        values.to_vec()
    };
    let (controls, outcomes) = (values("tonegate_control_failures_total"), values("tonegate_captures_total"));
    let failures = names_of(source, "fn control_label");
    assert!(failures.iter().all(|failure| controls.contains(failure)), "{failures:?}");
    let settled = ["fn control_label", "fn failure_label"].map(|head| names_of(source, head));
    assert!(settled.iter().all(|names| names.len() > 2), "{settled:?}");
    let vault = gate::wire::FailReason::ALL.iter().map(|reason| reason.name());
    let unknown: Vec<_> = settled.into_iter().flatten().chain(vault).filter(|name| !outcomes.contains(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let unmet = call::conditions::Unmet::ALL.map(call::conditions::Unmet::name);
    assert!(unmet.iter().all(|name| outcomes.contains(name)), "{unmet:?}");
}

#[test]
fn whatever_can_become_of_a_request_to_salesforce_is_told() {
    let metric = METRICS.iter().find(|metric| metric.name == "tonegate_salesforce_requests_total").unwrap();
    let mut told: Vec<&str> = metric.help.split('`').skip(1).step_by(2).collect();
    let said = names_of(include_str!("../../book/salesforce/fault.rs"), "pub const fn name(self)");
    let failed = names_of(include_str!("../../backends/salesforce.rs"), "pub const fn name(&self)");
    assert!(said.len() > 10 && failed.len() > 4, "{said:?} {failed:?}");
    // Without a session no request is made.
    let failed = failed.into_iter().filter(|name| *name != "sign_in");
    let mut known: Vec<&str> = said.into_iter().chain(failed).chain(["answered", "abandoned"]).collect();
    known.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, known);
}
