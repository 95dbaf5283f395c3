//! Which fields every row has: those that an org may demand.

use super::*;
use crate::record::PaymentArrangement;
use crate::salesforce::field::Kind;

/// Every kind of record with nothing in it that may be left out.
fn barest() -> Vec<Record> {
    let bare = |record: Record| match record {
        Record::ContactAttempt(attempt) => ContactAttempt {
            account: None,
            answered_at: None,
            ended_at: None,
            disposition: None,
            recording: None,
            escalation_reason: None,
            end_reason: None,
            ..attempt
        }
        .into(),
        Record::ComplianceRecord(_) => ComplianceRecord::empty(CALL).into(),
        Record::PaymentArrangement(arrangement) => PaymentArrangement { frequency: None, ..arrangement }.into(),
        Record::PaymentTransaction(payment) => PaymentTransaction {
            arrangement: None,
            failure: None,
            card: None,
            token: None,
            processed_at: None,
            ..payment
        }
        .into(),
        update @ Record::AccountUpdate(_) => update,
    };
    records().into_iter().map(bare).collect()
}

fn has(mapping: &Mapping, row: &Upsert, field: Field) -> bool {
    let mapped = mapping.field(field).unwrap();
    let name = mapped.relationship.as_ref().map_or(mapped.path.as_str(), |relationship| relationship.as_str());
    // The key is in the address.
    field.kind == Kind::ExternalId || row.body().get(name).is_some()
}

#[test]
fn what_an_org_may_demand_is_in_every_row_and_nothing_else_is() {
    for mapping in mappings() {
        let rows: Vec<Upsert> = barest().iter().flat_map(|record| upserts(&mapping, record, &[]).unwrap()).collect();
        for object in Object::ALL.into_iter().filter(|object| object.is_created()) {
            let row = rows.iter().find(|row| row.object() == object).unwrap();
            for mapped in mapping.fields(object) {
                let place = format!("{}.{}", object.name(), mapped.field.name);
                assert_eq!(has(&mapping, row, mapped.field), mapped.field.is_filled, "{place}");
            }
        }
    }
}
