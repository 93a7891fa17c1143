import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { Tally, useServer } from './harness/fixture.ts';
import { freePort } from './harness/free-port.ts';
import { until } from './harness/poll.ts';
import { FRAMEWORKS, startSdkApp, type FunctionSpec, type SdkName } from './harness/sdk-app.ts';
import { startServer, TEST_KEYS } from './harness/server.ts';

const MIB = 1024 * 1024;

/**
 * What holds for every real SDK. Each has a test file of its own, because a process can hold only one of them (see
 * `SdkName`).
 */
export function describeSdk(sdk: SdkName): void {
  describe('[E25][P11][P33][P82] without keys', () => {
    const system = useServer();
    describeFrameworks(system, 'dev');
  });

  describe('[E25][P9][P26][P29][P33][P82] with keys', () => {
    const system = useServer({ command: 'start', keys: TEST_KEYS });
    describeFrameworks(system, 'start');

    test.concurrent('[P26][P30] rotated keys: the fallback key registers, and what is signed with it is accepted', async (ctx) => {
      const app = await startSdkApp({
        sdk,
        id: 'rotated',
        baseUrl: system.server.url,
        keys: { signingKey: 'cd'.repeat(32), fallbackSigningKey: TEST_KEYS.signingKey, eventKey: TEST_KEYS.eventKey },
        functions: () => [
          { id: 'works', on: { event: 'rotated/go' }, run: ({ step }) => step.run('a', () => 'accepted') },
        ],
      });
      ctx.onTestFinished(() => app.stop());
      await app.sync();

      const { ids } = await app.send({ name: 'rotated/go' });

      expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({ status: 'Completed', output: 'accepted' });
    });

    test.concurrent('[P30] with a wrong signing key it cannot register, and says so', async (ctx) => {
      const app = await startSdkApp({
        sdk,
        id: 'stranger',
        baseUrl: system.server.url,
        keys: { signingKey: 'cd'.repeat(32), eventKey: TEST_KEYS.eventKey },
        functions: () => [{ id: 'f', on: { event: 'stranger/go' }, run: () => 'never' }],
      });
      ctx.onTestFinished(() => app.stop());

      await expect(app.sync()).rejects.toThrow('could not register');
    });

    test.concurrent('[P9] with a wrong event key it is told so', async (ctx) => {
      const app = await startSdkApp({
        sdk,
        id: 'wrong-event-key',
        baseUrl: system.server.url,
        keys: { signingKey: TEST_KEYS.signingKey, eventKey: 'nobody-knows' },
        functions: () => [],
      });
      ctx.onTestFinished(() => app.stop());

      await expect(app.send({ name: 'x' })).rejects.toThrow(/event key not found/i);
    });
  });

  test.concurrent('[P24] start --sdk-url: it is asked with its key, and its functions run', async (ctx) => {
    const port = await freePort();
    const app = await startSdkApp({
      sdk,
      id: 'asked',
      baseUrl: `http://127.0.0.1:${port}`,
      keys: TEST_KEYS,
      functions: () => [{ id: 'hello', on: { event: 'asked/go' }, run: ({ step }) => step.run('say', () => 'hello') }],
    });
    ctx.onTestFinished(() => app.stop());

    const server = await startServer({ command: 'start', port, keys: TEST_KEYS, args: ['--sdk-url', app.url] });
    ctx.onTestFinished(() => server.stop());
    ctx.onTestFailed(() => console.error(`the log of the server, its end:\n${server.log}`));
    const run = await until('a run', async () => {
      const eventId = await server.api.sendOne({ name: 'asked/go' });
      return server.api.waitForRun(eventId, { waitMs: 2_000 }).catch(() => undefined);
    });

    expect(run).toMatchObject({ status: 'Completed', output: 'hello' });
  });

  function describeFrameworks(system: ReturnType<typeof useServer>, mode: string): void {
    test.concurrent.for(FRAMEWORKS)(
      'on %s: steps, a sleep and a retried step run to the end, each once',
      async (framework, ctx) => {
        const id = `${mode}-${framework}`;
        const bodies = new Tally();
        const app = await system.sdkApp(ctx, {
          sdk,
          framework,
          id,
          functions: ({ RetryAfterError }) => [
            {
              id: 'main',
              on: { event: `${id}/asked` },
              retries: 2,
              run: async ({ event, step }) => {
                const word = event.data['word'] as string;
                const first = await step.run('first', () => `${bodies.hit('first')}:${word}`);
                await step.sleep('nap', '1s');
                const second = await step.run('second', () => {
                  if (bodies.hit('second') === 0) throw new RetryAfterError('not yet', '1s');
                  return `${first}, second`;
                });
                const third = await step.run('third', () => ({ call: bodies.hit('third'), second }));
                return { first, second, third };
              },
            },
          ],
        });

        const { ids } = await app.send({ name: `${id}/asked`, data: { word: 'grüß' } });
        const run = await system.api.waitForRun(ids[0] ?? '');

        const output = { first: '0:grüß', second: '0:grüß, second', third: { call: 0, second: '0:grüß, second' } };
        expect(run).toMatchObject({ status: 'Completed', output });
        expect(bodies.counts).toEqual({ first: 1, second: 2, third: 1 });
        await system.observer.finishedOf(run.run_id);
        await system.observer.fence();
        const { finished, failed } = system.observer.endsOf(run.run_id);
        expect(failed).toEqual([]);
        expect(finished).toHaveLength(1);
        expect(finished[0]?.data).toMatchObject({
          function_id: `${id}-main`,
          result: output,
          event: { name: `${id}/asked`, data: { word: 'grüß' } },
          _inngest: { status: 'Completed' },
        });
      },
    );
  }

  describe('functions', () => {
    const system = useServer({ args: ['--retry-interval', '1'] });

    /** Runs one function to its end. */
    async function runOnce(
      ctx: Parameters<typeof system.sdkApp>[0],
      id: string,
      define: (
        bodies: Tally,
        errors: Parameters<Parameters<typeof startSdkApp>[0]['functions']>[0],
      ) => Omit<FunctionSpec, 'on' | 'id'>,
      data = {},
    ) {
      const bodies = new Tally();
      const app = await system.sdkApp(ctx, {
        sdk,
        id,
        functions: (errors) => [{ ...define(bodies, errors), id: 'f', on: { event: `${id}/go` } }],
      });
      const { ids } = await app.send({ name: `${id}/go`, data });
      return { run: await system.api.waitForRun(ids[0] ?? '', { waitMs: 40_000 }), bodies, app };
    }

    test.concurrent('[P11][P13][P16] register: with options, with onFailure, without triggers; again changes nothing', async (ctx) => {
      const app = await startSdkApp({
        sdk,
        id: 'optional',
        baseUrl: system.server.url,
        functions: () => [
          {
            id: 'plain',
            on: [{ event: 'real/a' }, { event: 'real/b', if: 'event.data.x == 1' }],
            run: () => 'plain',
            onFailure: () => undefined,
            options: {
              concurrency: [{ limit: 2 }, { limit: 3, key: 'event.data.u', scope: 'env' }],
              throttle: { limit: 5, period: '10s', burst: 2, key: 'event.data.t' },
              debounce: { period: '1s', key: 'event.data.d', timeout: '5s' },
              priority: { run: 'event.data.p' },
              timeouts: { start: '10s', finish: '1h' },
              idempotency: 'event.data.id',
              cancelOn: [{ event: 'real/cancel', match: 'data.id', timeout: '1h' }],
            },
          },
          { id: 'uninvited', on: [], run: () => 'asked' },
        ],
      });
      ctx.onTestFinished(() => app.stop());

      expect(await app.sync()).toMatchObject({ message: 'Successfully registered', modified: true });
      expect(await app.sync()).toMatchObject({ modified: false });
    });

    test.concurrent('[E31] a step ID used again in a loop names another step', async (ctx) => {
      const { run, bodies } = await runOnce(ctx, 'e31', (count) => ({
        run: async ({ step }) => {
          const results: number[] = [];
          for (let i = 0; i < 3; i += 1) results.push(await step.run('again', () => count.hit('again')));
          return results;
        },
      }));

      expect(run).toMatchObject({ status: 'Completed', output: [0, 1, 2] });
      expect(bodies.counts).toEqual({ again: 3 });
    });

    test.concurrent('[P59][P81] steps awaited together overlap, each runs once, and what follows them runs once', async (ctx) => {
      const bodies = new Map<string, { from: number; to: number }>();
      const { run, bodies: counts } = await runOnce(ctx, 'parallel', (count) => ({
        run: async ({ step }) => {
          const lasting = (name: string, ms: number) =>
            step.run(name, async () => {
              count.hit(name);
              const from = performance.now();
              await new Promise((resolve) => setTimeout(resolve, ms));
              bodies.set(name, { from, to: performance.now() });
              return name;
            });
          const [a, b] = await Promise.all([lasting('a', 300), lasting('b', 700), step.sleep('nap', '1s')]);
          const after = await step.run('after', () => count.hit('after'));
          return { a, b, after };
        },
      }));

      expect(run).toMatchObject({ status: 'Completed', output: { a: 'a', b: 'b', after: 0 } });
      expect(counts.counts).toEqual({ a: 1, b: 1, after: 1 });
      const [a, b] = [bodies.get('a'), bodies.get('b')];
      expect(Math.max(a?.from ?? 0, b?.from ?? 0)).toBeLessThan(Math.min(a?.to ?? 0, b?.to ?? 0));
    });

    test.concurrent('[E35][P40] a state above 4 MiB is fetched by the SDK, and the run completes', async (ctx) => {
      const { run, bodies } = await runOnce(
        ctx,
        'e35',
        (count) => ({
          run: async ({ step, event }) => {
            const parts: string[] = [];
            for (const letter of ['a', 'b', 'c']) {
              parts.push(
                await step.run(letter, () => {
                  count.hit(letter);
                  return letter.repeat(2 * MIB);
                }),
              );
              await step.sleep(`after-${letter}`, '1s');
            }
            return { parts: parts.map((part) => `${part[0] ?? ''}${part.length}`), event: event.data };
          },
        }),
        { kept: true },
      );

      expect(run).toMatchObject({
        status: 'Completed',
        output: { parts: [`a${2 * MIB}`, `b${2 * MIB}`, `c${2 * MIB}`], event: { kept: true } },
      });
      expect(bodies.counts).toEqual({ a: 1, b: 1, c: 1 });
    });

    test.concurrent('[E40] without retries a function has a single attempt', async (ctx) => {
      const { run, bodies } = await runOnce(ctx, 'e40', (count) => ({
        retries: 0,
        run: () => {
          count.hit('body');
          throw new Error('only try');
        },
      }));

      expect(run).toMatchObject({ status: 'Failed', output: { name: 'Error', message: 'only try' } });
      expect(bodies.counts).toEqual({ body: 1 });
    });

    test.concurrent('[E41] a NonRetriableError in a step is one attempt, and caught lets the run complete', async (ctx) => {
      const { run, bodies } = await runOnce(ctx, 'e41', (count, { NonRetriableError }) => ({
        run: async ({ step }) => {
          try {
            await step.run('never-again', () => {
              count.hit('step');
              throw new NonRetriableError('give up');
            });
          } catch (error) {
            return `caught: ${(error as Error).message}`;
          }
          return 'not thrown';
        },
      }));

      expect(run).toMatchObject({ status: 'Completed', output: 'caught: give up' });
      expect(bodies.counts).toEqual({ step: 1 });
    });

    test.concurrent('[E49][E51][P83] onFailure runs once, after the last attempt, with the error and the event; its own failure starts nothing', async (ctx) => {
      const failures: unknown[] = [];
      const handlerRuns = new Set<string>();
      const { run, bodies } = await runOnce(
        ctx,
        'e49',
        (count) => ({
          retries: 1,
          run: () => {
            count.hit('main');
            throw new RangeError('out of range');
          },
          onFailure: ({ error, event, attempt, runId }) => {
            count.hit('handler');
            handlerRuns.add(runId);
            failures.push({
              name: error.name,
              message: error.message,
              event: event.data['event'],
              counts: count.counts,
            });
            throw new Error(`the handler fails at ${attempt}`);
          },
        }),
        { asked: 1 },
      );
      const [failedEvent] = await system.observer.failedOf(run.run_id);
      const handlerRunId = await until('the handler', () => handlerRuns.values().next().value);
      // The handler has one retry: its own end is what shows that nothing follows.
      const handlerRun = await system.api.waitForEnd(handlerRunId);
      await system.observer.fence();

      expect(run.status).toBe('Failed');
      expect(failedEvent?.id).toBe(run.run_id);
      expect(failedEvent?.data.error).toMatchObject({ name: 'RangeError', message: 'out of range' });
      expect(handlerRun.status).toBe('Failed');
      expect(bodies.counts).toEqual({ main: 2, handler: 2 });
      expect(failures[0]).toMatchObject({
        name: 'RangeError',
        message: 'out of range',
        event: { name: 'e49/go', data: { asked: 1 } },
        counts: { main: 2 },
      });
      expect(handlerRuns.size).toBe(1);
      expect(system.observer.endsOf(handlerRunId)).toEqual({ finished: [], failed: [] });
      expect(system.observer.endsOf(run.run_id).failed).toHaveLength(1);
    });

    test.concurrent('[E55][P60] after a sleep of 3 s the next step runs, not earlier and at most a second later', async (ctx) => {
      const instants: number[] = [];
      const { run } = await runOnce(ctx, 'e55', () => ({
        run: async ({ step }) => {
          await step.run('before', () => void instants.push(Date.now()));
          await step.sleep('nap', '3s');
          await step.run('after', () => void instants.push(Date.now()));
        },
      }));

      expect(run).toMatchObject({ status: 'Completed', output: null });
      const [before = 0, after = 0] = instants;
      expect(instants).toHaveLength(2);
      expectWithin(after - before, [3_000, 4_000]);
    });

    test.concurrent('[P38] sendEvent within a run: its event is sent once, and the step gives its IDs', async (ctx) => {
      const { run } = await runOnce(ctx, 'sends', () => ({
        run: ({ step }) => step.sendEvent('tell', { name: 'sends/told', data: { a: 1 } }),
      }));
      await system.observer.fence();

      const stored = await system.api.request('GET', '/v1/events?name=sends/told');
      expect(stored.body['data']).toMatchObject([{ data: { a: 1 } }]);
      const [told] = stored.body['data'] as { internal_id: string }[];
      expect(run).toMatchObject({ status: 'Completed', output: { ids: [told?.internal_id] } });
    });
  });
}
