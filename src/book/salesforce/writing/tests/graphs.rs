use std::collections::BTreeSet;

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::salesforce::field::Kind;
use crate::salesforce::name::ApiName;

#[test]
fn a_call_is_one_graph_in_the_order_of_its_links() {
    let payload = graph(&mappings()[0], &records()).payload(version());
    assert_eq!(payload["graphs"].as_array().unwrap().len(), 1);
    assert_eq!(payload["graphs"][0]["graphId"], CALL.to_string());
    let requests = payload["graphs"][0]["compositeRequest"].as_array().unwrap();
    let urls: Vec<&str> = requests.iter().map(|request| request["url"].as_str().unwrap()).collect();
    let at = |path: String| format!("/services/data/v68.0/sobjects/{path}");
    let [attempt, arrangement, payment, compliance] = [
        ExternalId::attempt(CALL),
        ExternalId::arrangement(CALL, 1),
        ExternalId::payment(CALL),
        ExternalId::compliance(CALL),
    ];
    let dispute = ExternalId::dispute(&sample_update(&[Flag::Dispute]));
    assert_eq!(
        urls,
        [
            at(format!("cxp__Contact_Attempt__c/cxp__External_Id__c/{attempt}")),
            at(format!("cxp__Payment_Arrangement__c/cxp__External_Id__c/{arrangement}")),
            at(format!("cxp__Dispute__c/cxp__External_Id__c/{dispute}?updateOnly=true")),
            at(format!("cxp__Payment_Transaction__c/cxp__External_Id__c/{payment}")),
            at(format!("cxp__Compliance_Record__c/cxp__External_Id__c/{compliance}")),
            at("cxp__Collection_Account__c/cxp__External_Id__c/CA-1001?updateOnly=true".into()),
        ]
    );
    assert!(requests.iter().all(|request| request["method"] == "PATCH"));
    assert_eq!(requests[0]["referenceId"], "contact_attempt_1");
    assert_eq!(
        requests[3]["body"],
        json!({
            "cxp__Collection_Account__r": { "cxp__External_Id__c": "CA-1001" },
            "cxp__Payment_Arrangement__c": "@{payment_arrangement_2.id}",
            "cxp__Contact_Attempt__c": "@{contact_attempt_1.id}",
            "cxp__Amount__c": 306.2,
            "cxp__Method__c": "Card DTMF",
            "cxp__Status__c": "Succeeded",
            "cxp__Processor_Txn_Id__c": CALL.to_string(),
            "cxp__Failure_Code__c": "none",
            "cxp__Card_Brand__c": "visa",
            "cxp__Card_Last4__c": "4242",
            "cxp__Processed_At__c": "2025-11-29T18:16:10.000Z",
        })
    );
    assert_eq!(
        requests[5]["body"],
        json!({
            "cxp__Active_Dispute__c": true,
            "cxp__Last_Contact_At__c": "2025-11-29T18:13:23.000Z",
            "cxp__Last_Outcome__c": "Right Party",
            "cxp__Escalation_Reason__c": "asked for a person",
            "cxp__Queue__c": "Human",
        })
    );
}

#[test]
fn every_link_is_to_a_row_before_it_or_to_what_calls_do_not_make() {
    for mapping in mappings() {
        let mut written: Vec<String> = Vec::new();
        for node in graph(&mapping, &records()).nodes() {
            for mapped in mapping.fields(node.upsert.object()) {
                let Kind::Reference(parent) = mapped.field.kind else { continue };
                let link = &node.upsert.body()[mapped.relationship.as_ref().unwrap().as_str()];
                let key = &link[mapping.field(parent.external_id()).unwrap().path.as_str()];
                let Some(key) = key.as_str() else { continue };
                let path = format!("{}/", mapping.api(parent));
                let is_row = |row: &&String| row.contains(&path) && row.ends_with(&format!("/{key}"));
                let is_before = written.iter().any(|row| is_row(&row));
                assert!(is_before || !parent.is_created(), "{}.{}", mapped.field.object.name(), mapped.field.name);
            }
            written.push(node.upsert.url(version()).replace("?updateOnly=true", ""));
        }
        assert_eq!(written.len(), 6);
    }
}

/// The rows of a call with all that is written to each: a dispute is made first, and linked with its call.
fn whole(mapping: &Mapping) -> Vec<Upsert> {
    let made = records().iter().flat_map(|record| upserts(mapping, record, &[]).unwrap()).collect::<Vec<_>>();
    let mut rows: Vec<Upsert> = graph(mapping, &records()).nodes().iter().map(|node| node.upsert.clone()).collect();
    let dispute = rows.iter_mut().find(|row| row.object() == Object::Dispute).unwrap();
    dispute.merge(made.into_iter().find(|row| row.object() == Object::Dispute).unwrap());
    rows
}

#[test]
fn full_records_fill_every_mapped_field_that_is_written() {
    for mapping in mappings() {
        for row in whole(&mapping) {
            let object = row.object();
            let is_flag = |field: Field| Flag::ALL.into_iter().any(|flag| account::flag(flag) == field);
            for mapped in mapping.fields(object).iter().filter(|mapped| mapped.field.is_written) {
                if mapped.field.kind == Kind::ExternalId || is_flag(mapped.field) {
                    continue;
                }
                let name = mapped.relationship.as_ref().map_or(mapped.path.as_str(), ApiName::as_str);
                // Given with a moment where the notice was given whole; notes where something did not fit.
                let may_be_absent = mapped.field.name.ends_with("_at") || mapped.field.name == "notes";
                assert!(row.body().get(name).is_some() || may_be_absent, "{} {name}", object.name());
            }
            let known: BTreeSet<&str> = mapping
                .fields(object)
                .iter()
                .flat_map(|mapped| [Some(mapped.path.as_str()), mapped.relationship.as_ref().map(ApiName::as_str)])
                .flatten()
                .collect();
            assert!(row.body().as_object().unwrap().keys().all(|name| known.contains(name.as_str())));
        }
    }
}

#[test]
fn a_call_without_an_account_touches_none() {
    for mapping in mappings() {
        let attempt = ContactAttempt { account: None, ..sample_attempt() };
        let compliance = ComplianceRecord::empty(CALL);
        let graph = graph(&mapping, &[attempt.into(), compliance.into()]);
        let objects: Vec<Object> = graph.nodes().iter().map(|node| node.upsert.object()).collect();
        assert_eq!(objects, [Object::ContactAttempt, Object::ComplianceRecord]);
        let link = mapping.field(attempt::ACCOUNT).unwrap().relationship.clone().unwrap();
        assert!(graph.nodes()[0].upsert.body().get(link.as_str()).is_none());
    }
}

#[test]
fn of_two_records_with_one_id_the_later_is_written() {
    for mapping in mappings() {
        let early = ContactAttempt { status: AttemptStatus::InProgress, ended_at: None, ..sample_attempt() };
        let graph = graph(&mapping, &[early.clone().into(), sample_attempt().into()]);
        assert_eq!(graph.nodes().len(), 2);
        assert_eq!(value(&mapping, &graph.nodes()[0].upsert, attempt::STATUS), json!("Completed"));
        let one = Graph::of_call(&mapping, &[early.into()], &[]).unwrap().unwrap();
        assert_eq!(one.nodes().len(), 1, "a call that goes on says nothing of its account yet");
    }
}

#[test]
fn records_of_two_calls_and_no_records_are_no_graph() {
    for mapping in mappings() {
        let other = ContactAttempt { call: Uuid::from_u128(7), ..sample_attempt() };
        let records = [sample_attempt().into(), other.into()];
        assert_eq!(Graph::of_call(&mapping, &records, &[]), Err(WriteError::OtherCall));
        assert_eq!(Graph::of_call(&mapping, &[], &[]), Ok(None));
        let many = vec![Record::from(sample_attempt()); graph::MOST_NODES + 1];
        assert_eq!(Graph::of_call(&mapping, &many, &[]), Err(WriteError::TooMany));
    }
}

#[test]
fn a_dispute_is_linked_to_a_call_that_is_written_with_it_alone() {
    for mapping in mappings() {
        let link = mapping.field(dispute::ATTEMPT).unwrap().relationship.clone().unwrap();
        let is_linked = |row: &Upsert| row.body().get(link.as_str()).is_some();
        let update = Record::from(sample_update(&[Flag::Dispute]));
        let alone = upserts(&mapping, &update, &[]).unwrap();
        let objects: Vec<Object> = alone.iter().map(Upsert::object).collect();
        assert_eq!(objects, [Object::CollectionAccount, Object::Dispute], "the flag goes first");
        assert!(!is_linked(&alone[1]));
        assert!(!is_linked(&graph(&mapping, std::slice::from_ref(&update)).nodes()[0].upsert));
        let both = graph(&mapping, &[update, sample_attempt().into()]);
        let linked = &both.nodes()[1].upsert;
        assert!(is_linked(linked) && linked.url(version()).ends_with("?updateOnly=true"));
        assert_eq!(linked.body().as_object().unwrap().len(), 1, "what people did with it meanwhile stays");
    }
}

#[test]
fn nothing_of_a_row_shows_itself() {
    let graph = graph(&mappings()[0], &records());
    let shown = format!("{graph:?}");
    assert!(!shown.contains("CA-1001") && !shown.contains("306") && !shown.contains("person"), "{shown}");
}
