use super::*;

/// What an org says of each row of a graph: `refused` names the rows that it refuses, and why.
fn heard(delivery: &mut Delivery<'_>, graph: &Graph, refused: impl Fn(&Node) -> Option<Refusal>) -> Heard {
    let is_undone = graph.nodes().iter().any(|node| refused(node).is_some());
    let halted = || refusal(Fault::Unavailable, "PROCESSING_HALTED", &[]);
    let outcome = |node: &Node| {
        let result = match refused(node) {
            Some(refusal) => Err(refusal),
            None if is_undone => Err(halted()),
            None => Ok(Written::Created),
        };
        NodeOutcome { reference: node.reference.clone(), object: node.upsert.object(), result }
    };
    let outcomes: Vec<NodeOutcome> = graph.nodes().iter().map(outcome).collect();
    delivery.heard(graph, &outcomes)
}

fn next(delivery: &Delivery<'_>) -> Graph {
    delivery.graph().unwrap().expect("a graph")
}

/// Delivers to an org that always says the same of rows of one object; returns how many graphs that took.
fn deliver(delivery: &mut Delivery<'_>, object: Object, fault: Fault, code: &str) -> usize {
    for count in 1..10 {
        let graph = next(delivery);
        let said = heard(delivery, &graph, |node| (node.upsert.object() == object).then(|| refusal(fault, code, &[])));
        match said {
            Heard::Written => return count,
            Heard::Again => {}
            Heard::Later(_) | Heard::Duplicate(_) => panic!("{said:?}"),
        }
    }
    panic!("no end")
}

fn refused(delivery: &Delivery<'_>) -> Vec<usize> {
    (0..).zip(delivery.results()).filter(|(_, result)| result.is_err()).map(|(at, _)| at).collect()
}

#[test]
fn what_is_taken_at_once_is_one_graph() {
    for mapping in mappings() {
        let mut delivery = Delivery::new(&mapping, records().to_vec());
        let graph = next(&delivery);
        assert_eq!(heard(&mut delivery, &graph, |_| None), Heard::Written);
        assert!(delivery.is_whole() && refused(&delivery).is_empty());
    }
}

#[test]
fn a_call_that_is_superseded_says_nothing_of_its_outcome_on_the_account() {
    for mapping in mappings() {
        let row = |delivery: &Delivery<'_>| {
            let graph = next(delivery);
            graph.nodes().iter().find(|node| node.upsert.object() == Object::CollectionAccount).cloned()
        };
        let mut whole = row(&Delivery::new(&mapping, records().to_vec())).unwrap().upsert;
        let superseded = row(&Delivery::new(&mapping, records().to_vec()).superseded(true)).unwrap().upsert;
        for field in [account::LAST_CONTACT_AT, account::LAST_OUTCOME, account::ESCALATION_REASON] {
            let name = mapping.field(field).unwrap().path.as_str();
            assert!(superseded.body().get(name).is_none(), "{name}");
            whole.body.as_object_mut().unwrap().remove(name).unwrap();
        }
        assert_eq!(superseded.body(), whole.body(), "flags and queue stay");
        let attempt = vec![sample_attempt().into()];
        let alone = next(&Delivery::new(&mapping, attempt).superseded(true));
        assert_eq!(alone.nodes().len(), 1, "nothing is left of the account's row");
    }
}

#[test]
fn a_rule_of_the_org_keeps_out_its_own_row_and_no_other() {
    for mapping in mappings() {
        for (object, record) in [(Object::PaymentArrangement, 2), (Object::PaymentTransaction, 3), (Object::Dispute, 4)]
        {
            let mut delivery = Delivery::new(&mapping, records().to_vec());
            let graphs = deliver(&mut delivery, object, Fault::Rejected, "FIELD_CUSTOM_VALIDATION_EXCEPTION");
            assert_eq!((graphs, refused(&delivery)), (3, vec![record]), "whole, reduced, without it");
        }
    }
}

#[test]
fn an_attempt_that_the_org_refuses_takes_nothing_with_it() {
    for mapping in mappings() {
        let mut delivery = Delivery::new(&mapping, records().to_vec());
        let graphs =
            deliver(&mut delivery, Object::ContactAttempt, Fault::Rejected, "FIELD_CUSTOM_VALIDATION_EXCEPTION");
        assert_eq!((graphs, refused(&delivery)), (3, vec![0]), "whole, reduced, without it");
        let graph = next(&delivery);
        let attempt = ExternalId::attempt(CALL);
        let links = |node: &Node| node.upsert.body().to_string().contains(attempt.as_str());
        assert!(!graph.nodes().iter().any(links), "and nothing links to it any more");
    }
}

#[test]
fn what_no_reduction_mends_is_left_out_at_once() {
    for mapping in mappings() {
        let mut delivery = Delivery::new(&mapping, records().to_vec());
        let graphs = deliver(&mut delivery, Object::ComplianceRecord, Fault::Configuration, "INVALID_FIELD");
        assert_eq!((graphs, refused(&delivery)), (2, vec![1]));
    }
}

#[test]
fn an_account_that_refuses_undoes_nothing_else() {
    for mapping in mappings() {
        let records = &records()[..4];
        let mut delivery = Delivery::new(&mapping, records.to_vec());
        let graphs = deliver(&mut delivery, Object::CollectionAccount, Fault::Rejected, "ENTITY_IS_DELETED");
        assert_eq!((graphs, refused(&delivery)), (3, vec![]));
        assert!(!delivery.is_whole(), "somebody is told");
    }
}

#[test]
fn a_reduced_row_has_less_in_it() {
    let mapping = &mappings()[0];
    let mut delivery = Delivery::new(mapping, records().to_vec());
    let graph = next(&delivery);
    let status = mapping.field(attempt::OUTCOME).unwrap().path.as_str().to_owned();
    let said = heard(&mut delivery, &graph, |node| {
        let is_attempt = node.upsert.object() == Object::ContactAttempt;
        is_attempt.then(|| refusal(Fault::Rejected, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", &[&status]))
    });
    assert_eq!(said, Heard::Again);
    let (before, after) = (graph.nodes()[0].upsert.body(), next(&delivery));
    assert_ne!(before[&status], after.nodes()[0].upsert.body()[&status]);
}

#[test]
fn rows_that_link_to_one_that_is_refused_are_not_blamed() {
    let mapping = &mappings()[0];
    let mut delivery = Delivery::new(mapping, records().to_vec());
    let graph = next(&delivery);
    let said = heard(&mut delivery, &graph, |node| match node.upsert.object() {
        Object::ContactAttempt => Some(refusal(Fault::Rejected, "STRING_TOO_LONG", &[])),
        Object::CollectionAccount | Object::CollectionStrategy => None,
        Object::PaymentArrangement | Object::Dispute | Object::PaymentTransaction | Object::ComplianceRecord => {
            Some(refusal(Fault::Configuration, "INVALID_FIELD", &[]))
        }
    });
    assert_eq!(said, Heard::Again);
    let graph = next(&delivery);
    assert_eq!(graph.nodes().len(), 6);
    assert_eq!(heard(&mut delivery, &graph, |_| None), Heard::Written);
    assert!(delivery.is_whole());
}

#[test]
fn a_lock_or_an_org_in_trouble_is_waited_for() {
    let mapping = &mappings()[0];
    for fault in [Fault::Locked, Fault::ReadOnly, Fault::Unavailable] {
        let mut delivery = Delivery::new(mapping, records().to_vec());
        let graph = next(&delivery);
        let said = heard(&mut delivery, &graph, |node| {
            (node.upsert.object() == Object::ContactAttempt).then(|| refusal(fault, "UNABLE_TO_LOCK_ROW", &[]))
        });
        assert_eq!(said, Heard::Later(fault));
    }
}

/// Delivers to an org that says of the payment each time that it is there, and that has it each time as told.
fn deliver_duplicate(standings: &[Standing]) -> (usize, Option<GivenUp>) {
    let mapping = &mappings()[0];
    let mut delivery = Delivery::new(mapping, records().to_vec());
    let is_payment = |node: &Node| node.upsert.object() == Object::PaymentTransaction;
    let mut count = 0;
    loop {
        let graph = next(&delivery);
        count += 1;
        let said = heard(&mut delivery, &graph, |node| {
            is_payment(node).then(|| refusal(Fault::Duplicate, "DUPLICATE_VALUE", &[]))
        });
        match said {
            Heard::Duplicate(node) => delivery.found(&node, standings[count - 1]),
            Heard::Written => return (count, delivery.results()[3].err()),
            Heard::Again | Heard::Later(_) => panic!("{said:?}"),
        }
    }
}

#[test]
fn a_duplicate_is_done_as_it_was_sent_and_otherwise_sent_once_more() {
    use Standing::{Absent, Differs, Same};
    assert_eq!(deliver_duplicate(&[Same]), (2, None));
    assert_eq!(deliver_duplicate(&[Absent]), (2, Some(GivenUp::Refused)), "another key has what may be there once");
    assert_eq!(deliver_duplicate(&[Differs, Same]), (3, None));
    assert_eq!(deliver_duplicate(&[Differs, Differs]), (3, Some(GivenUp::Differs)));
}

#[test]
fn a_record_that_has_no_row_in_this_org_holds_up_no_other() {
    let mapping = &mappings()[0];
    let mut records = records().to_vec();
    if let Record::PaymentTransaction(payment) = &mut records[3] {
        payment.amount = Money::new(1, Currency::parse("EUR").unwrap());
    }
    let mut delivery = Delivery::new(mapping, records);
    let graph = next(&delivery);
    assert_eq!(heard(&mut delivery, &graph, |_| None), Heard::Written);
    assert_eq!(delivery.results()[3], Err(GivenUp::Unwritable));
    assert_eq!(refused(&delivery), [3]);
}
