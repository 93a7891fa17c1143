import type { JsonObject } from '@perdure/domain';
import { completed, failed, ops, reset, stepHash, stepRunOp, type ScriptedCall } from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { Tally, useServer } from './harness/fixture.ts';
import type { Answer, ServerApi } from './harness/server-api.ts';

const MIB = 1024 * 1024;

/** What the SDK posts while a call is in progress (sdk-protocol.md 9.1.1). */
function checkpoint(
  api: ServerApi,
  call: ScriptedCall,
  steps: unknown[],
  changes: JsonObject & { run_id?: string } = {},
): Promise<Answer> {
  const body = {
    run_id: call.runId,
    fn_id: call.ctx.fn_id,
    qi_id: call.ctx.qi_id ?? null,
    request_id: call.ctx.request_id ?? null,
    generation_id: call.ctx.generation_id ?? null,
    request_started_at: Date.now(),
    steps,
    ts: Date.now(),
    ...changes,
  };
  return api.request('POST', `/v1/checkpoint/${body.run_id}/async`, { body: body as unknown as JsonObject });
}

describe('checkpoints', () => {
  const system = useServer({ args: ['--retry-interval', '1'] });

  test.concurrent('[P89] the SDK as it comes: ten steps in one call, each stored while the call goes on', async (ctx) => {
    const bodies = new Tally();
    const app = await system.sdkApp(ctx, {
      id: 'ten',
      functions: () => [
        {
          id: 'ten',
          on: { event: 'ten/go' },
          run: async ({ step }) => {
            bodies.hit('request');
            const results: number[] = [];
            for (let i = 0; i < 10; i += 1)
              results.push(await step.run(`step-${i}`, () => bodies.hit(`step-${i}`) + i));
            return results;
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'ten/go' });

    expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({
      status: 'Completed',
      output: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    });
    expect(app.callCount).toBe(1);
    expect(Object.values(bodies.counts)).toEqual(Array.from({ length: 11 }, () => 1));
  });

  test.concurrent('[P89][P92] the SDK as it comes: what was checkpointed before a failure is not run again', async (ctx) => {
    const bodies = new Tally();
    const app = await system.sdkApp(ctx, {
      id: 'resumes',
      functions: () => [
        {
          id: 'resumes',
          on: { event: 'resumes/go' },
          run: async ({ step }) => {
            const a = await step.run('a', () => `a${bodies.hit('a')}`);
            const b = await step.run('b', () => `b${bodies.hit('b')}`);
            if (bodies.hit('outside') === 0) throw new Error('between steps');
            await step.sleep('nap', '1s');
            const c = await step.run('c', () => {
              if (bodies.hit('c') === 0) throw new Error('in a step');
              return 'c1';
            });
            return [a, b, c];
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'resumes/go' });

    expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({
      status: 'Completed',
      output: ['a0', 'b0', 'c1'],
    });
    expect(bodies.counts).toMatchObject({ a: 1, b: 1, c: 2 });
  });

  test.concurrent("[P89][P96] a checkpoint is stored before it is answered; its repeat and the SDK's own fields change nothing", async (ctx) => {
    const answers: Answer[] = [];
    const app = await system.scriptedApp(ctx, 'p89', {
      id: 'posts',
      retries: 1,
      script: async (call) => {
        if (call.attempt > 0) return completed(call.steps);
        const extras = {
          mode: 'sync',
          rawArgs: [1],
          hashedId: stepHash('a'),
          promise: {},
          fulfilled: true,
          handled: true,
          middleware: {},
        };
        answers.push(
          await checkpoint(system.api, call, [
            {
              ...stepRunOp('a', { first: 1 }),
              ...extras,
              userland: { id: 'a' },
              timing: { a: 1795215816396000000, b: 0 },
            },
          ]),
        );
        answers.push(
          await checkpoint(system.api, call, [stepRunOp('a', { second: 2 }), { ...stepRunOp('b', 'raw'), op: 'Step' }]),
        );
        answers.push(await checkpoint(system.api, call, [stepRunOp('a', { first: 1 })]));
        return failed('after its checkpoints');
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/posts' }));

    expect(answers.map((answer) => [answer.status, answer.text])).toEqual([
      [200, ''],
      [200, ''],
      [200, ''],
    ]);
    expect(run.output).toEqual({ [stepHash('a')]: { data: { first: 1 } }, [stepHash('b')]: 'raw' });
    expect(app.calls()[1]?.ctx.stack).toMatchObject({ stack: [stepHash('a'), stepHash('b')] });
  });

  test.concurrent('[P90] what a checkpoint may not hold is refused: waits, unknown runs, old generations, too much', async (ctx) => {
    const refused: Record<string, Answer> = {};
    await system.scriptedApp(ctx, 'p90', {
      id: 'refused',
      retries: 1,
      script: async (call) => {
        if (call.attempt === 0) return failed('a second generation, please', { retryAfter: '1' });
        const post = (steps: unknown[], changes: JsonObject = {}) => checkpoint(system.api, call, steps, changes);
        refused['sleep'] = await post([{ op: 'Sleep', id: stepHash('nap'), name: '1s' }]);
        refused['wait'] = await post([{ op: 'WaitForEvent', id: stepHash('w'), name: 'e', opts: { timeout: '1s' } }]);
        refused['unknown'] = await post([stepRunOp('a', 1)], { run_id: '01KAZZZZZZZZZZZZZZZZZZZZZZ' });
        refused['malformed'] = await post([stepRunOp('a', 1)], { run_id: 'nonsense' });
        refused['steps'] = await post('none' as never);
        refused['stale'] = await post([stepRunOp('a', 1)], { generation_id: 1 });
        refused['large'] = await post([stepRunOp('a', 'x'.repeat(4 * MIB))]);
        return completed(call.steps);
      },
    });

    const eventId = await system.api.sendOne({ name: 'test/refused' });
    const run = await system.api.waitForRun(eventId);
    const { runId, ctx: callContext } = { runId: run.run_id, ctx: run };

    expect(Object.fromEntries(Object.entries(refused).map(([name, answer]) => [name, answer.status]))).toEqual({
      sleep: 400,
      wait: 400,
      unknown: 400,
      malformed: 400,
      steps: 400,
      stale: 409,
      large: 413,
    });
    for (const answer of Object.values(refused)) {
      expect(answer.body).toMatchObject({ status: answer.status, error: expect.any(String) });
    }
    expect(run).toMatchObject({ status: 'Completed', output: {} });
    const late = await system.api.request('POST', `/v1/checkpoint/${runId}/async`, {
      body: {
        run_id: runId,
        fn_id: callContext.function_id,
        steps: [stepRunOp('late', 1)],
        ts: Date.now(),
      } as unknown as JsonObject,
    });
    expect(late.status).toBeGreaterThanOrEqual(400);
    expect(late.status).toBeLessThan(500);
  });

  test.concurrent('[P91] a checkpoint gives the job its attempts back', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p91', {
      id: 'fresh',
      retries: 1,
      script: async (call) => {
        const done = call.ctx.stack.stack.length;
        if (done === 3) return completed('three');
        if (call.attempt === 0 && done === 0) return failed('first');
        await checkpoint(system.api, call, [stepRunOp(`step-${done}`, done)]);
        return failed('after a checkpoint');
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/fresh' }));

    expect(run).toMatchObject({ status: 'Completed', output: 'three' });
    expect(app.calls().map((call) => [call.ctx.stack.stack.length, call.attempt])).toEqual([
      [0, 0],
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
  });

  test.concurrent('[P92] an application that dies after a checkpoint is called again with what it had stored', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p92', {
      id: 'dies',
      script: async (call) => {
        if (stepHash('a') in call.steps) return completed(call.steps);
        await checkpoint(system.api, call, [stepRunOp('a', { once: true })]);
        return reset();
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/dies' }));

    expect(run).toMatchObject({ status: 'Completed', output: { [stepHash('a')]: { data: { once: true } } } });
    expect(app.callCount).toBe(2);
  });

  test.concurrent('[E34] 1,001 checkpointed steps in one call fail the run', async (ctx) => {
    const answers: Answer[] = [];
    await system.scriptedApp(ctx, 'e34', {
      id: 'many',
      script: async (call) => {
        for (let from = 0; from < 1_001; from += 91) {
          const steps = Array.from({ length: 91 }, (_, i) => stepRunOp(`step-${from + i}`, from + i));
          answers.push(await checkpoint(system.api, call, steps));
        }
        return ops({ op: 'RunComplete', id: stepHash('complete'), data: 'too many' });
      },
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'test/many' }));

    expect(run.status).toBe('Failed');
    expect(JSON.stringify(run.output)).toContain('InngestErrFunctionOverflowed');
    expect(answers.slice(0, -1).map((answer) => answer.status)).toEqual(Array.from({ length: 10 }, () => 200));
  });

  test.concurrent(
    '[E34] the SDK as it comes: 1,000 steps in one call complete, one more fails the run',
    { timeout: 90_000 },
    async (ctx) => {
      const app = await system.sdkApp(ctx, {
        id: 'e34-sdk',
        clientOptions: { checkpointing: { bufferedSteps: 100 } },
        functions: () => [
          {
            id: 'many',
            on: { event: 'e34/sdk' },
            run: async ({ step, event }) => {
              const count = Number(event.data['count']);
              for (let i = 0; i < count; i += 1) await step.run(`step-${i}`, () => i);
              return count;
            },
          },
        ],
      });

      const [most, over] = await Promise.all(
        [1_000, 1_001].map(async (count) => {
          const { ids } = await app.send({ name: 'e34/sdk', data: { count } });
          return system.api.waitForRun(ids[0] ?? '', { waitMs: 80_000 });
        }),
      );

      expect(most).toMatchObject({ status: 'Completed', output: 1_000 });
      expect(over?.status).toBe('Failed');
      expect(JSON.stringify(over?.output)).toContain('InngestErrFunctionOverflowed');
    },
  );
});

describe('checkpoints and a server that dies', () => {
  const system = useServer({ persist: true });

  test(
    '[P89][P92] what was answered with 200 outlives kill -9; the call is made again and goes on behind it',
    { timeout: 90_000 },
    async (ctx) => {
      const stored = Promise.withResolvers<Answer>();
      const app = await system.scriptedApp(ctx, 'p92-crash', {
        id: 'survives',
        script: async (call) => {
          if (stepHash('a') in call.steps) return completed(call.steps);
          stored.resolve(await checkpoint(system.api, call, [stepRunOp('a', { random: Math.random() })]));
          return new Promise<never>(() => undefined);
        },
      });

      const eventId = await system.api.sendOne({ name: 'test/survives' });
      const answer = await stored.promise;
      await system.server.kill9();
      await system.server.start();
      // The lease of the lost call runs for 30 s, and is taken back within 5 s of its end (execution.md 7.2).
      const run = await system.api.waitForRun(eventId, { waitMs: 40_000 });

      expect(answer.status).toBe(200);
      expect(run).toMatchObject({
        status: 'Completed',
        output: { [stepHash('a')]: { data: { random: expect.any(Number) } } },
      });
      const [first, second] = app.calls();
      expect(app.callCount).toBe(2);
      expect(second?.attempt).toBe(0);
      expect(second?.ctx.generation_id).toBeGreaterThan(first?.ctx.generation_id ?? Infinity);
    },
  );
});
