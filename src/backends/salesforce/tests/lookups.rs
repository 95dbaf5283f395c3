use super::*;

const ACCOUNT: &str = "cxp__Collection_Account__c";
const STRATEGY: &str = "cxp__Collection_Strategy__c";

/// An org with one strategy, and so many accounts with one telephone number.
async fn rig(accounts: usize) -> (Rig, LookUps) {
    let rig = Rig::start().await;
    let strategy = json!({
        "cxp__External_Id__c": "standard", "Name": "Standard", "cxp__Active__c": true,
        "cxp__Min_Payment_Amount__c": 25, "cxp__Min_First_Payment_Amount__c": 25, "cxp__Max_Installments__c": 6,
        "cxp__First_Payment_Max_Days__c": 30, "cxp__Max_Term_Days__c": 180,
        "cxp__Allowed_Frequencies__c": "Monthly;Biweekly", "cxp__Settlement_Min_Percent__c": 0,
    });
    let strategy = rig.org.insert(STRATEGY, &strategy).unwrap();
    for number in 0..accounts {
        let debtor = json!({"FirstName": "Maria", "LastName": "Delgado"});
        let debtor = rig.org.insert("Contact", &debtor).unwrap();
        let account = json!({
            "cxp__External_Id__c": format!("CA-{number}"), "cxp__Account_Reference__c": format!("4001773{number}"),
            "cxp__Debtor__c": debtor, "cxp__Phone_E164__c": "+12025550143", "cxp__Verify_DOB__c": "1984-03-17",
            "cxp__Verify_Postal_Code__c": "20009", "cxp__Balance_Outstanding__c": 612.4,
            "cxp__Creditor_Name__c": "Harborlight Medical", "cxp__Preferred_Language__c": "en",
            "cxp__Time_Zone__c": "America/New_York", "cxp__Strategy__c": strategy,
        });
        rig.org.insert(ACCOUNT, &account).unwrap();
    }
    let mapping = Profile::CollectXpert.mapping(None).unwrap();
    let version: ApiVersion = "v68.0".parse().unwrap();
    let look_ups = LookUps::new(Arc::clone(&rig.connections), mapping, version);
    (rig, look_ups)
}

fn caller() -> LookupKey {
    LookupKey::Number(Phone::parse("+12025550143").unwrap())
}

#[tokio::test]
async fn an_account_is_found_by_its_caller_and_by_its_reference() {
    let (_rig, look_ups) = rig(1).await;
    for key in [caller(), LookupKey::Reference(Reference::parse("40017730").unwrap())] {
        let LookUp::Found(found) = look_ups.find(&key).await.unwrap() else { panic!("nobody") };
        let Found { account, .. } = *found;
        assert_eq!(account.balance.minor(), 61_240);
    }
    let nobody = LookupKey::Reference(Reference::parse("OR-Name-LIKE").unwrap());
    assert!(matches!(look_ups.find(&nobody).await, Ok(LookUp::Nothing)));
}
