import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { JsonObject } from '@perdure/domain';
import {
  completed,
  completes,
  fromSdk,
  ops,
  parallelSteps,
  runCompleteOp,
  sequentialSteps,
  sleepOp,
  startScriptedApp,
  stepFailedOp,
  stepHash,
  stepPlannedOp,
  stepRunOp,
  type ScriptedCall,
} from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { Tally, useServer } from './harness/fixture.ts';

const MIB = 1024 * 1024;

const system = useServer();

describe('steps of a real SDK that reports each of them', () => {
  test.concurrent('[E25][E26] three steps: bodies run once, code between them once a request, results keep their first value', async (ctx) => {
    const bodies = new Tally();
    const app = await system.sdkApp(ctx, {
      id: 'e25',
      clientOptions: { checkpointing: false },
      functions: () => [
        {
          id: 'three',
          on: { event: 'e25/go' },
          run: async ({ step }) => {
            bodies.hit('request');
            const a = await step.run('a', () => ({ count: bodies.hit('a'), random: Math.random() }));
            const b = await step.run('b', () => ({ count: bodies.hit('b'), a }));
            return step.run('c', () => ({ count: bodies.hit('c'), a, b }));
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'e25/go' });
    const run = await system.api.waitForRun(ids[0] ?? '');

    expect(bodies.counts).toEqual({ request: 4, a: 1, b: 1, c: 1 });
    expect(app.callCount).toBe(4);
    const { a, b } = run.output as { a: JsonObject; b: JsonObject };
    expect(b['a']).toEqual(a);
  });

  test.concurrent('[E32] a step without a result gives null; one above 4 MiB fails once and can be caught', async (ctx) => {
    const bodies = new Tally();
    const app = await system.sdkApp(ctx, {
      id: 'e32',
      clientOptions: { checkpointing: false },
      functions: () => [
        {
          id: 'sizes',
          on: { event: 'e32/go' },
          run: async ({ step }) => {
            const nothing = await step.run('nothing', () => undefined);
            const fits = await step.run('fits', () => 'x'.repeat(4 * MIB - 1_000));
            try {
              await step.run('too-much', () => {
                bodies.hit('too-much');
                return 'x'.repeat(4 * MIB + 1);
              });
            } catch (error) {
              return { nothing, fits: fits.length, caught: (error as Error).message };
            }
            return 'not caught';
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'e32/go' });

    expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({
      status: 'Completed',
      output: { nothing: null, fits: 4 * MIB - 1_000, caught: expect.any(String) },
    });
    expect(bodies.counts).toEqual({ 'too-much': 1 });
  });

  test.concurrent('[E37] code that changes between two calls goes on, and what it no longer uses is passed over', async (ctx) => {
    let deployed = 1;
    const app = await system.sdkApp(ctx, {
      id: 'e37',
      clientOptions: { checkpointing: false },
      functions: () => [
        {
          id: 'changing',
          on: { event: 'e37/go' },
          run: async ({ step }) => {
            if (deployed === 1) await step.run('dropped', () => (deployed = 2));
            const kept = await step.run('kept', () => 'new code');
            return { kept, deployed };
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'e37/go' });

    expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({
      status: 'Completed',
      output: { kept: 'new code', deployed: 2 },
    });
  });
});

describe('limits', () => {
  test.concurrent(
    '[E33] a run of 1,000 steps completes, the next step after that fails the run',
    { timeout: 90_000 },
    async (ctx) => {
      const app = await system.scriptedApp(
        ctx,
        'e33',
        { id: 'thousand', script: sequentialSteps(1_000, 'all') },
        { id: 'more', script: sequentialSteps(1_001, 'all') },
      );

      const [thousand = '', more = ''] = await system.api.send({ name: 'test/thousand' }, { name: 'test/more' });
      const [all, overflowed] = await Promise.all([
        system.api.waitForRun(thousand, { waitMs: 80_000 }),
        system.api.waitForRun(more, { waitMs: 80_000 }),
      ]);

      expect(all).toMatchObject({ status: 'Completed', output: 'all' });
      expect(overflowed).toMatchObject({ status: 'Failed' });
      expect(JSON.stringify(overflowed.output)).toContain('InngestErrFunctionOverflowed');
      expect(JSON.stringify(overflowed.output)).toContain('The function run exceeded the step limit of 1000 steps.');
      expect(app.callCount).toBeLessThanOrEqual(1_001 + 1_001);
    },
  );

  test.concurrent('[E33] a plan of 1,001 steps in one answer fails the run before any of them runs', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'e33plan', { id: 'wide', script: parallelSteps(1_001) });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/wide' }));

    expect(run.status).toBe('Failed');
    expect(JSON.stringify(run.output)).toContain('InngestErrFunctionOverflowed');
    expect(app.callCount).toBe(1);
  });

  test.concurrent('[E36] a state above 32 MiB fails the run', { timeout: 90_000 }, async (ctx) => {
    const data = 'x'.repeat(4 * MIB - 10_000);
    const app = await system.scriptedApp(ctx, 'e36', {
      id: 'huge',
      script: (call) => {
        const done = call.ctx.stack.stack.length;
        return done < 9 ? ops(stepRunOp(`part-${done}`, data)) : completed('never');
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/huge' }), { waitMs: 60_000 });

    expect(run.status).toBe('Failed');
    expect(JSON.stringify(run.output)).toContain('InngestErrStateOverflowed');
    expect(app.callCount).toBeLessThanOrEqual(9);
  });

  test.concurrent(
    '[P40][P41][H25] with a large state a call says so, carries no steps, and the state is served until the run ends',
    { timeout: 90_000 },
    async (ctx) => {
      const big = 'x'.repeat(3 * MIB);
      const released = Promise.withResolvers<void>();
      const app = await system.scriptedApp(ctx, 'p40', {
        id: 'fetch',
        script: async (call) => {
          const done = call.ctx.stack.stack.length;
          if (done < 2) return ops(stepRunOp(`part-${done}`, { big, done }));
          await released.promise;
          return completed('fetched');
        },
      });

      const eventId = await system.api.sendOne({ name: 'test/fetch', data: { n: 1 } });
      const [, second, last] = await app.waitForCalls(3);
      const runId = last?.runId ?? '';
      const actions = await system.api.request('GET', `/v0/runs/${runId}/actions`);
      const batch = await system.api.request('GET', `/v0/runs/${runId}/batch`);
      released.resolve();
      await system.api.waitForRun(eventId);

      expect(second?.body).toMatchObject({ use_api: false, ctx: { use_api: false } });
      expect(Object.keys(second?.steps ?? {})).toEqual([stepHash('part-0')]);
      expect(last?.body).toMatchObject({ use_api: true, ctx: { use_api: true }, steps: {} });
      expect(last?.ctx.stack).toEqual({ stack: [stepHash('part-0'), stepHash('part-1')], current: 2 });
      expect(last?.event).toMatchObject({ name: 'test/fetch', data: { n: 1 } });
      expect(last?.events).toHaveLength(1);
      expect(actions.status).toBe(200);
      expect(Object.keys(actions.body)).toEqual([stepHash('part-0'), stepHash('part-1')]);
      expect(actions.body[stepHash('part-1')]).toEqual({ data: { big, done: 1 } });
      expect(batch).toMatchObject({ status: 200, body: [{ name: 'test/fetch', data: { n: 1 }, id: eventId }] });
      for (const route of ['actions', 'batch']) {
        expect(await system.api.request('GET', `/v0/runs/${runId}/${route}`)).toMatchObject({
          status: 410,
          body: { status: 410, error: `runtime state is no longer available for runID: ${runId}` },
        });
        expect(await system.api.request('GET', `/v0/runs/nonsense/${route}`)).toMatchObject({
          status: 400,
          body: { status: 400, error: 'The run ID specified is invalid' },
        });
      }
    },
  );
});

describe('what a call looks like', () => {
  test.concurrent('[P33] a call keeps the query of the registered URL and adds its own', async (ctx) => {
    const app = await startScriptedApp({ name: 'p33', functions: [] });
    ctx.onTestFinished(() => app.stop());
    const url = `${app.url}?tenant=a%20b&fnId=p33-query&stepId=step`;
    app.setFunctions([
      {
        id: 'query',
        options: { steps: { step: { id: 'step', name: 'step', runtime: { type: 'http', url } } } },
        script: parallelSteps(2),
      },
    ]);
    await app.register(system.server.url);

    await system.api.send({ name: 'test/query' });
    const calls = await app.waitForCalls(4);

    const queries = calls.map((call) => Object.fromEntries(new URL(call.url, app.url).searchParams));
    expect(queries[0]).toEqual({ tenant: 'a b', fnId: 'p33-query', stepId: 'step' });
    expect(
      queries
        .slice(1, 3)
        .map((query) => query['stepId'] ?? '')
        .toSorted(),
    ).toEqual([stepHash('step-1'), stepHash('step-2')].toSorted());
    expect(queries.every((query) => query['tenant'] === 'a b' && query['fnId'] === 'p33-query')).toBe(true);
  });

  test.concurrent('[P34][P35] a call has every header and every field', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p34', { id: 'look', script: completes() });

    const eventId = await system.api.sendOne({ name: 'test/look', data: { a: 1 } });
    const call = await app.nextCall();

    const ulid = expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    const uuid = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const event = { id: eventId, name: 'test/look', data: { a: 1 }, ts: expect.any(Number), user: {} };
    expect(call.body).toEqual({
      ctx: {
        attempt: 0,
        disable_immediate_execution: false,
        env: expect.any(String),
        fn_id: uuid,
        generation_id: 1,
        job_id: expect.any(String),
        max_attempts: 5,
        qi_id: expect.any(String),
        request_id: ulid,
        run_id: ulid,
        stack: { current: 0, stack: [] },
        step_id: 'step',
        use_api: false,
      },
      defers: {},
      event,
      events: [event],
      steps: {},
      use_api: false,
      version: -1,
    });
    expect(call.headers).toMatchObject({
      'content-type': expect.stringContaining('application/json'),
      'user-agent': expect.any(String),
      'x-run-id': call.runId,
      'x-inngest-step-id': 'step',
      'x-inngest-req-version': '-1',
      'x-request-id': call.ctx.request_id,
      'x-inngest-job-id': call.ctx.job_id,
      'x-inngest-generation-id': '1',
      'account-id': uuid,
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/),
      tracestate: expect.stringContaining('inngest@fn='),
    });
    expect(call.headers).not.toHaveProperty('x-inngest-signature');
  });

  test.concurrent('[P27][P35] the body is canonical JSON, whatever the event holds', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p27', { id: 'canonical', script: completes() });
    const data = {
      z: 1e21,
      a: [1.5, -0, 1e-7, 2 ** 60],
      'ü<>&': '\u2028"\\\u0007😀',
      '': null,
      Z: { b: 1, a: 2 },
    };

    await system.api.send({ name: 'test/canonical', data });
    const call = await app.nextCall();

    expect(call.rawBody).toBe(canonical(call.body));
    expect(call.event.data).toEqual(JSON.parse(JSON.stringify(data)));
  });

  test.concurrent('[P36][P37][P38][P54][P55][P80] memos and stack grow in the order of completion, and every job counts its own attempts', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p37', {
      id: 'memos',
      script: (call) => {
        switch (call.ctx.stack.stack.length) {
          case 0:
            return ops(stepRunOp('object', { a: 1 }));
          case 1:
            return fromSdk(206, [{ op: 'StepRun', id: stepHash('nothing'), name: 'nothing' }]);
          case 2:
            return ops({ ...stepRunOp('legacy', { event_ids: ['x'] }), op: 'Step' });
          case 3:
            return ops({
              ...stepFailedOp('broken', 'it broke'),
              error: {
                name: 'MyError',
                message: 'it broke',
                stack: 's',
                __serialized: true,
                cause: { __serialized: true },
              },
            });
          case 4:
            return ops(sleepOp('nap', '1s'));
          default:
            return ops(runCompleteOp('end'));
        }
      },
    });

    const eventId = await system.api.sendOne({ name: 'test/memos' });
    const run = await system.api.waitForRun(eventId);
    const calls = app.calls();

    expect(run).toMatchObject({ status: 'Completed', output: 'end' });
    const ids = ['object', 'nothing', 'legacy', 'broken', 'nap'].map(stepHash);
    expect(calls.map((call) => call.ctx.stack.stack)).toEqual([0, 1, 2, 3, 4, 5].map((count) => ids.slice(0, count)));
    expect(calls.map((call) => Object.keys(call.steps).toSorted())).toEqual(
      [0, 1, 2, 3, 4, 5].map((count) => ids.slice(0, count).toSorted()),
    );
    expect(calls.at(-1)?.steps).toEqual({
      [stepHash('object')]: { data: { a: 1 } },
      [stepHash('nothing')]: { data: null },
      [stepHash('legacy')]: { event_ids: ['x'] },
      [stepHash('broken')]: {
        error: { name: 'MyError', message: 'it broke', stack: 's', cause: { __serialized: true } },
      },
      [stepHash('nap')]: null,
    });
    expect(calls.map((call) => [call.attempt, call.ctx.generation_id, call.ctx.stack.current])).toEqual(
      [0, 1, 2, 3, 4, 5].map((count) => [0, 1, count]),
    );
    expect(new Set(calls.map((call) => call.ctx.job_id)).size).toBe(calls.length);
  });

  test.concurrent('[P39] the version is -1 until a 206 names one, and that one from then on', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p39', {
      id: 'version',
      retries: 1,
      script: (call) => {
        if (call.attempt === 0 && call.ctx.stack.stack.length === 0) {
          return fromSdk(500, { name: 'Error', message: 'x' }, { 'x-inngest-req-version': '2', 'retry-after': '1' });
        }
        const done = call.ctx.stack.stack.length;
        if (done === 0) return fromSdk(206, [stepRunOp('a', 1)], { 'x-inngest-req-version': '1' });
        if (done === 1) return fromSdk(206, [stepRunOp('b', 1)], { 'x-inngest-req-version': '2' });
        return completed('end');
      },
    });

    await system.api.waitForRun(await system.api.sendOne({ name: 'test/version' }));

    expect(app.calls().map((call) => [call.version, call.headers['x-inngest-req-version']])).toEqual([
      [-1, '-1'],
      [-1, '-1'],
      [1, '1'],
      [1, '1'],
    ]);
  });

  test.concurrent.for([301, 302, 303, 307, 308])(
    '[P42] a redirect with %i is followed as a POST with its body and query',
    async (status, ctx) => {
      const app = await startScriptedApp({ name: `p42-${status}`, functions: [] });
      ctx.onTestFinished(() => app.stop());
      const redirector = createServer((request, response) => {
        request.resume();
        response.writeHead(status, { location: `${app.url}?moved=1` }).end();
      });
      await new Promise<void>((resolve) => void redirector.listen(0, '127.0.0.1', resolve));
      ctx.onTestFinished(() => void redirector.close());
      const url = `http://127.0.0.1:${(redirector.address() as AddressInfo).port}/old?fnId=p42-${status}-moved&stepId=step`;
      app.setFunctions([
        {
          id: 'moved',
          triggers: [{ event: `p42/${status}` }],
          options: { steps: { step: { id: 'step', name: 'step', runtime: { type: 'http', url } } } },
          script: completes('arrived'),
        },
      ]);
      await app.register(system.server.url);

      const run = await system.api.waitForRun(await system.api.sendOne({ name: `p42/${status}`, data: { kept: 1 } }));

      expect(run).toMatchObject({ status: 'Completed', output: 'arrived' });
      const [call] = app.calls();
      expect(call?.event.data).toEqual({ kept: 1 });
      expect(call?.headers['x-run-id']).toBe(run.run_id);
      expect(new URL(call?.url ?? '', app.url).searchParams.get('moved')).toBe('1');
    },
  );
});

describe('answers with ops', () => {
  test.concurrent('[P59] planned steps run as calls of their own, and a plan repeated while they run is passed over', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p59', {
      id: 'plan',
      script: (call) => {
        const ids = ['one', 'two'];
        const target = ids.find((id) => stepHash(id) === call.stepId);
        if (target === 'one') return ops(stepRunOp('one', { ran: 'one' }), stepPlannedOp('two'));
        if (target !== undefined) return ops(stepRunOp(target, { ran: target }));
        return ids.every((id) => stepHash(id) in call.steps) ? completed(call.steps) : ops(...ids.map(stepPlannedOp));
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/plan' }));

    expect(run).toMatchObject({
      status: 'Completed',
      output: { [stepHash('one')]: { data: { ran: 'one' } }, [stepHash('two')]: { data: { ran: 'two' } } },
    });
    const targets = app.calls().map((call) => call.stepId);
    expect(targets.filter((id) => id === stepHash('one'))).toHaveLength(1);
    expect(targets.filter((id) => id === stepHash('two'))).toHaveLength(1);
    expect(
      app
        .calls()
        .filter((call) => call.stepId !== 'step')
        .every((call) => call.attempt === 0 && call.ctx.step_id === 'step'),
    ).toBe(true);
  });

  test.concurrent('[E27][E28][P76][P77] a group of two steps and a sleep: one discovery after all of it, planning while it lasts', async (ctx) => {
    const ends = new Map<string, number>();
    const lasting = async (id: string, ms: number) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      ends.set(id, performance.now());
      return ops(stepRunOp(id, id));
    };
    const app = await system.scriptedApp(ctx, 'e27', {
      id: 'group',
      script: (call) => {
        if (call.stepId === stepHash('a')) return lasting('a', 300);
        if (call.stepId === stepHash('b')) return lasting('b', 700);
        if (call.stepId === stepHash('after') || call.ctx.stack.stack.length === 3) {
          const mustPlan = call.stepId === 'step' && call.ctx.disable_immediate_execution;
          return ops(mustPlan ? stepPlannedOp('after') : stepRunOp('after', 1));
        }
        if (call.ctx.stack.stack.length > 3) return ops(runCompleteOp('end'));
        return ops(stepPlannedOp('a'), stepPlannedOp('b'), sleepOp('nap', '1s'));
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/group' }));

    expect(run).toMatchObject({ status: 'Completed', output: 'end' });
    const calls = app.calls();
    const discoveries = calls.filter((call) => call.stepId === 'step');
    expect(discoveries.map((call) => call.ctx.stack.stack.length)).toEqual([0, 3, 4]);
    expect(discoveries[1]?.ctx.stack.stack.toSorted()).toEqual(['a', 'b', 'nap'].map(stepHash).toSorted());
    const targeted = calls.filter((call) => [stepHash('a'), stepHash('b')].includes(call.stepId));
    expect(targeted).toHaveLength(2);
    expect(targeted.every((call) => call.ctx.disable_immediate_execution)).toBe(true);
    expect(Math.max(...targeted.map((call) => call.arrivedMs))).toBeLessThan(ends.get('a') ?? 0);
    expect(discoveries[0]?.ctx.disable_immediate_execution).toBe(false);
    expect(discoveries[2]?.ctx.disable_immediate_execution).toBe(false);
  });

  test.concurrent('[E29] twenty steps at once: twenty calls for them and two discoveries', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'e29', { id: 'twenty', script: parallelSteps(20, 'all') });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/twenty' }));

    expect(run).toMatchObject({ status: 'Completed', output: 'all' });
    const targets = app.calls().map((call) => call.stepId);
    expect(new Set(targets).size).toBe(21);
    expect(targets.filter((id) => id !== 'step')).toHaveLength(20);
    expect(targets.filter((id) => id === 'step')).toHaveLength(2);
  });

  test.concurrent('[P72] RunComplete beside other ops: they are saved first, then the run ends', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p72', {
      id: 'end',
      script: () => ops(runCompleteOp({ ok: true }), stepRunOp('buffered', { b: 1 })),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/end' }));
    await system.observer.fence();

    expect(run).toMatchObject({ status: 'Completed', output: { ok: true } });
    expect(app.callCount).toBe(1);
  });

  test.concurrent('[P74] a DiscoveryRequest leads to another discovery and saves nothing', async (ctx) => {
    let calls = 0;
    const app = await system.scriptedApp(ctx, 'p74', {
      id: 'again',
      script: () =>
        ++calls === 1
          ? ops({ op: 'DiscoveryRequest', id: stepHash(`discovery-request-${Date.now()}`) })
          : completed('found'),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/again' }));

    expect(run).toMatchObject({ status: 'Completed', output: 'found' });
    expect(app.calls().map((call) => [call.stepId, call.attempt, call.steps])).toEqual([
      ['step', 0, {}],
      ['step', 0, {}],
    ]);
  });

  test.concurrent('[P75] names of ops in any case, and one op without a list, are understood', async (ctx) => {
    await system.scriptedApp(ctx, 'p75', {
      id: 'case',
      script: (call: ScriptedCall) =>
        call.ctx.stack.stack.length === 0
          ? fromSdk(206, { ...stepRunOp('a', 7), op: 'STEPRUN' })
          : fromSdk(206, [{ ...runCompleteOp(call.steps), op: 'runcomplete' }]),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/case' }));

    expect(run).toMatchObject({ status: 'Completed', output: { [stepHash('a')]: { data: 7 } } });
  });

  test.concurrent('[P46] an answer without ops leads to another discovery and costs no attempt', async (ctx) => {
    let calls = 0;
    const app = await system.scriptedApp(ctx, 'p46', {
      id: 'empty',
      retries: 0,
      script: () => (++calls === 1 ? fromSdk(206, []) : completed('at last')),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/empty' }));

    expect(run).toMatchObject({ status: 'Completed', output: 'at last' });
    expect(app.calls().map((call) => [call.stepId, call.attempt])).toEqual([
      ['step', 0],
      ['step', 0],
    ]);
  });

  test.concurrent('a function that keeps answering without ops fails: nothing would ever wake it', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'deadlocked', { id: 'nothing', script: () => fromSdk(206, []) });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/nothing' }));

    expect(run).toMatchObject({ status: 'Failed', output: { name: 'DeadlockedRun' } });
    expect(app.callCount).toBe(2);
  });

  test.concurrent('[P52] results: JSON as it is, text as text, JSON within text is read once', async (ctx) => {
    const bodies: Record<string, string> = {
      object: '{"data":1,"status":200}',
      text: 'plain text',
      inner: JSON.stringify('{"z":1}'),
      quoted: '"just text"',
      nothing: 'null',
    };
    await system.scriptedApp(
      ctx,
      'p52',
      ...Object.entries(bodies).map(([id, body]) => ({
        id,
        triggers: [{ event: 'p52/all' }],
        script: () => ({ kind: 'answer' as const, status: 200, headers: { 'x-inngest-sdk': 'js:v4.0.0' }, body }),
      })),
    );

    const runs = await system.api.waitForRuns(await system.api.sendOne({ name: 'p52/all' }), 5);

    expect(runs.every((run) => run.status === 'Completed')).toBe(true);
    expect(runs.map((run) => JSON.stringify(run.output ?? null)).toSorted()).toEqual(
      ['{"data":1,"status":200}', '"plain text"', '{"z":1}', '"just text"', 'null'].toSorted(),
    );
  });
});

/** RFC 8785 for what `JSON.parse` gives: sorted keys, nothing else to do. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`;
}
