use std::collections::BTreeSet;
use std::path::Path;

use super::metrics::{builder, describe};
use super::*;

mod series;
mod watching;

const README: &str = include_str!("../../deploy/prometheus/README.md");

#[test]
fn the_documentation_lists_every_metric_and_no_other() {
    let row = |metric: &Metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let unit = metric.unit.as_ref().map_or("", ::metrics::Unit::as_str);
        format!("| `{}` | {} | {unit} | {} | {} |", metric.name, metric.kind.name(), labels.join(", "), metric.help)
    };
    let expected: Vec<String> = METRICS.iter().map(row).collect();
    let written: Vec<&str> = README.lines().filter(|line| line.starts_with("| `tonegate_")).collect();
    assert!(written == expected, "deploy/prometheus/README.md should say:\n{}", expected.join("\n"));
}

#[test]
fn the_documentation_tells_every_reason_and_queue_of_drops() {
    let (_, told) = README.split_once("## What is dropped").unwrap();
    let names: BTreeSet<&str> = told.split('`').skip(1).step_by(2).collect();
    for reason in rtp::Rejection::ALL.map(rtp::Rejection::name) {
        assert!(names.contains(reason), "what does a packet drop of {reason} mean?");
    }
    let marker = "\"tonegate_drops_total\", \"queue\" => \"";
    let mut used = BTreeSet::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut |text| {
        used.extend(text.split(marker).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    });
    assert!(used.contains("rtp") && used.len() > 10, "the sources were read wrongly: {used:?}");
    let untold: Vec<&String> = used.iter().filter(|queue| !names.contains(queue.as_str())).collect();
    assert!(untold.is_empty(), "what do these queues hold? {untold:?}");
}

#[test]
fn names_follow_the_conventions() {
    let mut names = BTreeSet::new();
    for metric in METRICS {
        assert!(metric.name.starts_with("tonegate_") && names.insert(metric.name), "{}", metric.name);
        assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
        if let Some(unit) = &metric.unit {
            assert!(metric.name.ends_with(unit.as_str()), "{}", metric.name);
        }
    }
}

#[test]
fn no_label_could_hold_anything_private() {
    const PLAIN: &str = "book check child class code command control destination direction grammar method name object outcome queue reason result \
                         route \
                         shard state status store trunk version volume weight";
    for label in METRICS.iter().flat_map(|metric| metric.labels) {
        assert!(PLAIN.split(' ').any(|plain| plain == *label), "{label}: say here why it is safe");
    }
}

/// Shows every source file below a directory.
fn sources(directory: &Path, show: &mut impl FnMut(&str)) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, show);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            show(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_metric_in_the_sources_is_in_the_table() {
    let mut used = BTreeSet::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut |text| {
        let uses = text.match_indices("\"tonegate_").filter(|(at, _)| text[..*at].trim_end().ends_with("!("));
        used.extend(uses.filter_map(|(at, _)| text[at + 1..].split('"').next()).map(str::to_owned));
    });
    let described: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert!(used.contains("tonegate_ready"), "the sources were read wrongly: {used:?}");
    let unknown: Vec<&String> = used.iter().filter(|name| !described.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "describe these in src/admin/metrics.rs: {unknown:?}");
}

#[test]
fn a_histogram_is_exposed_with_its_own_buckets() {
    let recorder = builder().unwrap().build_recorder();
    let handle = recorder.handle();
    ::metrics::with_local_recorder(&recorder, || {
        describe();
        ::metrics::histogram!("tonegate_tick_lag_seconds", "shard" => "0").record(0.003);
    });
    let text = handle.render();
    assert!(text.contains("# HELP tonegate_tick_lag_seconds How late"), "{text}");
    assert!(text.contains("# TYPE tonegate_tick_lag_seconds histogram"), "{text}");
    assert!(text.contains("tonegate_tick_lag_seconds_bucket{shard=\"0\",le=\"0.005\"} 1"), "{text}");
    assert!(text.contains("tonegate_tick_lag_seconds_bucket{shard=\"0\",le=\"0.002\"} 0"), "{text}");
}

#[tokio::test]
async fn the_listener_answers_its_three_routes() {
    let recorder = builder().unwrap().build_recorder();
    let readiness = Arc::new(Readiness::new());
    drop(rustls::crypto::ring::default_provider().install_default());
    let routes = routes(recorder.handle(), Arc::clone(&readiness));
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", socket.local_addr().unwrap());
    let stop = tokio_util::sync::CancellationToken::new();
    let served = tokio::spawn(crate::api::serve(socket, None, routes, stop.clone()));

    assert_eq!(reqwest::get(format!("{base}/healthz")).await.unwrap().status(), 200);
    assert_eq!(reqwest::get(format!("{base}/metrics")).await.unwrap().status(), 200);
    assert_eq!(reqwest::get(format!("{base}/readyz")).await.unwrap().status(), 503);
    Check::ALL.into_iter().for_each(|check| readiness.pass(check));
    let ready = reqwest::get(format!("{base}/readyz")).await.unwrap();
    assert_eq!(ready.status(), 200);
    assert!(ready.text().await.unwrap().contains("ok store"));
    assert_eq!(reqwest::get(format!("{base}/v1/calls")).await.unwrap().status(), 404);

    stop.cancel();
    served.await.unwrap().unwrap();
}
