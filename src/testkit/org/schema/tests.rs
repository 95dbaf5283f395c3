use super::*;

#[test]
fn the_sample_has_its_objects_and_their_relationships() {
    let schema = Schema::parse(COLLECTXPERT).unwrap();
    assert_eq!(schema.objects().count(), 8);
    let account = schema.object("CXP__collection_account__C").unwrap();
    assert_eq!(account.parent("cxp__strategy__r").unwrap().to, "cxp__Collection_Strategy__c");
    assert_eq!(account.children("cxp__Contact_Attempts__r").unwrap().object, "cxp__Contact_Attempt__c");
    assert!(account.field("cxp__Phone_E164__c").is_some_and(|field| field.external_id && !field.unique));
    assert_eq!(schema.of_prefix("003").unwrap().name, "Contact");
}

#[test]
fn the_second_sample_has_standard_fields_beside_custom_ones() {
    let schema = Schema::parse(COLLECTIONS_AND_RECOVERY).unwrap();
    assert_eq!(schema.objects().count(), 9);
    let plan = schema.object("CollectionPlan").unwrap();
    assert_eq!(plan.field("dayspastduenumber").unwrap().kind, Kind::Int);
    assert_eq!(plan.parent("Contact").unwrap().to, "Contact");
    assert_eq!(plan.children("Debt_Disputes__r").unwrap().object, "Debt_Dispute__c");
}

#[test]
fn a_hidden_field_is_not_there() {
    let mut schema = Schema::parse(COLLECTXPERT).unwrap();
    assert!(schema.hide("contact", "email", true) && !schema.hide("contact", "nothing", true));
    assert!(schema.object("Contact").unwrap().field("Email").is_none());
}

#[test]
fn what_is_no_schema_is_told_why() {
    for (text, why) in [
        ("[objects.A]\nprefix = \"0\"\n", "prefix"),
        ("[objects.A]\nprefix = \"001\"\n[objects.B]\nprefix = \"001\"\n", "prefix"),
        (
            "[objects.A]\nprefix = \"001\"\n[objects.A.fields]\nB = { type = \"reference\", to = \"C\" }\n",
            "refers to C",
        ),
        ("[objects.A]\nprefix = \"001\"\n[objects.A.fields]\nB = { type = \"colour\" }\n", "colour"),
        ("objects = 1", "cannot be read"),
    ] {
        let error = Schema::parse(text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
