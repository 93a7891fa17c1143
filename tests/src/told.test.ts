import { gzipSync } from 'node:zlib';

import type { JsonObject } from '@perdure/domain';
import { completes } from '@perdure/testing';
import { expect, test } from 'vitest';

import { useServer } from './harness/fixture.ts';

const system = useServer();

const span = (name: string, isOurs = true): JsonObject => ({
  traceId: '0AF7651916CD43DD8448EB211C80319C',
  spanId: 'b7ad6b7169203331',
  name,
  attributes: isOurs ? [{ key: 'inngest.traceref', value: { stringValue: '%7B%7D' } }] : [],
});
const request = (...spans: JsonObject[]): JsonObject => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] });

async function postTraces(body: string | Uint8Array, headers: Record<string, string> = {}) {
  const answer = await fetch(`${system.server.url}/v1/traces/userland`, {
    method: 'POST',
    body: body as never,
    headers: { 'content-type': 'application/json', ...headers },
  });
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
}

test('[P104] metadata of a run is accepted; what is wrong with it is said', async (ctx) => {
  await system.scriptedApp(ctx, 'told', { id: 'told', script: completes() });
  const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/told' }));
  const score = { kind: 'inngest.score', op: 'merge', values: { q: { value: 0.5 } } };
  const tell = (body: JsonObject, runId = run.run_id) =>
    system.api.request('POST', `/v1/runs/${runId}/metadata`, { body });
  const large = (text: string) => ({ metadata: [{ kind: 'userland.x', op: 'set', values: { text } }] });

  expect(await tell({ target: { run_id: run.run_id, step_id: 'a' }, metadata: [score] })).toMatchObject({
    status: 200,
    text: '',
  });
  expect((await tell({ metadata: [{ ...score, kind: 'inngest.secret' }] })).status).toBe(403);
  expect((await tell({ metadata: [{ ...score, op: 'other' }] })).status).toBe(400);
  expect((await tell({ metadata: [score] }, '01KAZZZZZZZZZZZZZZZZZZZZZZ')).status).toBe(404);
  expect((await tell({ metadata: [score] }, 'nonsense')).status).toBe(400);
  expect((await tell(large('x'.repeat(70_000)))).status).toBe(413);
  // Setting the same again takes no more room.
  for (let i = 0; i < 3; i += 1) expect((await tell(large('x'.repeat(60_000)))).status).toBe(200);
});

test('[P104] spans of the user are accepted in JSON and protobuf, zipped or not', async () => {
  const body = JSON.stringify(request(span('a')));
  const protobuf = { 'content-type': 'application/x-protobuf' };

  expect(await postTraces(body)).toMatchObject({ status: 200, text: '{}' });
  expect(await postTraces(gzipSync(body), { 'content-encoding': 'gzip' })).toMatchObject({ status: 200, text: '{}' });
  expect(await postTraces(new Uint8Array(), protobuf)).toEqual({
    status: 200,
    type: 'application/x-protobuf',
    text: '',
  });
});

test('spans without a reference to the trace are counted as rejected', async () => {
  const answer = await postTraces(JSON.stringify(request(span('a', false), span('b'), span('c', false))));

  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.text)).toMatchObject({ partialSuccess: { rejectedSpans: '2' } });
});

test('what is no OTLP, or too much, is refused with a status of gRPC', async () => {
  expect(await postTraces('[]')).toMatchObject({ status: 400, text: expect.stringContaining('"code":3') });
  expect(await postTraces('not zipped', { 'content-encoding': 'gzip' })).toMatchObject({ status: 400 });
  expect(await postTraces(gzipSync('x'.repeat(9 << 20)), { 'content-encoding': 'gzip' })).toMatchObject({
    status: 413,
    text: expect.stringContaining('"code":8'),
  });
  expect((await postTraces(Buffer.from([0x0a, 0xff]), { 'content-type': 'application/x-protobuf' })).status).toBe(400);
});
