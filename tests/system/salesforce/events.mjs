// salesforce-pubsub-api-client, unmodified, against the org of the tests. Its addresses come in the environment.
import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { ADMIN_URL, CA_FILE, INSTANCE_URL, MODULES, ORG, PUBSUB_ADDRESS, TOKEN } = process.env;
// The client brings a file of authorities and takes no other: it is handed the org's instead.
const read = fs.readFileSync;
fs.readFileSync = (file, ...rest) => read(String(file).endsWith('cacert.pem') ? CA_FILE : file, ...rest);
const entry = createRequire(`${MODULES}/`).resolve('salesforce-pubsub-api-client').replace(/client\.cjs$/, 'client.js');
const { default: PubSubApiClient } = await import(pathToFileURL(entry));
const EVENT = 'cxp__AI_Queue_Assignment__e';
const TOPIC = `/event/${EVENT}`;
const PATIENCE = 5000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const admin = (method, path, body) =>
  fetch(`${ADMIN_URL}${path}`, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

async function connect() {
  const config = {
    authType: 'user-supplied', accessToken: TOKEN, instanceUrl: INSTANCE_URL, organizationId: ORG, pubSubEndpoint: PUBSUB_ADDRESS,
  };
  const client = new PubSubApiClient(config, quiet);
  await client.connect();
  return client;
}

/** Subscribes, and gives what comes by its kind, one after the other. */
function listen(subscribe) {
  const told = new EventEmitter();
  const waiting = new Map();
  subscribe((_info, kind, data) => {
    waiting.set(kind, [...(waiting.get(kind) ?? []), data]);
    told.emit(`told ${kind}`);
  });
  return async (kind) => {
    const signal = AbortSignal.timeout(PATIENCE);
    while (!waiting.get(kind)?.length) await once(told, `told ${kind}`, { signal });
    return waiting.get(kind).shift();
  };
}

const payload = (id) => ({
  CreatedDate: Date.now(), CreatedById: '005Tg0000000001IAA', cxp__Assignment_Id__c: { string: id },
  cxp__Max_Installments__c: { double: 6 }, cxp__Not_Before__c: { long: 1796029200000 },
});

// Published by the client, and by the org; both are read.
const publisher = await connect();
const blank = await publisher.publish(TOPIC, { ...payload('AS-1'), ...nothing() }, 'key-1');
assert.equal(blank.correlationKey, 'key-1');
assert.ok(Number.isInteger(blank.replayId));
const next = listen((callback) => publisher.subscribeFromEarliestEvent(TOPIC, callback, 3));
const first = await next('event');
assert.equal(first.replayId, blank.replayId);
assert.equal(first.payload.cxp__Assignment_Id__c, 'AS-1');
assert.equal(first.payload.cxp__Max_Installments__c, 6);
assert.equal(first.payload.cxp__Action__c, null);
assert.equal((await admin('POST', `/events/${EVENT}`, { cxp__Assignment_Id__c: 'AS-2', cxp__Action__c: 'Revoke' })).status, 201);
const second = await next('event');
assert.deepEqual([second.payload.cxp__Assignment_Id__c, second.payload.cxp__Action__c], ['AS-2', 'Revoke']);

// A stream that has nothing to say keeps itself alive.
await admin('POST', '/clock/advance', { seconds: 271 });
await next('grpcKeepAlive');
publisher.close();

// From a replay id, and from one that is too old or none.
const resumed = await connect();
const after = listen((callback) => resumed.subscribeFromReplayId(TOPIC, callback, 1, blank.replayId));
assert.equal((await after('event')).payload.cxp__Assignment_Id__c, 'AS-2');
await after('lastEvent');
resumed.close();
const stale = await connect();
const refused = listen((callback) => stale.subscribeFromReplayId(TOPIC, callback, 1, 5));
const error = await refused('error');
assert.equal(error.code, 3);
assert.match(String(error.metadata.get('error-code')), /replayid\.corrupted$/);
stale.close();

// Bytes that are no event spoil that event alone.
await admin('POST', `/events/${EVENT}/bytes`, [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]);
await admin('POST', `/events/${EVENT}`, { cxp__Assignment_Id__c: 'AS-3' });
const spoiled = await connect();
const seen = listen((callback) => spoiled.subscribeFromReplayId(TOPIC, callback, 3, second.replayId));
assert.equal((await seen('error')).constructor.name, 'EventParseError');
assert.equal((await seen('event')).payload.cxp__Assignment_Id__c, 'AS-3');
spoiled.close();

// A stream that drops says why. Those of clients that were closed are still there, with fewer events: they must not drop.
await admin('PUT', '/streams', { drop_every: 5 });
await admin('POST', `/events/${EVENT}`, { cxp__Assignment_Id__c: 'AS-4' });
const dropped = await connect();
const cut = listen((callback) => dropped.subscribeFromEarliestEvent(TOPIC, callback, 10));
// The client forgets a stream that has ended, and cannot read the events that came just before: those are errors as well.
while ((await cut('error')).code !== 14);
dropped.close();

// A session that is over.
await admin('DELETE', '/faults');
await admin('POST', '/sessions/expire');
const late = await connect();
await assert.rejects(late.publish(TOPIC, { ...payload('AS-5'), ...nothing() }), (failure) => {
  const causes = [failure, failure.cause, failure.cause?.cause].filter(Boolean);
  assert.ok(causes.some((cause) => cause.code === 16), String(failure.cause));
  return true;
});
late.close();
console.log('salesforce-pubsub-api-client: all expectations hold');
// What becomes of the streams of clients that are closed, nobody listens to any more.
process.exit(0);

/** The fields that no payload here fills: avro-js wants every one named. */
function nothing() {
  const names = ['Account_External_Id', 'Strategy_Id', 'Action', 'Priority', 'Not_After', 'Preferred_Language', 'Phone_E164', 'Time_Zone',
    'Min_Payment_Amount'];
  return Object.fromEntries(names.map((name) => [`cxp__${name}__c`, null]));
}
