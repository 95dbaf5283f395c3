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

/// Does a graph whole, or takes it back. It is told of in the order of the request.
fn run(world: &mut World, graph: &Graph) -> Result<Vec<Done>, &'static str> {
    let savepoint = world.store.savepoint();
    let (places, parts): (Vec<usize>, Vec<&Part>) = order(graph).into_iter().unzip();
    let mut done: Vec<(usize, Done)> = places.into_iter().zip(composite::run(world, parts, node)).collect();
    done.sort_by_key(|(place, _)| *place);
    let mut done: Vec<Done> = done.into_iter().map(|(_, done)| done).collect();
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

/// Parts with their places, those first that others refer to. Nothing else is promised, so that the rest goes backwards: who
/// relies on the order of a request is found out.
fn order(graph: &Graph) -> Vec<(usize, &Part)> {
    let parts = &graph.composite_request;
    let own: BTreeSet<&str> = parts.iter().map(|part| part.reference_id.as_str()).collect();
    let mut waiting: Vec<(usize, &Part, BTreeSet<String>)> = parts
        .iter()
        .enumerate()
        .map(|(place, part)| {
            (place, part, names(part).into_iter().filter(|name| own.contains(name.as_str())).collect())
        })
        .collect();
    let mut ordered = Vec::with_capacity(parts.len());
    while !waiting.is_empty() {
        // Of parts that refer to one another in a circle none can be done: the last is tried, and refused.
        let next = waiting.iter().rposition(|(_, _, names)| names.is_empty()).unwrap_or(waiting.len() - 1);
        let (place, part, _) = waiting.remove(next);
        for (_, _, names) in &mut waiting {
            names.remove(&part.reference_id);
        }
        ordered.push((place, part));
    }
    ordered
}

/// The longest chain of references.
fn depth(graph: &Graph) -> usize {
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, part) in order(graph) {
        let below = names(part).iter().filter_map(|name| depths.get(name.as_str())).max().copied().unwrap_or_default();
        depths.insert(&part.reference_id, below + 1);
    }
    depths.into_values().max().unwrap_or_default()
}

/// The parts that a part refers to.
fn names(part: &Part) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    reference::names(&part.body, &mut names);
    reference::names(&Value::from(part.url.as_str()), &mut names);
    names
}
