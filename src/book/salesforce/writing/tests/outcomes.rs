use serde_json::json;

use super::*;

/// An answer in which every row of a graph has this status and body.
fn answered(graph: &Graph, is_successful: bool, each: impl Fn(usize) -> (u16, Value)) -> Vec<u8> {
    let results: Vec<Value> = (0..)
        .zip(graph.nodes())
        .map(|(place, node)| {
            let (status, body) = each(place);
            json!({ "body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": node.reference })
        })
        .collect();
    let graph = json!({
        "graphId": graph.id(),
        "isSuccessful": is_successful,
        "graphResponse": { "compositeResponse": results },
    });
    json!({ "graphs": [graph] }).to_string().into_bytes()
}

#[test]
fn a_graph_that_was_written_tells_what_is_new() {
    for mapping in mappings() {
        let graph = graph(&mapping, &records());
        let body = answered(&graph, true, |place| match place {
            0 => (201, json!({ "id": "a0B5g00000Ab1cDEAR", "success": true, "created": true, "errors": [] })),
            1 => (200, json!({ "id": "a0B5g00000Ab1cDEAR", "success": true, "created": false, "errors": [] })),
            _ => (204, Value::Null),
        });
        let outcomes = graph.outcomes(200, &body).unwrap();
        assert_eq!(outcomes.len(), graph.nodes().len());
        assert_eq!(outcomes[0].result, Ok(Written::Created));
        assert!(outcomes[1..].iter().all(|outcome| outcome.result == Ok(Written::Updated)));
        assert!(outcomes.iter().zip(graph.nodes()).all(|(outcome, node)| outcome.reference == node.reference));
    }
}

#[test]
fn a_graph_that_failed_names_the_row_that_was_refused() {
    for mapping in mappings() {
        let graph = graph(&mapping, &records());
        let body = answered(&graph, false, |place| match place {
            0 => (201, json!({ "success": true })),
            2 => (400, json!([{ "errorCode": "STRING_TOO_LONG", "message": "Dana", "fields": ["Notes__c"] }])),
            _ => (400, json!([{ "errorCode": "PROCESSING_HALTED", "message": "rolled back" }])),
        });
        let outcomes = graph.outcomes(200, &body).unwrap();
        let culprits: Vec<&NodeOutcome> = outcomes.iter().filter(|outcome| outcome.is_culprit()).collect();
        assert_eq!(culprits.len(), 1);
        assert_eq!(culprits[0].object, Object::Dispute);
        assert_eq!(culprits[0].result, Err(refusal(Fault::Rejected, "STRING_TOO_LONG", &["Notes__c"])));
        assert!(outcomes.iter().all(|outcome| outcome.result.is_err()), "what was undone was not written");
    }
}

#[test]
fn an_answer_that_is_none_is_a_refusal_of_the_whole() {
    for mapping in mappings() {
        let graph = graph(&mapping, &records());
        let expired = br#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#;
        assert_eq!(graph.outcomes(401, expired).unwrap_err().fault, Fault::Session);
        for body in [&b""[..], b"<html>", b"{}", br#"{"graphs":[]}"#] {
            assert_eq!(graph.outcomes(200, body).unwrap_err().fault, Fault::Unavailable);
        }
        let other = answered(&graph, true, |_| (204, Value::Null));
        let other = String::from_utf8(other).unwrap().replace(graph.id(), "another");
        assert!(graph.outcomes(200, other.as_bytes()).is_err());
        let silent = json!({ "graphs": [{
            "graphId": graph.id(), "isSuccessful": true, "graphResponse": { "compositeResponse": [] },
        }]});
        let outcomes = graph.outcomes(200, silent.to_string().as_bytes()).unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.result.is_err()), "what is not told of was not written");
    }
}

#[test]
fn the_reference_of_a_result_is_read_in_both_spellings() {
    let graph = graph(&mappings()[0], &records());
    let body = String::from_utf8(answered(&graph, true, |_| (204, Value::Null))).unwrap();
    let outcomes = graph.outcomes(200, body.replace("referenceId", "referenceID").as_bytes()).unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()));
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_none(status in 100_u16..600, body: Vec<u8>) {
        let graph = graph(&mappings()[0], &records());
        if let Ok(outcomes) = graph.outcomes(status, &body) {
            prop_assert_eq!(outcomes.len(), graph.nodes().len());
        }
    }
}
