"""simple-salesforce, unmodified, against the org of the tests. Its addresses come in the environment."""

import os
import urllib.request

import requests
from simple_salesforce import Salesforce, format_soql
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

ACCOUNT = "cxp__Collection_Account__c"
KEY = "cxp__External_Id__c"

session = requests.Session()
session.verify = os.environ["CA_FILE"]
session.trust_env = False
org = Salesforce(
    instance_url=os.environ["INSTANCE_URL"], session_id=os.environ["TOKEN"], session=session, version="68.0"
)
accounts = getattr(org, ACCOUNT)


def refused(kind, action):
    """What is refused with an exception of this kind."""
    try:
        action()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


# Rows: made, read, changed, upserted, too many, gone.
name = "O'Brien\\x, 100% \"sure\"\nline"
made = accounts.create({KEY: "PY-1", "Name": name, "cxp__Phone_E164__c": "+13125550118"})
assert made["success"] and made["errors"] == [], made
assert accounts.get(made["id"])["Name"] == name
assert accounts.get_by_custom_id(KEY, "py-1")["Id"] == made["id"]
assert accounts.update(made["id"], {"cxp__Queue__c": "AI"}) == 204
assert accounts.upsert(f"{KEY}/PY-2", {"Name": "Tran", "cxp__Phone_E164__c": "+13125550118"}) == 201
assert accounts.upsert(f"{KEY}/PY-2", {"Name": "Linh Tran"}) == 200
several = refused(SalesforceMoreThanOneRecord, lambda: accounts.upsert("cxp__Phone_E164__c/+13125550118", {"Name": "x"}))
assert several.status == 300 and len(several.content) == 2, several
long = refused(SalesforceMalformedRequest, lambda: accounts.update(made["id"], {KEY: "x" * 65}))
assert long.content[0]["errorCode"] == "STRING_TOO_LONG" and long.content[0]["fields"] == [KEY], long.content
assert accounts.describe()["name"] == ACCOUNT
assert len(org.describe()["sobjects"]) == 9

# Queries: its own quoting, pages, and what is used.
found = org.query(format_soql(f"SELECT Id, Name FROM {ACCOUNT} WHERE Name = {{}}", name))
assert [row["Id"] for row in found["records"]] == [made["id"]], found
assert org.query(format_soql(f"SELECT Id FROM {ACCOUNT} WHERE Name LIKE '%{{:like}}%'", "100%"))["totalSize"] == 1
assert org.api_usage["api-usage"].total == 100000, org.api_usage
wrong = refused(SalesforceMalformedRequest, lambda: org.query(f"SELECT Nothing__c FROM {ACCOUNT}"))
assert wrong.content[0]["errorCode"] == "INVALID_FIELD", wrong.content

# A composite and a graph.
base = "/services/data/v68.0/sobjects"
parts = [
    {"method": "POST", "url": f"{base}/{ACCOUNT}", "referenceId": "a", "body": {KEY: "PY-K"}},
    {"method": "GET", "url": f"{base}/{ACCOUNT}/@{{a.id}}", "referenceId": "b"},
]
composite = org.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": parts})
assert [part["httpStatusCode"] for part in composite["compositeResponse"]] == [201, 200], composite
graph = {"graphId": "g", "compositeRequest": parts}
answer = org.restful("composite/graph", method="POST", json={"graphs": [graph]})["graphs"][0]
codes = [part["body"][0]["errorCode"] for part in answer["graphResponse"]["compositeResponse"]]
assert not answer["isSuccessful"] and codes == ["DUPLICATE_VALUE", "PROCESSING_HALTED"], answer

# Bulk API 2.0, with rows that fail, and pages of what it wrote.
rows = [{KEY: f"PY-B-{row}", "Name": "bulk", "cxp__Queue__c": "AI" if row % 500 else "Robot"} for row in range(2_500)]
bulk = getattr(org.bulk2, ACCOUNT)
done = bulk.upsert(records=rows, external_id_field=KEY, wait=0.05)
assert sum(one["numberRecordsProcessed"] for one in done) == 2_500, done
assert sum(one["numberRecordsFailed"] for one in done) == 5, done
job = done[0]["job_id"]
assert "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" in bulk.get_failed_records(job)
assert bulk.get_successful_records(job).count("PY-B-") == 2_495
assert bulk.get_unprocessed_records(job).count("PY-B-") == 0
every = org.query_all(f"SELECT {KEY} FROM {ACCOUNT} WHERE Name = 'bulk' ORDER BY {KEY}")
assert every["totalSize"] == len(every["records"]) == 2_495
assert len(list(org.query_all_iter(f"SELECT Id FROM {ACCOUNT} WHERE Name = 'bulk'"))) == 2_495

assert accounts.delete(made["id"]) == 204
refused(SalesforceResourceNotFound, lambda: accounts.get(made["id"]))

# A session that is over.
request = urllib.request.Request(os.environ["ADMIN_URL"] + "/sessions/expire", method="POST")
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()
stale = refused(SalesforceExpiredSession, lambda: org.query("SELECT Id FROM Contact"))
assert stale.status == 401 and stale.content[0]["errorCode"] == "INVALID_SESSION_ID", stale.content
print("simple-salesforce: all expectations hold")
