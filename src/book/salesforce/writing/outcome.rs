//! What became of each row of a graph.

use serde::Deserialize;
use serde_json::Value;

use super::graph::Graph;
use crate::salesforce::fault::{Fault, Refusal};
use crate::salesforce::object::Object;

/// What a row says of itself that another row of its graph undid.
const HALTED: &str = "PROCESSING_HALTED";

/// How a row was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is new.
    Created,
    /// It was there.
    Updated,
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOutcome {
    /// The row's reference in its graph.
    pub reference: String,
    /// Its object.
    pub object: Object,
    /// How it was written, or why not.
    pub result: Result<Written, Refusal>,
}

impl NodeOutcome {
    /// Whether the row was refused for itself, and not because another was.
    #[must_use]
    pub fn is_culprit(&self) -> bool {
        self.result.as_ref().is_err_and(|refusal| refusal.code != HALTED)
    }
}

#[derive(Deserialize)]
struct Answer {
    graphs: Vec<AnsweredGraph>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnsweredGraph {
    graph_id: String,
    is_successful: bool,
    graph_response: Composite,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Composite {
    composite_response: Vec<Subresult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subresult {
    #[serde(default)]
    body: Value,
    http_status_code: u16,
    // The reference has it with capitals, its examples without.
    #[serde(alias = "referenceID")]
    reference_id: String,
}

impl Graph {
    /// Reads the answer to the payload: what became of each row, in the order of [`nodes`](Self::nodes).
    ///
    /// All or none were written: rows that the answer does not tell of, or that it says were written in a graph that failed, were
    /// not, as far as can be known, and are written again.
    ///
    /// # Errors
    /// [`Refusal`] where the request as a whole was not answered with a success, or with something else than graphs.
    pub fn outcomes(&self, status: u16, body: &[u8]) -> Result<Vec<NodeOutcome>, Refusal> {
        if status != 200 {
            return Err(Refusal::read(status, body));
        }
        let unreadable = || Refusal::read(status, b"");
        let answer: Answer = serde_json::from_slice(body).map_err(|_| unreadable())?;
        let graph = answer.graphs.iter().find(|graph| graph.graph_id == self.id()).ok_or_else(unreadable)?;
        let outcome = |node: &super::Node| NodeOutcome {
            reference: node.reference.clone(),
            object: node.upsert.object(),
            result: result(graph, &node.reference),
        };
        Ok(self.nodes().iter().map(outcome).collect())
    }
}

fn result(graph: &AnsweredGraph, reference: &str) -> Result<Written, Refusal> {
    let results = &graph.graph_response.composite_response;
    let Some(own) = results.iter().find(|result| result.reference_id == reference) else {
        return Err(halted());
    };
    let is_row_refused = own.body.get("success").and_then(Value::as_bool) == Some(false);
    match own.http_status_code {
        200..=299 if !graph.is_successful => Err(halted()),
        201 if !is_row_refused => Ok(Written::Created),
        200 | 204 if !is_row_refused => {
            let is_created = own.body.get("created").and_then(Value::as_bool) == Some(true);
            Ok(if is_created { Written::Created } else { Written::Updated })
        }
        status => Err(Refusal::read(status, own.body.to_string().as_bytes())),
    }
}

/// Nothing is known against the row itself.
fn halted() -> Refusal {
    Refusal { fault: Fault::Unavailable, code: HALTED.to_owned(), fields: Vec::new() }
}
