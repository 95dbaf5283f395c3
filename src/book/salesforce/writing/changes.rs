//! Changes of many rows in one request: a graph for each, so that one that is refused undoes no other.

use serde_json::{Value, json};

use super::Upsert;
use crate::salesforce::bulk::RowResult;
use crate::salesforce::fault::Refusal;
use crate::salesforce::version::ApiVersion;

/// Most graphs of one request (REST API Developer Guide, "Composite Graph Limits").
pub const MOST_GRAPHS: usize = 75;

/// The body of `POST /services/data/{version}/composite/graph` for rows that know nothing of each other, at most [`MOST_GRAPHS`].
#[must_use]
pub fn changes(rows: &[Upsert], version: ApiVersion) -> Value {
    let graph = |(place, row): (usize, &Upsert)| {
        let request = json!({ "method": "PATCH", "url": row.url(version), "referenceId": "row", "body": row.body() });
        json!({ "graphId": place.to_string(), "compositeRequest": [request] })
    };
    json!({ "graphs": rows.iter().enumerate().map(graph).collect::<Vec<_>>() })
}

/// What became of each of `count` rows by the answer; `None` of those that it does not tell of.
#[must_use]
pub fn change_results(count: usize, answer: &Value) -> Vec<Option<RowResult>> {
    let graphs = answer.get("graphs").and_then(Value::as_array);
    let result = |place: usize| {
        let graph =
            graphs?.iter().find(|graph| graph["graphId"].as_str().and_then(|id| id.parse().ok()) == Some(place))?;
        let row = graph.pointer("/graphResponse/compositeResponse/0")?;
        let status = u16::try_from(row.get("httpStatusCode")?.as_u64()?).ok()?;
        Some(match (graph.get("isSuccessful")?.as_bool()?, status) {
            (true, 200..=299) => RowResult::Written,
            (_, status) => RowResult::Refused(Refusal::read(status, row.get("body")?.to_string().as_bytes())),
        })
    };
    (0..count).map(result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salesforce::fault::Fault;
    use crate::salesforce::object::Object;
    use crate::salesforce::sample::{mappings, records};
    use crate::salesforce::writing::Graph;

    #[test]
    fn each_row_is_a_graph_of_its_own_and_an_account_is_never_made() {
        let graph = Graph::of_call(&mappings()[0], &records(), &[]).unwrap().unwrap();
        let rows: Vec<Upsert> = graph.nodes().iter().map(|node| node.upsert.clone()).collect();
        let changes = changes(&rows[rows.len() - 1..], "v68.0".parse().unwrap());
        let request = &changes["graphs"][0]["compositeRequest"][0];
        assert_eq!(rows.last().unwrap().object(), Object::CollectionAccount);
        let url =
            "/services/data/v68.0/sobjects/cxp__Collection_Account__c/cxp__External_Id__c/CA-1001?updateOnly=true";
        assert_eq!((&changes["graphs"][0]["graphId"], &request["url"]), (&json!("0"), &json!(url)));
    }

    #[test]
    fn what_became_of_each_is_told_by_its_place() {
        let row = |id: &str, is_successful: bool, status: u16, body: Value| {
            let row = json!({ "referenceId": "row", "httpStatusCode": status, "body": body });
            json!({ "graphId": id, "isSuccessful": is_successful, "graphResponse": { "compositeResponse": [row] } })
        };
        let gone = json!([{ "errorCode": "NOT_FOUND", "message": "" }]);
        let answer = json!({ "graphs": [row("2", true, 204, Value::Null), row("0", false, 404, gone)] });
        let results = change_results(3, &answer);
        let Some(RowResult::Refused(refusal)) = &results[0] else { panic!("{results:?}") };
        assert_eq!(refusal.fault, Fault::Absent);
        assert_eq!(results[1..], [None, Some(RowResult::Written)]);
        assert_eq!(change_results(1, &json!("odd")), [None]);
    }
}
