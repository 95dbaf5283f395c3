use proptest::prelude::*;

use super::*;
use crate::salesforce::mapping::Profile;

fn mapping() -> Mapping {
    Profile::CollectXpert.mapping(None).unwrap()
}

/// An event with everything in it.
fn whole() -> EventRecord {
    let text = |text: &str| Scalar::Text(text.to_owned());
    let fields = [
        ("CreatedDate", Scalar::Long(1_000)),
        ("CreatedById", text("005Tg0000000001IAA")),
        ("cxp__Assignment_Id__c", text("as-1")),
        ("cxp__Account_External_Id__c", text("CA-1001")),
        ("cxp__Action__c", text("Assign")),
        ("cxp__Strategy_Id__c", text("a0C5g00000Ab1cDEAR")),
        ("cxp__Priority__c", Scalar::Double(7.0)),
        ("cxp__Not_Before__c", Scalar::Long(2_000)),
        ("cxp__Not_After__c", Scalar::Long(3_000)),
        ("cxp__Phone_E164__c", text("+12025550143")),
        ("cxp__Preferred_Language__c", text("en")),
        ("cxp__Time_Zone__c", text("America/New_York")),
        ("cxp__Max_Installments__c", Scalar::Double(6.0)),
        ("cxp__Min_Payment_Amount__c", Scalar::Double(25.5)),
    ];
    EventRecord(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn with(name: &str, value: Scalar) -> Result<Change, EventError> {
    let mut record = whole();
    record.0.insert(format!("cxp__{name}__c"), value);
    read(&mapping(), &record)
}

fn assigned(read: Result<Change, EventError>) -> Assignment {
    match read {
        Ok(Change::Assign(assignment)) => *assignment,
        other => panic!("no assignment: {other:?}"),
    }
}

#[test]
fn an_event_is_read_by_its_mapping() {
    let assignment = assigned(read(&mapping(), &whole()));
    assert_eq!(assignment.id.unwrap().as_str(), "as-1");
    assert_eq!((assignment.account.as_str(), assignment.priority), ("CA-1001", 7));
    assert_eq!(assignment.published_at.as_millisecond(), 1_000);
    assert_eq!([assignment.not_before, assignment.not_after].map(|at| at.unwrap().as_millisecond()), [2_000, 3_000]);
    assert_eq!(assignment.phone.unwrap().as_e164(), "+12025550143");
    assert_eq!(
        (assignment.language.as_deref(), assignment.time_zone.as_deref()),
        (Some("en"), Some("America/New_York"))
    );
    assert_eq!((assignment.limits.max_instalments, assignment.limits.min_payment.unwrap().minor()), (Some(6), 2_550));
    let Ok(Change::Revoke(revocation)) = with("Action", Scalar::Text("Revoke".to_owned())) else { panic!("no end") };
    assert_eq!((revocation.id.as_str(), revocation.account.as_str()), ("as-1", "CA-1001"));
}

#[test]
fn the_other_profile_reads_the_same_by_its_own_names() {
    let (ours, theirs) = (mapping(), Profile::CollectionsAndRecovery.mapping(None).unwrap());
    let names = EventField::ALL.map(|field| [&ours, &theirs].map(|one| one.event().unwrap().field(field).unwrap()));
    let mut record = EventRecord::default();
    for (name, value) in whole().0 {
        let theirs = names.iter().find(|[ours, _]| ours.as_str() == name).map(|[_, theirs]| theirs.to_string());
        record.0.insert(theirs.unwrap_or(name), value);
    }
    assert_eq!(read(&theirs, &record), read(&ours, &whole()));
    assert_eq!(read(&theirs, &whole()), Err(EventError::Missing(EventField::Assignment)));
}

#[test]
fn what_may_be_left_out_is_and_what_is_not_known_does_not_matter() {
    let mut record = whole();
    record
        .0
        .retain(|name, _| matches!(name.as_str(), "CreatedDate") || name.contains("Account_E") || name.contains("Ac"));
    record.0.insert("cxp__Assignment_Id__c".to_owned(), Scalar::Text("as-1".to_owned()));
    record.0.insert("cxp__Reason__c".to_owned(), Scalar::Bool(true));
    let assignment = assigned(read(&mapping(), &record));
    assert_eq!((assignment.priority, assignment.phone, assignment.not_after), (0, None, None));
    assert_eq!(assignment.limits, Limits::default());
}

#[test]
fn what_is_wrong_is_named() {
    let text = |text: &str| Scalar::Text(text.to_owned());
    for field in [EventField::Assignment, EventField::Account, EventField::Action] {
        let name = mapping().event().unwrap().field(field).unwrap().to_string();
        for nothing in [Scalar::Null, text(" ")] {
            let mut record = whole();
            record.0.insert(name.clone(), nothing);
            assert_eq!(read(&mapping(), &record), Err(EventError::Missing(field)));
        }
    }
    for (name, field, value) in [
        ("Assignment_Id", EventField::Assignment, text("4111111111111111")),
        ("Assignment_Id", EventField::Assignment, text(&"a".repeat(65))),
        ("Account_External_Id", EventField::Account, text("CA 1")),
        ("Action", EventField::Action, text("assign")),
        ("Action", EventField::Action, Scalar::Long(1)),
        ("Priority", EventField::Priority, Scalar::Double(1.5)),
        ("Priority", EventField::Priority, Scalar::Double(f64::NAN)),
        ("Priority", EventField::Priority, Scalar::Double(1e300)),
        ("Not_Before", EventField::NotBefore, Scalar::Long(i64::MAX)),
        ("Not_After", EventField::NotAfter, text("2026-11-23")),
        ("Phone_E164", EventField::Phone, text("911")),
        ("Preferred_Language", EventField::Language, text("English, please")),
        ("Time_Zone", EventField::TimeZone, text("Mars/Olympus_Mons")),
        ("Max_Installments", EventField::MaxInstalments, Scalar::Double(-1.0)),
        ("Min_Payment_Amount", EventField::MinPayment, Scalar::Double(25.001)),
        ("Min_Payment_Amount", EventField::MinPayment, Scalar::Double(-1.0)),
    ] {
        match with(name, value) {
            Err(EventError::Malformed { field: told, .. }) => assert_eq!(told, field),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(with("Not_After", Scalar::Long(2_000)), Err(EventError::Window));
    assert_eq!(with("Min_Payment_Amount", Scalar::Double(4_222_222_222_222.22)), Err(EventError::Forbidden));
    let mut record = whole();
    record.0.insert("CreatedDate".to_owned(), text("now"));
    assert_eq!(read(&mapping(), &record), Err(EventError::Created));
    assert_eq!(read(&mapping().without_event(), &whole()), Err(EventError::Unmapped));
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        Just(Scalar::Null),
        any::<bool>().prop_map(Scalar::Bool),
        any::<i64>().prop_map(Scalar::Long),
        any::<f64>().prop_map(Scalar::Double),
        ".{0,20}".prop_map(Scalar::Text),
        "(Assign|Revoke|en|CA-1|UTC|[+]12025550143)".prop_map(Scalar::Text),
    ]
}

proptest! {
    #[test]
    fn no_event_is_too_strange(values in prop::collection::vec(scalar(), 15)) {
        let mut record = whole();
        for (place, value) in record.0.values_mut().zip(values) {
            *place = value;
        }
        if let Ok(Change::Assign(assignment)) = read(&mapping(), &record) {
            let text = serde_json::to_string(&*assignment).unwrap();
            prop_assert!(serde_json::from_str::<Assignment>(&text).unwrap() == *assignment);
            prop_assert!(vet(&*assignment).is_ok_and(|vetted| vetted.json == text));
        }
    }
}
