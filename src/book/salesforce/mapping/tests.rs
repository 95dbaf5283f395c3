use proptest::prelude::*;
use rules::contact::Flag;

use super::*;
use crate::salesforce::object::{account, arrangement, attempt, dispute, strategy};

fn collectxpert() -> Mapping {
    Profile::CollectXpert.mapping(None).unwrap()
}

/// The problems of the first profile with one part of its text replaced.
fn problems(from: &str, to: &str) -> Vec<String> {
    let text = Profile::CollectXpert.text();
    assert!(text.contains(from), "{from}");
    let text = text.replacen(from, to, 1);
    let problems = Mapping::read(&text, None).err().map(|problems| problems.iter().map(Problem::to_string).collect());
    problems.unwrap_or_default()
}

#[test]
fn both_profiles_map_all_that_is_needed() {
    for profile in Profile::ALL {
        let mapping = profile.mapping(None).unwrap_or_else(|problems| panic!("{}: {problems}", profile.name()));
        assert_eq!(Profile::named(profile.name()), Some(profile));
        for field in Object::ALL.into_iter().flat_map(Object::fields) {
            assert!(mapping.field(*field).is_some() || !field.is_required, "{}", field.name);
        }
        for flag in Flag::ALL {
            assert!(mapping.field(account::flag(flag)).is_some_and(|field| field.path.is_own()));
        }
    }
    assert_eq!(Profile::named("other"), None);
}

#[test]
fn the_profiles_differ_in_names_alone() {
    let [ours, theirs] = Profile::ALL.map(|profile| profile.mapping(None).unwrap());
    assert_eq!(ours.api(Object::CollectionAccount).as_str(), "cxp__Collection_Account__c");
    assert_eq!(theirs.api(Object::CollectionAccount).as_str(), "CollectionPlan");
    let balance = |mapping: &Mapping| mapping.field(account::BALANCE).unwrap().path.as_str().to_owned();
    assert_eq!((balance(&ours), balance(&theirs)), ("cxp__Balance_Outstanding__c".into(), "CurrentDueAmount".into()));
    assert!(theirs.least_version().major() >= 63, "CollectionPlan is there since v63.0");
    for object in Object::ALL {
        let names =
            |mapping: &Mapping| -> Vec<&str> { mapping.fields(object).iter().map(|field| field.field.name).collect() };
        assert_eq!(names(&ours), names(&theirs));
    }
}

#[test]
fn a_namespace_is_filled_in_or_left_out() {
    let path = |mapping: &Mapping| mapping.field(account::CEASE).unwrap().path.as_str().to_owned();
    assert_eq!(path(&collectxpert()), "cxp__Cease_Desist__c");
    assert_eq!(path(&Profile::CollectXpert.mapping(Some("")).unwrap()), "Cease_Desist__c");
    assert_eq!(path(&Profile::CollectXpert.mapping(Some("acme_co")).unwrap()), "acme_co__Cease_Desist__c");
    for namespace in ["1st", "a__b", "ab_", "a b", "abcdefghijklmnop", "x' OR"] {
        let problems = Profile::CollectXpert.mapping(Some(namespace)).unwrap_err();
        assert!(problems.iter().all(|problem| problem.key == "namespace"), "{problems}");
    }
}

#[test]
fn names_lengths_values_and_relationships_are_as_written() {
    let mapping = collectxpert();
    let strategy = mapping.field(account::STRATEGY).unwrap();
    assert_eq!(strategy.relationship.as_ref().unwrap().as_str(), "cxp__Strategy__r");
    let name = mapping.field(strategy::NAME).unwrap();
    assert_eq!(mapping.from_account(name).unwrap().as_str(), "cxp__Strategy__r.Name");
    let disputes = mapping.field(dispute::ACCOUNT).unwrap().children.as_ref().unwrap();
    assert_eq!(disputes.as_str(), "cxp__Disputes__r");
    let outcome = &mapping.field(attempt::OUTCOME).unwrap().values;
    assert_eq!((outcome.value("right_party"), outcome.value("busy")), (Some("Right Party"), Some("Unknown")));
    assert_eq!((outcome.word("Right Party"), outcome.word("RPC")), (Some("right_party"), None));
    assert_eq!(mapping.field(attempt::ESCALATION_REASON).unwrap().length, Some(255));
    assert_eq!(mapping.field(arrangement::TOTAL).unwrap().length, None);
    let text = Profile::CollectXpert
        .text()
        .replace("trunk = \"{ns}Trunk__c\"", "trunk = { api = \"{ns}Trunk__c\", length = 40 }");
    assert_eq!(Mapping::read(&text, None).unwrap().field(attempt::TRUNK).unwrap().length, Some(40));
}

#[test]
fn each_problem_says_where_it_is_and_what_to_do() {
    for (from, to, expected) in [
        (
            "cease = \"{ns}Cease_Desist__c\"",
            "",
            "collection_account.fields.cease: the field is not mapped, and calls need it; map it to a field of the org that is a checkbox",
        ),
        ("queue = {", "que = {", "collection_account.fields.que: the key means nothing; did you mean queue?"),
        (
            "\"{ns}Balance_Outstanding__c\"",
            "\"{ns}Balance Outstanding\"",
            "collection_account.fields.balance: a name begins with a letter and has letters, digits and underscores only; use the API name, with {ns} for the namespace",
        ),
        (
            "\"{ns}Card_Last4__c\"",
            "\"{ns}Card_Number__c\"",
            "cxp__Card_Number__c is made for account data of a card, which no book takes; leave it out: the brand and the last four digits may be mapped, and no more",
        ),
        (
            "given_name = \"{ns}Debtor__r.FirstName\"",
            "given_name = \"blng__CVV__r.FirstName\"",
            "blng__CVV__r is made for account data",
        ),
        ("api = \"{ns}Payment_Transaction__c\"", "api = \"CardPAN__c\"", "CardPAN__c is made for account data"),
        (
            "deceased = \"{ns}Deceased__c\"",
            "deceased = \"{ns}Debtor__r.Deceased__c\"",
            "name a field of the object itself, without a dot",
        ),
        (
            "minor = \"{ns}Minor__c\"",
            "minor = \"{ns}deceased__C\"",
            "cxp__deceased__C is the field of deceased too, and one of them is written; give each its own",
        ),
        (", children = \"{ns}Disputes__r\"", "", "by which open ones are found"),
        (
            "dropped = \"Dropped\"\nother = \"Other\"",
            "",
            "contact_attempt.fields.disposition.values.dropped: no value for dropped; add them, or an other for all of them",
        ),
        (
            "weekly = \"Weekly\" }\n\n[collection_strategy.fields.b",
            "weekly = \"Monthly\" }\n\n[collection_strategy.fields.b",
            "monthly has the same value, and it is read",
        ),
        ("biweekly = \"Biweekly\"", "biweekly = \"Bi;weekly\"", "not the API name of a picklist value"),
        ("trunk = \"{ns}Trunk__c\"", "trunk = { api = \"X__c\", length = 0 }", "write a whole number from 1 to 131072"),
        ("ended_at = \"{ns}Ended_At__c\"", "ended_at = { api = \"X__c\", length = 9 }", "a date/time has no length"),
        ("phone = \"{ns}Phone_E164__c\"", "phone = 7", "not a text; write it in quotes"),
        ("strategy = \"{ns}Strategy__c\"", "strategy = \"Strategy\"", "add relationship = \"…\""),
        ("currency = \"USD\"", "currency = \"usd\"", "not a known ISO 4217 code"),
        ("least_api_version = \"v60.0\"", "least_api_version = 60", "not a text"),
        ("[dispute]\napi = \"{ns}Dispute__c\"", "", "dispute.api: the key is missing"),
    ] {
        let problems = problems(from, to);
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{to}: {problems:#?}");
    }
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_their_lines() {
    let text = Profile::CollectXpert
        .text()
        .replace("namespace = \"cxp\"", "namespace = \"c x p\"")
        .replace("reference = \"{ns}Account_Reference__c\"", "reference = \"\"")
        .replace("dispute_raised = \"{ns}Dispute_Raised__c\"", "")
        .replace("hardship = \"Hardship\"", "hardshp = \"Hardship\"");
    let problems = Mapping::read(&text, None).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "namespace",
            "collection_account.fields.reference",
            "contact_attempt.fields.disposition.values.hardshp",
            "compliance_record.fields.dispute_raised"
        ]
    );
    let line = |part: &str| text.lines().position(|line| line.contains(part)).map(|place| place + 1);
    let lines: Vec<Option<usize>> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [line("c x p"), line("reference = \"\""), line("hardshp"), None]);
    assert_eq!(problems.to_string().lines().count(), 5);
}

#[test]
fn text_that_is_no_toml_is_told_with_its_line() {
    let problems = Mapping::read("namespace = \"cxp\"\ncurrency = \n", None).unwrap_err();
    assert!(problems.iter().any(|problem| problem.line == Some(2)), "{problems}");
    assert!(Mapping::read("", None).unwrap_err().iter().count() > 7);
}

proptest! {
    #[test]
    fn no_text_breaks_reading(text in "[ -~\n]{0,200}", at in 0_usize..8_000, cut in 0_usize..200) {
        let _ = Mapping::read(&text, None);
        let whole = Profile::CollectXpert.text();
        let mut spoiled: String = whole.chars().take(at).collect();
        spoiled.push_str(&text);
        spoiled.extend(whole.chars().skip(at + cut));
        if let Err(problems) = Mapping::read(&spoiled, None) {
            prop_assert!(problems.iter().count() > 0);
        }
    }
}

#[test]
fn the_event_of_assignments_may_be_left_out_and_is_whole_where_it_is_not() {
    for (profile, topic) in [
        (Profile::CollectXpert, "/event/cxp__AI_Queue_Assignment__e"),
        (Profile::CollectionsAndRecovery, "/event/Collection_Plan_Assignment__e"),
    ] {
        let mapping = profile.mapping(None).unwrap();
        let event = mapping.event().unwrap();
        assert_eq!((event.topic().as_str(), event.assign(), event.revoke()), (topic, "Assign", "Revoke"));
        assert!(EventField::ALL.into_iter().all(|field| event.field(field).is_some()), "{topic}");
    }
    let (whole, table) = (Profile::CollectXpert.text(), "\n[assignment_event]");
    let (without, _) = whole.split_once(table).unwrap();
    assert_eq!(Mapping::read(without, None).unwrap().event(), None);
    for (from, to, told) in [
        ("revoke = \"Revoke\"", "revoke = \"Assign\"", "both have the same value"),
        ("revoke = \"Revoke\"", "revoke = \"\"", "not a value of an event's field"),
        ("assignment = \"{ns}Assignment_Id__c\"\n", "", "the key is missing"),
        ("priority = \"{ns}Priority__c\"", "prioriti = \"{ns}Priority__c\"", "did you mean priority?"),
        (
            "strategy = \"{ns}Strategy_Id__c\"",
            "strategy = \"{ns}Account_External_Id__c\"",
            "is the field of account too",
        ),
        ("strategy = \"{ns}Strategy_Id__c\"", "strategy = \"{ns}Card_Number__c\"", "account data of a card"),
        ("api = \"{ns}AI_Queue_Assignment__e\"", "api = \"AI Queue\"", "a name begins with a letter"),
    ] {
        let problems = problems(from, to);
        assert!(problems.len() == 1 && problems[0].contains(told), "{to}: {problems:?}");
    }
}

#[test]
fn a_mapping_from_before_an_outage_had_a_value_writes_its_other() {
    let before = Profile::CollectXpert.text().replace("unavailable = \"Records Unavailable\"\n", "");
    let mapping = Mapping::read(&before, None).unwrap();
    let disposition = mapping.field(crate::salesforce::object::attempt::DISPOSITION).unwrap();
    assert_eq!(disposition.values.value("unavailable"), Some("Other"));
    assert_eq!(
        collectxpert().field(disposition.field).unwrap().values.value("unavailable"),
        Some("Records Unavailable")
    );
}
