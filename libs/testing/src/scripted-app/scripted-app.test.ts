import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { JsonObject, JsonValue } from '@perdure/domain';
import { afterEach, expect, test } from 'vitest';

import { completed, garbage, hang, reset, sleepOp, stepHash } from './replies.ts';
import { startScriptedApp, type ScriptedApp, type ScriptedAppOptions } from './scripted-app.ts';
import {
  always,
  completes,
  failsThen,
  inTurn,
  parallelSteps,
  sequentialSteps,
  sleeps,
  stepFailsThenCompletes,
} from './scripts.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(functions: ScriptedAppOptions['functions']): Promise<ScriptedApp> {
  const app = await startScriptedApp({ name: 'app', functions });
  closers.push(() => app.stop());
  return app;
}

/** Calls a function as the server does; `done` are memos of the steps completed so far. */
async function call(
  app: ScriptedApp,
  id: string,
  {
    done = {},
    stepId = 'step',
    attempt = 0,
  }: { done?: Record<string, JsonValue>; stepId?: string; attempt?: number } = {},
): Promise<{ status: number; headers: Headers; body: JsonValue }> {
  const event = { id: 'e1', name: `test/${id}`, data: { a: 1 }, ts: 5, user: {} };
  const steps = Object.fromEntries(Object.entries(done).map(([step, memo]) => [stepHash(step), memo]));
  const answer = await fetch(`${app.url}?fnId=app-${id}&stepId=${stepId}`, {
    method: 'POST',
    body: JSON.stringify({ event, events: [event], steps, ctx: { run_id: 'r1', attempt }, version: -1 }),
  });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as JsonValue };
}

test('a call reaches the script of its function with all parts parsed, and is kept for assertions', async () => {
  const app = await start([{ id: 'one', script: (got) => completed({ saw: got.event.data, run: got.runId }) }]);

  const answer = await call(app, 'one');

  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-inngest-sdk')).toMatch(/^js:/);
  expect(answer.body).toEqual({ saw: { a: 1 }, run: 'r1' });
  expect(app.calls('app-one')).toHaveLength(1);
  expect(await app.nextCall()).toMatchObject({ slug: 'app-one', stepId: 'step', attempt: 0, version: -1 });
});

test('waitForCalls resolves with the call that completes the count and names what is missing otherwise', async () => {
  const app = await start([{ id: 'one', script: completes() }]);
  const both = app.waitForCalls(2, { slug: 'app-one' });

  await call(app, 'one');
  await expect(app.waitForCalls(2, { waitMs: 1 })).rejects.toThrow('for 2 calls of app, got 1');
  await call(app, 'one');

  expect(await both).toHaveLength(2);
});

test('sequential steps are reported one a call, then the run completes', async () => {
  const app = await start([{ id: 'seq', script: sequentialSteps(2, 'end') }]);

  const first = await call(app, 'seq');
  const second = await call(app, 'seq', { done: { 'step-1': { data: 1 } } });
  const last = await call(app, 'seq', { done: { 'step-1': { data: 1 }, 'step-2': { data: 2 } } });

  expect(first.status).toBe(206);
  expect(first.headers.get('x-inngest-req-version')).toBe('2');
  expect(first.body).toMatchObject([{ op: 'StepRun', id: stepHash('step-1') }]);
  expect(second.body).toMatchObject([{ op: 'StepRun', id: stepHash('step-2') }]);
  expect(last.body).toMatchObject([{ op: 'RunComplete', data: 'end' }]);
});

test('parallel steps are planned together and run on targeted calls', async () => {
  const app = await start([{ id: 'par', script: parallelSteps(2) }]);

  const plan = await call(app, 'par');
  const targeted = await call(app, 'par', { stepId: stepHash('step-2') });

  expect(plan.body).toMatchObject([{ op: 'StepPlanned' }, { op: 'StepPlanned' }]);
  expect(targeted.body).toMatchObject([{ op: 'StepRun', id: stepHash('step-2') }]);
});

test('failing scripts look at the attempt, a sleeping one at its memo', async () => {
  const app = await start([
    { id: 'fails', script: failsThen(1, completes('late'), { isRetriable: true, retryAfter: '3' }) },
    { id: 'step', script: stepFailsThenCompletes(1) },
    { id: 'sleeps', script: sleeps('5s') },
  ]);

  const failure = await call(app, 'fails');
  expect(failure.status).toBe(500);
  expect(failure.headers.get('retry-after')).toBe('3');
  expect((await call(app, 'fails', { attempt: 1 })).body).toBe('late');
  expect((await call(app, 'step')).body).toMatchObject([{ op: 'StepError' }]);
  expect((await call(app, 'step', { attempt: 1 })).body).toMatchObject([{ op: 'StepRun' }]);
  expect((await call(app, 'sleeps')).body).toEqual([sleepOp('nap', '5s')]);
  expect((await call(app, 'sleeps', { done: { nap: null } })).body).toMatchObject([{ op: 'RunComplete' }]);
});

test('a script may hang, reset the connection, answer nonsense or throw', async () => {
  const app = await start([
    { id: 'hang', script: always(hang()) },
    { id: 'reset', script: always(reset()) },
    { id: 'garbage', script: always(garbage()) },
    { id: 'turns', script: inTurn(completed(1), completed(2)) },
    {
      id: 'throws',
      script: () => {
        throw new Error('script broke');
      },
    },
  ]);

  const impatient = new AbortController();
  const hanging = fetch(`${app.url}?fnId=app-hang&stepId=step`, {
    method: 'POST',
    body: '{}',
    signal: impatient.signal,
  });
  const hung = await app.nextCall();
  impatient.abort();
  await expect(hanging).rejects.toThrow('aborted');
  await hung.ended;

  await expect(call(app, 'reset')).rejects.toThrow('fetch failed');
  await expect(call(app, 'garbage')).rejects.toThrow(SyntaxError);
  expect([(await call(app, 'turns')).body, (await call(app, 'turns')).body]).toEqual([1, 2]);
  expect((await call(app, 'throws')).body).toMatchObject({ message: 'script broke' });
});

test('it registers as an SDK does: by itself, on a PUT of the server, and in-band', async () => {
  const received: JsonObject[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      received.push(JSON.parse(body) as JsonObject);
      response.end('{"ok":true,"modified":true}');
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => void server.close(resolve)));
  const app = await start([{ id: 'one', retries: 2, options: { concurrency: 3 }, script: completes() }]);

  const answer = await app.register(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const put = await fetch(app.url, { method: 'PUT', body: JSON.stringify({ url: app.url }) });
  const inBand = await fetch(app.url, { method: 'PUT', headers: { 'x-inngest-sync-kind': 'in_band' } });

  expect(answer).toEqual({ ok: true, modified: true });
  expect(await put.json()).toMatchObject({ modified: true });
  expect(received).toHaveLength(2);
  expect(received[1]).toMatchObject({
    url: app.url,
    appName: 'app',
    functions: [
      {
        id: 'app-one',
        triggers: [{ event: 'test/one' }],
        concurrency: 3,
        steps: { step: { runtime: { url: `${app.url}?fnId=app-one&stepId=step` }, retries: { attempts: 2 } } },
      },
    ],
  });
  expect(inBand.headers.get('x-inngest-sync-kind')).toBe('in_band');
  expect(await inBand.json()).toMatchObject({ app_id: 'app', functions: [{ id: 'app-one' }] });
});
