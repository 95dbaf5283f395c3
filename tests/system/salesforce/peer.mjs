// jsforce, unmodified, against the org of the tests. Its addresses come in the environment; a failed expectation ends it.
import assert from 'node:assert/strict';
import { createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { LOGIN_URL, ADMIN_URL, KEY_FILE, CONSUMER_KEY, CONSUMER_SECRET, USERNAME, MODULES } = process.env;
const jsforce = createRequire(`${MODULES}/`)('jsforce');
const VERSION = '68.0';
const ACCOUNT = 'cxp__Collection_Account__c';
const KEY = 'cxp__External_Id__c';

const admin = (method, path, body) =>
  fetch(`${ADMIN_URL}${path}`, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

function assertion() {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 180;
  const signed = `${part({ alg: 'RS256' })}.${part({ iss: CONSUMER_KEY, sub: USERNAME, aud: LOGIN_URL, exp })}`;
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(readFileSync(KEY_FILE), 'base64url')}`;
}

async function signIn(params) {
  const oauth2 = { loginUrl: LOGIN_URL, clientId: CONSUMER_KEY, clientSecret: CONSUMER_SECRET };
  const connection = new jsforce.Connection({ loginUrl: LOGIN_URL, instanceUrl: LOGIN_URL, version: VERSION, oauth2 });
  await connection.authorize(params);
  assert.notEqual(connection.instanceUrl, LOGIN_URL);
  return connection;
}

const bearer = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertion() };
assert.equal((await signIn(bearer)).userInfo.organizationId.length, 18);
const connection = await signIn({ grant_type: 'client_credentials' });

// Upserts: made, changed, too many.
const accounts = connection.sobject(ACCOUNT);
const made = await accounts.upsert({ [KEY]: 'JS-1', Name: "O'Brien", cxp__Phone_E164__c: '+12025550143' }, KEY);
assert.deepEqual([made.success, made.created, made.id.slice(0, 3)], [true, true, 'a00']);
const changed = await accounts.upsert({ [KEY]: 'JS-1', cxp__Queue__c: 'AI' }, KEY);
assert.deepEqual([changed.success, changed.created, changed.id], [true, false, made.id]);
await accounts.create({ [KEY]: 'JS-2', Name: 'Tran', cxp__Phone_E164__c: '+12025550143' });
await assert.rejects(accounts.upsert({ cxp__Phone_E164__c: '+12025550143', Name: 'x' }, 'cxp__Phone_E164__c'), (error) => {
  assert.match(`${error.name} ${error.message}`, /multiple/i);
  return true;
});
await assert.rejects(accounts.create({ [KEY]: 'JS-1' }), { errorCode: 'DUPLICATE_VALUE' });
await assert.rejects(accounts.create({ [KEY]: 'JS-3', cxp__Queue__c: 'Robot' }), (error) => {
  assert.deepEqual([error.errorCode, error.data.fields], ['INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST', ['cxp__Queue__c']]);
  return true;
});

// Queries: conditions by its own builder, children, pages, errors.
const strategy = await connection.sobject('cxp__Collection_Strategy__c').create({ [KEY]: 'JS-S', Name: 'gentle' });
await accounts.update({ Id: made.id, cxp__Strategy__c: strategy.id });
await connection.sobject('cxp__Dispute__c').create({ [KEY]: 'JS-D', cxp__Collection_Account__c: made.id, cxp__Status__c: 'Open' });
const found = await accounts
  .find({ Name: "O'Brien", cxp__Queue__c: { $in: ['AI', 'Hold'] } }, 'Id, cxp__Strategy__r.Name')
  .include('cxp__Disputes__r', { cxp__Status__c: 'Open' }, 'Id, Name')
  .end()
  .limit(5);
assert.equal(found.length, 1);
assert.equal(found[0].cxp__Strategy__r.Name, 'gentle');
assert.equal(found[0].cxp__Disputes__r.totalSize, 1);
await assert.rejects(connection.query(`SELECT Nothing__c FROM ${ACCOUNT}`), { errorCode: 'INVALID_FIELD' });
assert.equal((await connection.query(`SELECT count() FROM ${ACCOUNT} WHERE CreatedDate = TODAY AND ${KEY} LIKE 'JS-_'`)).totalSize, 2);
assert.equal((await connection.describe(ACCOUNT)).fields.find((field) => field.name === KEY).externalId, true);
assert.equal((await connection.describeGlobal()).sobjects.length, 9);
assert.equal((await connection.limits()).DailyApiRequests.Max, 100000);
assert.ok(connection.limitInfo.apiUsage.used > 0 && connection.limitInfo.apiUsage.limit === 100000);

// Collections: each row with its own answer, and pages of a long answer.
const rows = (from, count) => Array.from({ length: count }, (_, row) => ({ [KEY]: `JS-C-${from + row}`, Name: 'c' }));
for (let from = 0; from < 2200; from += 200) {
  const done = await accounts.create(rows(from, 200), { allOrNone: true });
  assert.ok(done.every((row) => row.success));
}
const all = await connection.query(`SELECT Id FROM ${ACCOUNT} WHERE Name = 'c'`, { autoFetch: true, maxFetch: 5000 });
assert.deepEqual([all.totalSize, all.records.length, all.done], [2200, 2200, true]);
const mixed = await accounts.upsert([{ [KEY]: 'JS-C-0', Name: 'd' }, { [KEY]: 'JS-9', cxp__Queue__c: 'Robot' }], KEY);
assert.deepEqual(mixed.map((row) => row.success), [true, false]);
assert.equal(mixed[1].errors[0].statusCode, 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST');
assert.deepEqual((await accounts.retrieve([made.id]))[0].Name, "O'Brien");
assert.equal((await accounts.destroy([all.records[0].Id]))[0].success, true);

// A composite and a graph.
const base = `/services/data/v${VERSION}`;
const composite = await connection.requestPost(`${base}/composite`, {
  allOrNone: true,
  compositeRequest: [
    { method: 'PATCH', url: `${base}/sobjects/${ACCOUNT}/${KEY}/JS-K`, referenceId: 'acc', body: { Name: 'k' } },
    { method: 'GET', url: `${base}/sobjects/${ACCOUNT}/@{acc.id}`, referenceId: 'read' },
  ],
});
assert.deepEqual(composite.compositeResponse.map((part) => part.httpStatusCode), [201, 200]);
const graph = await connection.requestPost(`${base}/composite/graph`, {
  graphs: ['AI', 'Robot'].map((queue) => ({
    graphId: queue,
    compositeRequest: [
      { method: 'POST', url: `${base}/sobjects/${ACCOUNT}`, referenceId: 'a', body: { [KEY]: `JS-G-${queue}`, cxp__Queue__c: queue } },
      { method: 'POST', url: `${base}/sobjects/cxp__Dispute__c`, referenceId: 'b', body: { [KEY]: `JS-G-${queue}`, cxp__Collection_Account__c: '@{a.id}' } },
    ],
  })),
});
assert.deepEqual(graph.graphs.map((one) => one.isSuccessful), [true, false]);

// Bulk API 2.0.
const sent = Array.from({ length: 300 }, (_, row) => ({ [KEY]: `JS-B-${row}`, Name: 'b', cxp__Queue__c: row % 100 ? 'AI' : 'Robot' }));
const job = connection.bulk2.createJob({ object: ACCOUNT, operation: 'upsert', externalIdFieldName: KEY, lineEnding: 'LF' });
await job.open();
await job.uploadData(sent);
await job.close();
await job.poll(20, 20000);
const results = await job.getAllResults();
assert.deepEqual(
  [results.successfulResults.length, results.failedResults.length, results.unprocessedRecords.length],
  [297, 3, 0],
);
assert.match(results.failedResults[0].sf__Error, /^INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:/);
await job.delete();

// A session that is over: signed in without a token that refreshes, it says that it cannot.
await admin('POST', '/sessions/expire');
await assert.rejects(connection.query(`SELECT Id FROM ${ACCOUNT}`), /refresh session|INVALID_SESSION_ID|Session expired/);
console.log('jsforce: all expectations hold');
