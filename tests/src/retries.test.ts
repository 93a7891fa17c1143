import {
  completed,
  completes,
  failed,
  failsThen,
  fromSdk,
  garbage,
  hang,
  ops,
  raw,
  reset,
  startScriptedApp,
  stepErrorOp,
  stepFailedOp,
  stepHash,
  stepRunOp,
  streamed,
  type Reply,
} from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { Tally, useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';
import { startSdkApp, type FunctionSpec, type SdkAppOptions } from './harness/sdk-app.ts';

/** Longest a first and a second retry wait: their base and all of the jitter (execution.md 3.3). */
const FIRST_BACKOFF_MS = [15_000, 45_000] as const;
const SECOND_BACKOFF_MS = [30_000, 60_000] as const;

describe('with the backoff that everybody has', () => {
  const system = useServer();

  test.concurrent(
    '[E39] a step that always fails is tried three times, 15 to 45 and then 30 to 60 seconds apart',
    { timeout: 150_000 },
    async (ctx) => {
      const tries: { attempt: number; atMs: number }[] = [];
      const app = await system.sdkApp(ctx, {
        id: 'e39',
        functions: () => [
          {
            id: 'always',
            on: { event: 'e39/go' },
            retries: 2,
            run: ({ step, attempt }) =>
              step.run('fails', () => {
                tries.push({ attempt, atMs: performance.now() });
                throw new Error('as always');
              }),
          },
        ],
      });

      const { ids } = await app.send({ name: 'e39/go' });
      const run = await system.api.waitForRun(ids[0] ?? '', { waitMs: 140_000 });

      expect(run).toMatchObject({ status: 'Failed', output: { message: 'as always' } });
      expect(tries.map((each) => each.attempt)).toEqual([0, 1, 2]);
      const [first = 0, second = 0] = gaps(tries.map((each) => each.atMs));
      expectWithin(first, FIRST_BACKOFF_MS);
      expectWithin(second, SECOND_BACKOFF_MS);
    },
  );

  test.concurrent(
    '[E53] an application that dies in a step is called again after a backoff, and the run completes',
    { timeout: 90_000 },
    async (ctx) => {
      const inStep = Promise.withResolvers<number>();
      const bodies = new Tally();
      const options = (port: number, isDoomed: boolean): SdkAppOptions => ({
        id: 'e53',
        baseUrl: system.server.url,
        port,
        functions: () => [
          {
            id: 'dies',
            on: { event: 'e53/go' },
            run: async ({ step, attempt }) => {
              const before = await step.run('before', () => bodies.hit('before'));
              const within = await step.run('within', () => {
                if (!isDoomed) return { attempt, atMs: performance.now() };
                inStep.resolve(performance.now());
                return new Promise<never>(() => undefined);
              });
              return { before, within };
            },
          },
        ],
      });
      const doomed = await startSdkApp(options(0, true));
      await doomed.sync();
      const { ids } = await doomed.send({ name: 'e53/go' });
      const diedAt = await inStep.promise;
      await doomed.stop();
      const next = await startSdkApp(options(doomed.port, false));
      ctx.onTestFinished(() => next.stop());

      const run = await system.api.waitForRun(ids[0] ?? '', { waitMs: 80_000 });

      expect(run).toMatchObject({ status: 'Completed', output: { before: 0 } });
      expect(bodies.counts).toEqual({ before: 1 });
      const { within } = run.output as { within: { attempt: number; atMs: number } };
      // The checkpoint of the step before gave the job new attempts; the one that died has been spent since.
      expect(within.attempt).toBe(1);
      expectWithin(within.atMs - diedAt, FIRST_BACKOFF_MS);
    },
  );

  test.concurrent('[E44][E45][P49] RetryAfterError of 5 s: the next try comes 5.0 to 6.5 s later, and the run is Running until then', async (ctx) => {
    const tries: number[] = [];
    const app = await system.sdkApp(ctx, {
      id: 'e45',
      functions: ({ RetryAfterError }) => [
        {
          id: 'waits',
          on: { event: 'e45/go' },
          retries: 1,
          run: ({ attempt }) => {
            tries.push(performance.now());
            if (attempt === 0) throw new RetryAfterError('later', '5s');
            return 'now';
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'e45/go' });
    const statuses = new Set<string>();
    const run = await system.api.waitForRun(ids[0] ?? '', {
      isWanted: (seen) => {
        // History is told a moment later that the first try has begun.
        if (statuses.size > 0 || seen.status !== 'Scheduled') statuses.add(seen.status);
        return seen.ended_at !== null;
      },
    });

    expect(run).toMatchObject({ status: 'Completed', output: 'now' });
    expect(statuses).toEqual(new Set(['Running', 'Completed']));
    const [gap = 0] = gaps(tries);
    expectWithin(gap, [5_000, 6_500]);
  });

  test.concurrent('[P49] retry-after is understood as seconds, as RFC 3339 and as the date of HTTP', async (ctx) => {
    const inThreeSeconds = (): Date => new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 3_000);
    const forms: Record<string, () => string> = {
      seconds: () => '3',
      rfc3339: () => inThreeSeconds().toISOString(),
      http: () => inThreeSeconds().toUTCString(),
    };
    const app = await system.scriptedApp(
      ctx,
      'p49',
      ...Object.entries(forms).map(([id, form]) => ({
        id,
        retries: 1,
        triggers: [{ event: 'p49/all' }],
        script: (call: { attempt: number }) =>
          call.attempt === 0 ? failed('not yet', { retryAfter: form() }) : completed(id),
      })),
    );

    await system.api.waitForRuns(await system.api.sendOne({ name: 'p49/all' }), 3);

    for (const id of Object.keys(forms)) {
      const [gap = 0] = gaps(app.calls(`p49-${id}`).map((call) => call.arrivedMs));
      expectWithin(gap, [2_990, 5_000], id);
    }
  });

  test.concurrent('[E46] a retry-after of 0 waits one second', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'e46', {
      id: 'zero',
      script: failsThen(1, completes(), { retryAfter: '0' }),
    });

    await system.api.waitForRun(await system.api.sendOne({ name: 'test/zero' }));

    const [gap = 0] = gaps(app.calls().map((call) => call.arrivedMs));
    expectWithin(gap, [1_000, 2_000]);
  });
});

describe('with a retry each second', () => {
  const system = useServer({ args: ['--retry-interval', '1'] });

  /** Runs one function of a real SDK once, and answers its run and what it counted. */
  async function runOnce(
    ctx: Parameters<typeof system.sdkApp>[0],
    options: Omit<SdkAppOptions, 'baseUrl' | 'keys' | 'functions'>,
    functions: (bodies: Tally, errors: Parameters<SdkAppOptions['functions']>[0]) => Omit<FunctionSpec, 'on'>[],
  ) {
    const bodies = new Tally();
    const app = await system.sdkApp(ctx, {
      ...options,
      functions: (errors) => functions(bodies, errors).map((spec) => ({ ...spec, on: { event: `${options.id}/go` } })),
    });
    const { ids } = await app.send({ name: `${options.id}/go`, data: { asked: options.id } });
    const run = await system.api.waitForRun(ids[0] ?? '', { waitMs: 40_000 });
    return { run, bodies: bodies.counts, app };
  }

  test.concurrent('[E42][P56][P57][P58] a step that fails for good and is not caught fails the run after one more call', async (ctx) => {
    const { run, bodies, app } = await runOnce(ctx, { id: 'e42', clientOptions: { checkpointing: false } }, (count) => [
      {
        id: 'uncaught',
        retries: 1,
        run: ({ step, attempt }) => {
          count.hit(`request at ${attempt}`);
          return step.run('fails', () => {
            count.hit('step');
            throw new TypeError('no good');
          });
        },
      },
    ]);
    await system.observer.failedOf(run.run_id);
    await system.observer.fence();

    expect(run).toMatchObject({ status: 'Failed', output: { message: 'no good' } });
    expect(bodies).toEqual({ 'request at 0': 2, 'request at 1': 1, step: 2 });
    expect(app.callCount).toBe(3);
    const { finished, failed: failures } = system.observer.endsOf(run.run_id);
    expect(finished).toHaveLength(1);
    expect(failures).toHaveLength(1);
  });

  test.concurrent('[E43] a caught step and another error thrown: the function itself is tried again', async (ctx) => {
    const { run, bodies } = await runOnce(ctx, { id: 'e43', clientOptions: { checkpointing: false } }, (count) => [
      {
        id: 'other',
        retries: 1,
        run: async ({ step, attempt }) => {
          try {
            await step.run('fails', () => {
              count.hit('step');
              throw new Error('inner');
            });
          } catch {
            count.hit(`thrown at ${attempt}`);
            throw new Error('outer');
          }
        },
      },
    ]);

    expect(run).toMatchObject({ status: 'Failed', output: { message: 'outer' } });
    expect(bodies).toEqual({ step: 2, 'thrown at 0': 1, 'thrown at 1': 1 });
  });

  test.concurrent('[E48] attempts are counted per step: the next step starts at 0', async (ctx) => {
    const attempts: string[] = [];
    const { run } = await runOnce(ctx, { id: 'e48', clientOptions: { checkpointing: false } }, () => [
      {
        id: 'per-step',
        retries: 1,
        run: async ({ step, attempt }) => {
          await step.run('a', () => {
            attempts.push(`a at ${attempt}`);
            if (attempt === 0) throw new Error('once');
          });
          await step.run('b', () => {
            attempts.push(`b at ${attempt}`);
            if (attempt === 0) throw new Error('once too');
          });
          return 'both';
        },
      },
    ]);

    expect(run).toMatchObject({ status: 'Completed', output: 'both' });
    expect(attempts).toEqual(['a at 0', 'a at 1', 'b at 0', 'b at 1']);
  });

  const badAnswers: { what: string; reply: Reply }[] = [
    { what: 'HTTP 500 of the SDK', reply: fromSdk(500, { name: 'Error', message: 'x' }) },
    { what: 'HTTP 404 of the SDK', reply: fromSdk(404, { name: 'Error', message: 'x' }) },
    { what: 'HTTP 400 of the SDK', reply: fromSdk(400, { name: 'Error', message: 'x' }) },
    { what: 'a reset connection', reply: reset() },
    { what: 'a 200 that is not of the SDK', reply: raw(200, {}, '{"ok":true}') },
    { what: 'a 206 that is not of the SDK', reply: raw(206, {}, '[]') },
    {
      what: 'a 206 without a body',

      reply: { kind: 'answer', status: 206, headers: { 'x-inngest-sdk': 'js:v4' }, body: '' },
    },
    { what: 'a 206 that is no JSON', reply: garbage() },
    { what: 'an op of no name', reply: fromSdk(206, [{ op: 'Teleport', id: 'x' }]) },
    { what: 'an op that is null', reply: fromSdk(206, [null]) },
    { what: 'an op without an ID', reply: fromSdk(206, [{ op: 'StepRun', id: '', data: 1 }]) },
    {
      what: 'a StepError without its error',

      reply: fromSdk(206, [{ op: 'StepError', id: stepHash('a') }]),
    },
    {
      what: 'a 502 of a proxy',

      reply: raw(502, { 'content-type': 'text/html' }, '<h1>Bad Gateway</h1>'),
    },
    {
      what: 'a stream that is cut short',

      reply: { kind: 'answer', status: 201, headers: { 'x-inngest-sdk': 'js:v4' }, body: '   {"status":' },
    },
  ];

  test.concurrent.for(badAnswers.map((each, i) => ({ ...each, i })))(
    '[E47][E52][P44][P45][P47][P48][P50][P51] $what is a failed attempt, and the next one completes the run',
    async ({ reply, i }, ctx) => {
      const id = `bad-${i}`;
      const app = await system.scriptedApp(ctx, id, {
        id: 'shaky',
        triggers: [{ event: `${id}/go` }],
        retries: 1,
        script: (call) => (call.attempt === 0 ? reply : completed('recovered')),
      });

      const run = await system.api.waitForRun(await system.api.sendOne({ name: `${id}/go` }), { waitMs: 30_000 });

      expect(run).toMatchObject({ status: 'Completed', output: 'recovered' });
      expect(app.calls().map((call) => [call.stepId, call.attempt, call.ctx.generation_id])).toEqual([
        ['step', 0, 1],
        ['step', 1, 2],
      ]);
      expect(app.calls()[0]?.ctx.job_id).toBe(app.calls()[1]?.ctx.job_id);
    },
  );

  test.concurrent('[P43] a body above 8 MiB is not taken', async (ctx) => {
    await system.scriptedApp(ctx, 'p43', {
      id: 'vast',
      retries: 0,
      script: () => completed('x'.repeat(8 * 1024 * 1024)),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/vast' }));

    expect(run.status).toBe('Failed');
    expect(JSON.stringify(run.output)).toContain('output_too_large');
  });

  test.concurrent('[E47][P48] no-retry ends the run at the first failure, whatever the status', async (ctx) => {
    const stop = { 'x-inngest-no-retry': 'true' };
    const app = await system.scriptedApp(
      ctx,
      'no-retry',
      ...[400, 404, 500].map((status) => ({
        id: `s${status}`,
        triggers: [{ event: 'no-retry/go' }],
        script: () => fromSdk(status, { name: 'Error', message: `final ${status}` }, stop),
      })),
    );

    const runs = await system.api.waitForRuns(await system.api.sendOne({ name: 'no-retry/go' }), 3);

    expect(runs.map((run) => run.status)).toEqual(['Failed', 'Failed', 'Failed']);
    expect(runs.map((run) => (run.output as { message: string }).message).toSorted()).toEqual([
      'final 400',
      'final 404',
      'final 500',
    ]);
    expect(app.callCount).toBe(3);
  });

  test.concurrent('[E47] an application that refuses connections is called again, and the run completes when it is back', async (ctx) => {
    const functions = [{ id: 'down', script: completes('back') }];
    const first = await startScriptedApp({ name: 'refused', functions });
    await first.register(system.server.url);
    const { port } = first;
    await first.stop();

    const eventId = await system.api.sendOne({ name: 'test/down' });
    await system.api.waitForRun(eventId, { isWanted: (run) => run.status === 'Running' });
    const second = await startScriptedApp({ name: 'refused', functions, port });
    ctx.onTestFinished(() => second.stop());

    expect(await system.api.waitForRun(eventId)).toMatchObject({ status: 'Completed', output: 'back' });
    expect(second.calls()[0]?.attempt).toBeGreaterThan(0);
  });

  test.concurrent('[P53] attempts end at the maximum even when the SDK says that more may come', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'p53',
      {
        id: 'function',
        retries: 2,
        triggers: [{ event: 'p53/go' }],
        script: () => failed('again', { isRetriable: true }),
      },
      {
        id: 'step',
        retries: 1,
        triggers: [{ event: 'p53/go' }],
        script: (call) =>
          stepHash('s') in call.steps
            ? completed(call.steps)
            : fromSdk(206, [stepErrorOp('s', `at ${call.attempt}`)], { 'x-inngest-no-retry': 'false' }),
      },
    );

    const runs = await system.api.waitForRuns(await system.api.sendOne({ name: 'p53/go' }), 2, { waitMs: 30_000 });

    expect(app.calls('p53-function').map((call) => [call.attempt, call.ctx.max_attempts])).toEqual([
      [0, 3],
      [1, 3],
      [2, 3],
    ]);
    expect(app.calls('p53-step').map((call) => call.attempt)).toEqual([0, 1, 0]);
    expect(runs.find((run) => run.status === 'Completed')?.output).toEqual({
      [stepHash('s')]: { error: { name: 'Error', message: 'at 1' } },
    });
    expect(runs.find((run) => run.status === 'Failed')?.output).toMatchObject({ message: 'again' });
  });

  test.concurrent('[P56] a step that fails is retried as the same job with its own step ID, and has no memo until it ends', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p56', {
      id: 'planned',
      retries: 1,
      script: (call) => {
        if (call.stepId === stepHash('a')) {
          return call.attempt === 0
            ? fromSdk(206, [stepErrorOp('a', 'once')], { 'x-inngest-no-retry': 'false' })
            : ops(stepRunOp('a', 'fine'));
        }
        if (stepHash('a') in call.steps) return completed(call.steps);
        return ops({ ...stepRunOp('a', null), op: 'StepPlanned' });
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/planned' }));

    expect(run).toMatchObject({ status: 'Completed', output: { [stepHash('a')]: { data: 'fine' } } });
    const calls = app.calls();
    expect(calls.map((call) => [call.stepId, call.attempt, call.ctx.generation_id])).toEqual([
      ['step', 0, 1],
      [stepHash('a'), 0, 1],
      [stepHash('a'), 1, 2],
      ['step', 0, 1],
    ]);
    expect(calls[1]?.ctx.job_id).toBe(calls[2]?.ctx.job_id);
    expect(calls[2]?.steps).toEqual({});
  });

  test.concurrent('[P57] StepFailed is stored at once, and discovery goes on with attempt 0', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p57', {
      id: 'gone',
      script: (call) =>
        stepHash('a') in call.steps
          ? completed(call.steps)
          : fromSdk(206, [stepFailedOp('a', 'for good')], { 'x-inngest-no-retry': 'true' }),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/gone' }));

    expect(run.output).toEqual({ [stepHash('a')]: { error: { name: 'Error', message: 'for good' } } });
    expect(app.calls().map((call) => [call.attempt, call.ctx.generation_id])).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  test.concurrent('[P50] a streamed answer: whitespace first, headers within win, a body encoded twice is read, an error fails', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'p50',
      { id: 'plain', triggers: [{ event: 'p50/go' }], script: () => streamed({ status: 200, body: { ok: 1 } }) },
      { id: 'twice', triggers: [{ event: 'p50/go' }], script: () => streamed({ status: 200, body: '{"ok":2}' }) },
      {
        id: 'ops',
        triggers: [{ event: 'p50/go' }],
        script: (call) =>
          stepHash('a') in call.steps
            ? completed(call.version)
            : streamed({
                status: 206,
                headers: { 'x-inngest-req-version': '1' },
                body: JSON.stringify([stepRunOp('a', 1)]),
              }),
      },
      {
        id: 'final',
        triggers: [{ event: 'p50/go' }],
        script: () =>
          streamed({
            status: 500,
            headers: { 'x-inngest-no-retry': 'true' },
            body: { name: 'Error', message: 'inner' },
          }),
      },
      {
        id: 'broken',
        retries: 0,
        triggers: [{ event: 'p50/go' }],
        script: () => ({
          kind: 'answer',
          status: 201,
          headers: { 'x-inngest-sdk': 'js:v4' },
          body: '{"status":200,"body":"x","error":"stream broke"}',
        }),
      },
    );

    const runs = await system.api.waitForRuns(await system.api.sendOne({ name: 'p50/go' }), 5);

    const completedOutputs = runs.filter((run) => run.status === 'Completed').map((run) => run.output);
    expect(completedOutputs).toHaveLength(3);
    expect(completedOutputs).toEqual(expect.arrayContaining([{ ok: 1 }, { ok: 2 }, 1]));
    const failures = runs.filter((run) => run.status === 'Failed').map((run) => JSON.stringify(run.output));
    expect(failures).toEqual(
      expect.arrayContaining([expect.stringContaining('inner'), expect.stringContaining('stream broke')]),
    );
    expect(app.calls('p50-final')).toHaveLength(1);
  });

  test.concurrent('[E52][P51] an end by answers that are not of the SDK says so in words', async (ctx) => {
    await system.scriptedApp(
      ctx,
      'p51',
      {
        id: 'proxy',
        retries: 0,
        triggers: [{ event: 'p51/go' }],
        script: () => raw(503, { 'content-type': 'text/plain' }, 'upstream is resting'),
      },
      { id: 'stranger', retries: 0, triggers: [{ event: 'p51/go' }], script: () => raw(200, {}, 'hello') },
    );

    const runs = await system.api.waitForRuns(await system.api.sendOne({ name: 'p51/go' }), 2);

    const texts = runs.map((run) => JSON.stringify(run.output));
    expect(runs.map((run) => run.status)).toEqual(['Failed', 'Failed']);
    const proxy = texts.find((text) => text.includes('503')) ?? '';
    expect(proxy).toContain('Your server returned HTTP 503 before the SDK responded.');
    expect(proxy).toContain('upstream is resting');
    expect(texts.find((text) => !text.includes('503'))).toContain('did not come from an Inngest SDK');
  });

  test.concurrent('[P82][P83] a run that fails publishes one finished and one failed event with its error', async (ctx) => {
    await system.scriptedApp(ctx, 'p82', {
      id: 'breaks',
      retries: 0,
      script: () => failed('broke', { name: 'MyError' }),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/breaks', data: { a: 1 } }));
    await Promise.all([system.observer.finishedOf(run.run_id), system.observer.failedOf(run.run_id)]);
    await system.observer.fence();

    const { finished, failed: failures } = system.observer.endsOf(run.run_id);
    expect([finished.length, failures.length]).toEqual([1, 1]);
    expect(failures[0]?.id).toBe(run.run_id);
    for (const event of [finished[0], failures[0]]) {
      expect(event?.data).toMatchObject({
        function_id: 'p82-breaks',
        run_id: run.run_id,
        event: { name: 'test/breaks', data: { a: 1 }, user: {} },
        error: { name: 'MyError', message: 'broke', error: expect.any(String) },
        _inngest: { status: 'Failed' },
      });
      expect(event?.data.events).toHaveLength(1);
    }
  });

  test.concurrent('a call that lasts longer than a lease is made once', { timeout: 90_000 }, async (ctx) => {
    const app = await system.scriptedApp(ctx, 'lasting', {
      id: 'lasting',
      script: async () => {
        // Longer than the 30 s of a lease and the 5 s until its end would be noticed (execution.md 7.2).
        const endAt = Date.now() + 38_000;
        await until('the end of the call', () => Date.now() > endAt || undefined, { waitMs: 60_000 });
        return completed('lasted');
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/lasting' }), { waitMs: 80_000 });

    expect(run).toMatchObject({ status: 'Completed', output: 'lasted' });
    expect(app.callCount).toBe(1);
  });

  test.concurrent('a call that never ends holds up nobody else', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'hangs',
      { id: 'forever', triggers: [{ event: 'hangs/go' }], script: () => hang() },
      { id: 'quick', triggers: [{ event: 'hangs/go' }], script: completes('quick') },
    );

    const eventId = await system.api.sendOne({ name: 'hangs/go' });
    await app.waitForCalls(2);
    const quick = await until('the end of the other', async () => {
      return (await system.api.runsOf(eventId)).find((run) => run.status === 'Completed');
    });

    expect(quick.output).toBe('quick');
    expect((await system.api.runsOf(eventId)).map((run) => run.status).toSorted()).toEqual(['Completed', 'Running']);
  });
});

function gaps(instants: readonly number[]): number[] {
  return instants.slice(1).map((at, i) => at - (instants[i] ?? 0));
}
