//! `composite/graph`: graphs of requests, each of which happens whole or not at all ("Composite Graph Limits").

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    composite::{self, Done, Part},
    reference,
};
use crate::{
    call::{Call, Reply},
    failure::Failure,
    world::World,
};

const MOST_GRAPHS: usize = 75;
const MOST_NODES: usize = 500;
const MOST_DEPTH: usize = 15;
/// Most kinds of nodes: of version, method and object together.
const MOST_KINDS: usize = 15;
/// After so many graphs that failed the rest is not tried.
const MOST_FAILED: usize = 14;

#[derive(Deserialize)]
struct Graphs {
    graphs: Vec<Graph>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Graph {
    graph_id: String,
    composite_request: Vec<Part>,
}

pub(super) fn answer(world: &mut World, call: &Call<'_>) -> Result<Reply, Failure> {
    if call.method != "POST" {
        return Err(Failure::method(call.method));
    }
    let graphs: Graphs = serde_json::from_slice(&call.body)
        .map_err(|error| Failure::json(format!("Unrecognized field or value: {error}")))?;
    check(&graphs.graphs)?;
    let (mut told, mut failed) = (Vec::new(), 0);
    for graph in &graphs.graphs {
        let done =
            if failed < MOST_FAILED { run(world, graph) } else { Err("Too many graphs failed before this one.") };
        let (parts, is_successful) = match done {
            Ok(done) => (composite::told(&done), done.iter().all(Done::is_success)),
            Err(message) => (halted(graph, message), false),
        };
        failed += usize::from(!is_successful);
        let response = json!({"compositeResponse": parts});
        told.push(json!({"graphId": graph.graph_id, "graphResponse": response, "isSuccessful": is_successful}));
    }
    Ok(Reply::json(200, json!({"graphs": told})))
}

/// Does a graph whole, or takes it back.
fn run(world: &mut World, graph: &Graph) -> Result<Vec<Done>, &'static str> {
    let savepoint = world.store.savepoint();
    let mut done = composite::run(world, &graph.composite_request, node);
    if !done.iter().all(Done::is_success) {
        world.store.roll_back(savepoint);
        composite::halt(&mut done);
    }
    Ok(done)
}

/// A node may be of `sobjects` alone.
fn node(world: &mut World, call: &Call<'_>) -> Result<Reply, Failure> {
    match call.parts().as_slice() {
        ["sobjects", rest @ ..] => super::object(world, call, rest),
        _ => Err(Failure::bad("INVALID_OPERATION", "a graph has nodes of sobjects only")),
    }
}

fn halted(graph: &Graph, message: &str) -> Value {
    let body = json!([{"errorCode": "PROCESSING_HALTED", "message": message}]);
    let one =
        |part: &Part| json!({"body": body, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": part.reference_id});
    graph.composite_request.iter().map(one).collect()
}

/// Whether a payload is within its bounds. What an org says where it is not was not found: the code is a composite's.
fn check(graphs: &[Graph]) -> Result<(), Failure> {
    let nodes: usize = graphs.iter().map(|graph| graph.composite_request.len()).sum();
    let kinds: BTreeSet<(String, String)> =
        graphs.iter().flat_map(|graph| &graph.composite_request).map(kind).collect();
    let depth = graphs.iter().map(depth).max().unwrap_or_default();
    let names = graphs.iter().all(|graph| {
        let names: BTreeSet<&str> = graph.composite_request.iter().map(|part| part.reference_id.as_str()).collect();
        names.len() == graph.composite_request.len()
    });
    let too_many = |what: &str, most: usize| Err(Failure::bad("LIMIT_EXCEEDED", format!("more than {most} {what}")));
    match () {
        () if graphs.len() > MOST_GRAPHS => too_many("graphs", MOST_GRAPHS),
        () if nodes > MOST_NODES => too_many("nodes", MOST_NODES),
        () if kinds.len() > MOST_KINDS => too_many("kinds of nodes", MOST_KINDS),
        () if depth > MOST_DEPTH => too_many("nodes after one another", MOST_DEPTH),
        () if !names => Err(Failure::bad("INVALID_INPUT", "a reference id stands twice in a graph")),
        () => Ok(()),
    }
}

fn kind(part: &Part) -> (String, String) {
    let kind: Vec<&str> = part.url.trim_start_matches('/').split('/').skip(2).take(3).collect();
    (part.method.to_ascii_uppercase(), kind.join("/"))
}

/// The longest chain of references.
fn depth(graph: &Graph) -> usize {
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    for part in &graph.composite_request {
        let mut names = BTreeSet::new();
        reference::names(&part.body, &mut names);
        reference::names(&Value::from(part.url.as_str()), &mut names);
        let below = names.iter().filter_map(|name| depths.get(name.as_str())).max().copied().unwrap_or_default();
        depths.insert(&part.reference_id, below + 1);
    }
    depths.into_values().max().unwrap_or_default()
}
