import { createHash, createHmac } from 'node:crypto';

import type { JsonObject } from '@perdure/domain';
import { stepHash } from '@perdure/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { expectWithin } from '../harness/expect-within.ts';
import { useServer, type Fixture } from '../harness/fixture.ts';
import { freePort } from '../harness/free-port.ts';
import { until } from '../harness/poll.ts';
import type { RunView } from '../harness/server-api.ts';
import { startServer, TEST_KEYS } from '../harness/server.ts';
import { describeWithPython } from './describe-with.ts';
import { LanguageApp, type LanguageAppOptions } from './language-app.ts';

const PROGRAM = new URL('../../languages/python/app.py', import.meta.url).pathname;
const MIB = 1024 * 1024;
/** Such as canonical JSON writes in its own way. */
const NUMBERS = [1e21, 1e-7, 0.1, 1.5, 10, -0.001, 9_007_199_254_740_991];

describeWithPython('Python', (packages) => {
  describe('without keys', () => {
    const system = useServer({ args: ['--retry-interval', '1'] });
    describeApp(system, useApp(system, 'py'));

    const { app: streaming, run: stream } = useApp(system, 'py-streams', { INNGEST_STREAMING: 'force' });

    test.concurrent('streaming: answers of 201 with whitespace before them count as what they wrap', async () => {
      const ended = await stream('parallel', {});

      const together = ['a', 'b', null, null, 8];
      expect(ended).toMatchObject({ status: 'Completed', output: { together, after: 'after' } });
      const calls = streaming().callsOf(ended.run_id);
      expect(calls.map(({ status }) => status)).toEqual(calls.map(() => 201));
      expect(calls.some(({ answer }) => answer.startsWith(' {'))).toBe(true);
    });

    test.concurrent('streaming: a step that fails is retried, and caught when it fails for good', async () => {
      const ended = await stream('catches', {});

      expect(ended).toMatchObject({
        status: 'Completed',
        output: { caught: { name: 'KeyError', message: "'key'" }, remedy: 'mended' },
      });
      expect(countsOf(streaming(), ended)).toEqual({ broken: 2, remedy: 1 });
    });
  });

  describe('with keys', () => {
    const system = useServer({ command: 'start', keys: TEST_KEYS, args: ['--retry-interval', '1'] });
    const { app, run } = useApp(system, 'py-keys');
    describeApp(system, { app, run });

    test.concurrent('[P26][P27] requests and answers are signed, each over the bytes that were sent', async () => {
      const { run_id: runId } = await run('steps', { word: 'ü<&>\u2028', numbers: NUMBERS });

      const calls = app().callsOf(runId);
      expect(calls.length).toBeGreaterThan(4);
      for (const { headers, body, answerHeaders, answer } of calls) {
        expectSignature(headers['x-inngest-signature'], body);
        expectSignature(answerHeaders['x-inngest-signature'], answer);
      }
    });

    test.concurrent('it registers with the hashed key', () => {
      const [registration] = app().requestsTo('/fn/register');
      const hashed = createHash('sha256').update(Buffer.from(TEST_KEYS.signingKey, 'hex')).digest('hex');

      expect(registration?.headers.authorization).toBe(`Bearer ${hashed}`);
    });

    test.concurrent('a call that is not signed with a key of its own is refused, and the function does not run', async () => {
      const answer = await fetch(`${app().directUrl}?fnId=py-keys-double&stepId=step`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-inngest-signature': `t=${Date.now()}&s=${'0'.repeat(64)}` },
        body: '{}',
      });

      expect(answer.status).toBe(401);
      expect(answer.headers.get('x-inngest-sdk')).toBeNull();
    });

    test.concurrent('[P26][P30][P31] rotated keys: the fallback key registers, and what is signed with it is accepted', async (ctx) => {
      const rotated = await startApp(ctx, 'py-rotated', {
        serverUrl: () => system.server.url,
        keys: { ...TEST_KEYS, signingKey: 'cd'.repeat(32), fallbackSigningKey: TEST_KEYS.signingKey },
        // It then signs before it knows what it answers: no signature of it holds.
        env: { INNGEST_STREAMING: 'force' },
      });
      await rotated.sync();

      const eventId = await system.api.sendOne({ name: 'py-rotated/sends' });
      const ended = await system.api.waitForRun(eventId);

      expect(ended).toMatchObject({ status: 'Completed', output: [expect.any(String), expect.any(String)] });
      const [call] = rotated.callsOf(ended.run_id);
      expect(call?.status).toBe(201);
      expectSignature(call?.answerHeaders['x-inngest-signature'], 'null');
      expect(rotated.requestsTo('/fn/register').map(({ status }) => status)).toEqual([401, 200]);
    });

    test.concurrent('[P30] with a wrong signing key it cannot register, and says so', async (ctx) => {
      const stranger = await startApp(ctx, 'py-stranger', {
        serverUrl: () => system.server.url,
        keys: { ...TEST_KEYS, signingKey: 'cd'.repeat(32) },
      });

      await expect(stranger.sync()).rejects.toThrow('Authentication failed');
    });
  });

  test.concurrent('[P24] start --sdk-url: it answers with its functions, and they run', async (ctx) => {
    const port = await freePort();
    const app = await startApp(ctx, 'py-asked', { serverUrl: () => `http://127.0.0.1:${port}`, keys: TEST_KEYS });

    const server = await startServer({ command: 'start', port, keys: TEST_KEYS, args: ['--sdk-url', app.url] });
    ctx.onTestFinished(() => server.stop());
    ctx.onTestFailed(() => console.error(`the log of the server, its end:\n${server.log}`));
    const run = await until('a run', async () => {
      const eventId = await server.api.sendOne({ name: 'py-asked/double', data: { n: 1 } });
      return server.api.waitForRun(eventId, { waitMs: 2_000 }).catch(() => undefined);
    });

    expect(run).toMatchObject({ status: 'Completed', output: 2 });
    expect(app.requestsTo('/fn/register')).toEqual([]);
    const [put] = app.probes;
    expect(put?.answerHeaders).toMatchObject({ 'x-inngest-sync-kind': 'in_band' });
    expectSignature(put?.headers['x-inngest-signature'], put?.body ?? '');
  });

  type App = ReturnType<typeof useApp>;

  /** What holds with keys as without. */
  function describeApp(system: Fixture, { app, run }: App): void {
    const send = (name: string, data: JsonObject) => system.api.sendOne({ name: `${app().id}/${name}`, data });

    test.concurrent('[P12] it registers', () => {
      const [registration] = app().requestsTo('/fn/register');
      const body = JSON.parse(registration?.body ?? '') as JsonObject & { functions: (JsonObject & { id: string })[] };

      const id = app().id;
      expect(body).toMatchObject({ appname: id, deploy_type: 'ping', framework: 'fast_api', v: '0.1', url: app().url });
      const functions = new Map(body.functions.map((fn) => [fn.id, fn]));
      expect(functions.get(`${id}-fails-failure`)).toMatchObject({
        name: 'fails (failure)',
        triggers: [{ event: 'inngest/function.failed', expression: `event.data.function_id == '${id}-fails'` }],
        steps: { step: { retries: { attempts: 0 } } },
      });
      expect(functions.get(`${id}-cancelled`)).toMatchObject({
        cancel: [{ event: `${id}/stop`, if: 'async.data.id == event.data.id', timeout: '10m' }],
      });
      expect(JSON.parse(registration?.answer ?? '')).toMatchObject({ ok: true });
    });

    test.concurrent('[E25][E31][P36][P37][P39] steps, a sleep and a retried step run to the end, each once', async () => {
      const ended = await run('steps', { word: 'grüß', numbers: NUMBERS });

      expect(ended).toMatchObject({
        status: 'Completed',
        output: { first: { word: 'grüß', numbers: NUMBERS }, second: 'second', event: `${app().id}/steps`, events: 1 },
      });
      expect(countsOf(app(), ended)).toEqual({ first: 1, again: 2, second: 2 });
      const [again = 0, afterSleep = 0] = app()
        .deedsOf(ended.run_id)
        .flatMap(({ did, at }) => (did === 'again' ? [Number(at) * 1000] : []));
      expectWithin(afterSleep - again, [1_000, 2_000]);

      const calls = app().callsOf(ended.run_id);
      const facts = calls.map(({ ctx, version, reply }) => [ctx.attempt, ctx.generation_id, version, opsOf(reply)]);
      expect(facts).toEqual([
        [0, 1, -1, ['StepRun first']],
        [0, 1, 2, ['StepRun again']],
        [0, 1, 2, ['Sleep nap']],
        [0, 1, 2, ['StepRun again']],
        [0, 1, 2, ['StepError second']],
        [1, 2, 2, ['StepRun second']],
        [0, 1, 2, []],
      ]);
      for (const { ctx, memos } of calls) expect(Object.keys(memos).toSorted()).toEqual(ctx.stack.stack.toSorted());
      expect(calls.at(-1)?.memos).toEqual({
        [stepHash('first')]: { data: { word: 'grüß', numbers: NUMBERS } },
        [stepHash('again')]: { data: 0 },
        [stepHash('nap')]: null,
        [stepHash('again:1')]: { data: 0 },
        [stepHash('second')]: { data: 'second' },
      });
    });

    test.concurrent('RetryAfterError: the instant that it names is kept', async () => {
      const ended = await run('retries-after', {});

      expect(ended).toMatchObject({ status: 'Completed', output: 'came' });
      const [first = 0, second = 0] = app()
        .deedsOf(ended.run_id)
        .map(({ at }) => Number(at) * 1000);
      expectWithin(second - first, [3_000, 4_000]);
      const [failed] = app().callsOf(ended.run_id);
      expect(failed).toMatchObject({ status: 500, reply: { name: 'RetryAfterError', message: 'in 3 seconds' } });
      expect(String(failed?.answerHeaders['retry-after'])).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    });

    test.concurrent('waits: the event that matches is what the step gives, and nothing after its timeout', async () => {
      const eventId = await send('waits', { id: 'mine' });
      const { run_id: runId } = await system.api.waitForRun(eventId, { isWanted: () => true });
      await until('the wait', () => app().callsOf(runId)[0]);
      await system.observer.fence();
      await send('answer', { id: 'of another' });
      const answer = { id: 'mine', text: 'grüß', numbers: NUMBERS };
      const answerId = await send('answer', answer);

      const ended = await system.api.waitForRun(eventId);

      const name = `${app().id}/answer`;
      expect(ended).toMatchObject({
        status: 'Completed',
        output: { answer: { name, data: answer, id: answerId }, nothing: null },
      });
      expect(app().callsOf(runId).at(-1)?.memos).toMatchObject({
        [stepHash('answer')]: { name, data: answer },
        [stepHash('nothing')]: null,
      });
    });

    test.concurrent('[E75][E77][E81][P67] invokes: of its own app and across languages; failed, unknown and late ones raise StepError', async (ctx) => {
      const greeted: unknown[] = [];
      await system.sdkApp(ctx, {
        id: `ts-${app().id}`,
        functions: () => [
          {
            id: 'greet',
            on: [],
            run: async ({ event, step }) => {
              greeted.push(event);
              return step.run('greet', () => `Hello, ${String(event.data['name'])}!`);
            },
          },
        ],
      });

      const ended = await run('invokes', { n: 21 });

      expect(ended).toMatchObject({
        status: 'Completed',
        output: {
          'same app': 42,
          'other language': 'Hello, Ada!',
          failed: { name: 'NonRetriableError', message: 'refused' },
          unknown: { name: 'Error', message: 'could not find function with ID: nobody-at-home' },
          'timed out': {
            name: 'InngestInvokeTimeoutError',
            message: 'Timed out waiting for invoked function to complete',
          },
        },
      });
      for (const event of greeted) {
        expect(event).toMatchObject({
          name: 'inngest/function.invoked',
          data: { name: 'Ada', _inngest: { fn_id: `ts-${app().id}-greet`, source_app_id: expect.any(String) } },
        });
      }
      const calls = app().callsOf(ended.run_id);
      expect(new Set(calls.map((call) => call.ctx.attempt))).toEqual(new Set([0]));
      expect(calls.at(-1)?.memos[stepHash('same app')]).toEqual({ data: 42 });
    });

    test.concurrent('[E27][P76][P77] parallel steps overlap, each runs once, and what follows them runs once', async () => {
      const ended = await run('parallel', {});

      const together = ['a', 'b', null, null, 8];
      expect(ended).toMatchObject({ status: 'Completed', output: { together, after: 'after' } });
      const deeds = app()
        .deedsOf(ended.run_id)
        .map(({ did }) => did);
      // Neither ends before both have begun.
      expect(deeds.slice(0, 2).toSorted()).toEqual(['a', 'b']);
      expect(deeds.slice(2)).toEqual(['after']);
      const calls = app().callsOf(ended.run_id);
      expect(calls.slice(0, 3).map(({ reply }) => opsOf(reply))).toEqual([
        ['StepPlanned a', 'StepPlanned b', 'Sleep nap', 'WaitForEvent nothing', 'InvokeFunction invoked'],
        ['StepRun a'],
        ['StepRun b'],
      ]);
      expect(calls.slice(0, 3).map(({ stepId }) => stepId)).toEqual(['step', stepHash('a'), stepHash('b')]);
      expect(calls.slice(1, 3).map(({ ctx }) => ctx.disable_immediate_execution)).toEqual([true, true]);
      expect(calls.filter(({ stepId }) => stepId === 'step')).toHaveLength(3);
      expect(calls[3]?.stepId).toBe('step');
      expect(Object.keys(calls[3]?.memos ?? {})).toHaveLength(5);
    });

    test.concurrent('step.send_event: its events are sent once, and the step gives their IDs', async () => {
      const ended = await run('sends', {});
      await system.observer.fence();

      const stored = await system.api.request('GET', `/v1/events?name=${app().id}/told`);
      const told = stored.body['data'] as (JsonObject & { internal_id: string; id: string; data: { n: number } })[];
      const ofThisRun = told.toSorted((a, b) => a.data.n - b.data.n);
      expect(ofThisRun).toMatchObject([{ data: { n: 1 } }, { data: { n: 2 }, id: `told-${ended.run_id}` }]);
      expect(ended).toMatchObject({ status: 'Completed', output: ofThisRun.map((event) => event.internal_id) });
    });

    test.concurrent('[E49][P83] a function that fails: every attempt, then its on_failure, once', async () => {
      const ended = await run('fails', { what: 'the box' });

      expect(ended).toMatchObject({
        status: 'Failed',
        output: { name: 'ValueError', message: 'no value in the box', code: 'unknown' },
      });
      expect(countsOf(app(), ended)).toEqual({ fails: 2 });
      const [failed] = await system.observer.failedOf(ended.run_id);
      expect(failed?.id).toBe(ended.run_id);
      const handled = await until('the handler', () =>
        app()
          .deedsOf()
          .find(({ did, data }) => did === 'on failure' && (data as JsonObject)['run_id'] === ended.run_id),
      );
      expect(handled).toMatchObject({
        event: 'inngest/function.failed',
        data: {
          function_id: `${app().id}-fails`,
          error: { name: 'ValueError', message: 'no value in the box' },
          event: { name: `${app().id}/fails`, data: { what: 'the box' } },
        },
      });
      await system.api.waitForEnd(handled.run);
      await system.observer.fence();
      const handlings = app()
        .deedsOf()
        .filter(({ did, data }) => did === 'on failure' && (data as JsonObject)['run_id'] === ended.run_id);
      expect(handlings).toHaveLength(1);
    });

    test.concurrent('NonRetriableError: one attempt, and the run has failed', async () => {
      const ended = await run('gives-up', {});

      expect(ended).toMatchObject({ status: 'Failed', output: { name: 'NonRetriableError', message: 'for good' } });
      expect(countsOf(app(), ended)).toEqual({ 'gives up': 1 });
    });

    test.concurrent('[P56][P57] a step that fails for good is caught, and what comes after it runs', async () => {
      const ended = await run('catches', {});

      expect(ended).toMatchObject({
        status: 'Completed',
        output: { caught: { name: 'KeyError', message: "'key'" }, remedy: 'mended' },
      });
      expect(countsOf(app(), ended)).toEqual({ broken: 2, remedy: 1 });
      const calls = app().callsOf(ended.run_id);
      expect(calls.map(({ ctx, memos, reply }) => [ctx.attempt, Object.keys(memos).length, opsOf(reply)])).toEqual([
        [0, 0, ['StepError broken']],
        [1, 0, ['StepFailed broken']],
        [0, 1, ['StepRun remedy']],
        [0, 2, []],
      ]);
      expect(calls.at(-1)?.memos[stepHash('broken')]).toMatchObject({
        error: { name: 'KeyError', message: "'key'", stack: expect.stringContaining('KeyError') },
      });
    });

    test.concurrent('a step whose output is too large raises StepError, after one attempt', async () => {
      const ended = await run('too-large', {});

      const message = 'The output of step "more than fits" is larger than 4194304 bytes';
      expect(ended).toMatchObject({ status: 'Completed', output: { name: 'output_too_large', message } });
      expect(countsOf(app(), ended)).toEqual({ 'too large': 1 });
    });

    test.concurrent('cancel: the event that matches cancels the run, another does not', async () => {
      const eventId = await send('cancelled', { id: 'mine' });
      const { run_id: runId } = await system.api.waitForRun(eventId, { isWanted: () => true });
      await until('the sleep', () => app().callsOf(runId)[1]);
      await send('stop', { id: 'of another' });
      await system.observer.fence();
      expect(await system.api.run(runId)).toMatchObject({ status: 'Running' });

      await send('stop', { id: 'mine' });
      const ended = await system.api.waitForEnd(runId);

      expect(ended.status).toBe('Cancelled');
      expect(countsOf(app(), ended)).toEqual({ marked: 1 });
      expect(app().callsOf(runId)).toHaveLength(2);
    });

    test.concurrent('[E35][P40] a state above 4 MiB is fetched by the SDK, and the run completes', async () => {
      const ended = await run('large', { kept: true });

      const parts = ['a', 'b', 'c'].map((letter) => [letter, 2 * MIB]);
      expect(ended).toMatchObject({ status: 'Completed', output: { parts, event: { kept: true } } });
      expect(countsOf(app(), ended)).toEqual({ a: 1, b: 1, c: 1 });
      const last = app().callsOf(ended.run_id).at(-1);
      expect(last).toMatchObject({ ctx: { use_api: true }, memos: {} });
      const fetched = app().requestsTo(`/v0/runs/${ended.run_id}/`);
      expect(new Set(fetched.map(({ status }) => status))).toEqual(new Set([200]));
    });
  }

  /** One application for the tests of a suite, registered; `run` sends the event of a function and answers its ended run. */
  function useApp(system: Fixture, id: string, env: Record<string, string> = {}) {
    let started: LanguageApp | undefined;
    const app = () => {
      if (started === undefined) throw new Error(`the application ${id} has not been started`);
      return started;
    };
    beforeAll(async () => {
      started = await LanguageApp.start(
        optionsOf(id, { serverUrl: () => system.server.url, keys: system.server.keys, env }),
      );
      await started.sync();
    });
    beforeEach((ctx) => {
      ctx.onTestFailed(() => console.error(`the log of the application, its end:\n${started?.log ?? '(none)'}`));
    });
    afterAll(() => started?.stop());
    const run = async (name: string, data: JsonObject): Promise<RunView> => {
      const eventId = await system.api.sendOne({ name: `${id}/${name}`, data });
      return system.api.waitForRun(eventId, { waitMs: 40_000 });
    };
    return { app, run };
  }

  /** One for a single test. */
  async function startApp(
    ctx: { onTestFinished: (stop: () => Promise<void>) => void },
    id: string,
    options: Omit<LanguageAppOptions, 'id' | 'command'>,
  ): Promise<LanguageApp> {
    const app = await LanguageApp.start(optionsOf(id, options));
    ctx.onTestFinished(() => app.stop());
    return app;
  }

  function optionsOf(id: string, options: Omit<LanguageAppOptions, 'id' | 'command'>): LanguageAppOptions {
    return {
      ...options,
      id,
      command: ['python3', PROGRAM, id, `ts-${id}`],
      env: { PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: '1', ...options.env },
    };
  }
});

/** How often the application did what, in one run. */
function countsOf(app: LanguageApp, { run_id: runId }: RunView): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { did } of app.deedsOf(runId)) counts[did] = (counts[did] ?? 0) + 1;
  return counts;
}

/** The ops of an answer, with the IDs that the program gave them; none when it ends the run. */
function opsOf(reply: unknown): string[] {
  return (Array.isArray(reply) ? reply : []).map(
    (op: { op: string; displayName: string }) => `${op.op} ${op.displayName}`,
  );
}

function expectSignature(header: string | string[] | undefined, body: string): void {
  const [, t = '', s = ''] = /^t=(\d+)&s=([0-9a-f]{64})$/.exec(String(header)) ?? [];
  expect(s).toBe(createHmac('sha256', TEST_KEYS.signingKey).update(body).update(t).digest('hex'));
}
