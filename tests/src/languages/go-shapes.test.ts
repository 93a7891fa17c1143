/**
 * The Go SDK (github.com/inngest/inngestgo) is not run: these are the forms in which it registers and answers, where they
 * differ from those of the others.
 */
import type { JsonObject, JsonValue } from '@perdure/domain';
import { fromSdk, startScriptedApp, stepHash, type Reply, type ScriptedCall } from '@perdure/testing';
import { describe, expect, test, type TestContext } from 'vitest';

import { expectWithin } from '../harness/expect-within.ts';
import { useServer } from '../harness/fixture.ts';
import { until } from '../harness/poll.ts';

const SDK = { 'x-inngest-sdk': 'go:v0.14.3', 'x-inngest-req-version': '2' };

describe('the forms of the Go SDK', () => {
  const system = useServer({ args: ['--retry-interval', '1'] });

  test.concurrent('[P33] it registers without the type of a runtime, and with a parameter of its own', async (ctx) => {
    const app = await startGoApp(ctx, 'go-registers', {
      options: {
        concurrency: [{ limit: 5, key: 'event.data.a', scope: 'env', hash: 'mv2k1j' }],
        throttle: { limit: 5, period: '1m', burst: 0 },
        batchEvents: null,
        cancel: [{ event: 'go-registers/stop', timeout: '1h30m' }],
        timeouts: { start: '10s', finish: '1h' },
      },
      answer: () => answer(200, { fine: true }),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'go-registers/go' }));

    expect(run).toMatchObject({ status: 'Completed', output: { fine: true } });
    const [call] = app.calls();
    const query = [...new URL(call?.url ?? '', app.url).searchParams].toSorted();
    expect(query).toEqual([
      ['fnId', 'go-registers-f'],
      ['step', 'step'],
      ['stepId', 'step'],
    ]);
    expect(call?.ctx.fn_id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  test.concurrent('its sleeps have the duration in opts, and a negative one is over at once', async (ctx) => {
    const app = await startGoApp(ctx, 'go-sleeps', {
      answer: inOrder(
        ops({ op: 'Sleep', id: 'nap', opts: { duration: '1s200ms' } }),
        ops({ op: 'Sleep', id: 'over', opts: { duration: '-2h0m0.5s' } }),
        answer(200, 'awake'),
      ),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'go-sleeps/go' }));

    expect(run).toMatchObject({ status: 'Completed', output: 'awake' });
    const [first, second, third] = app.calls();
    expectWithin((second?.arrivedMs ?? 0) - (first?.arrivedMs ?? 0), [1_200, 2_200]);
    expectWithin((third?.arrivedMs ?? 0) - (second?.arrivedMs ?? 0), [0, 1_000]);
    expect(third?.steps).toEqual({ [stepHash('nap')]: null, [stepHash('over')]: null });
  });

  test.concurrent('the error of a step keeps the data that it was sent with, without which Go cannot read it', async (ctx) => {
    const failed = (message: string) =>
      ops({ op: 'StepError', id: 'step', error: { name: 'Step failed', message, data: { partly: 1 } } });
    const app = await startGoApp(ctx, 'go-step-fails', {
      retries: 1,
      answer: (call) => (call.steps[stepHash('step')] === undefined ? failed('no luck') : answer(200, 'caught')),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'go-step-fails/go' }));

    expect(run).toMatchObject({ status: 'Completed', output: 'caught' });
    expect(app.calls().map((call) => call.ctx.attempt)).toEqual([0, 1, 0]);
    expect(app.calls().at(-1)?.steps).toEqual({
      [stepHash('step')]: { error: { name: 'Step failed', message: 'no luck', data: { partly: 1 } } },
    });
  });

  test.concurrent('its ops have null for what they have not, and the event of a wait in opts', async (ctx) => {
    const id = 'go-waits';
    const app = await startGoApp(ctx, id, {
      answer: inOrder(
        ops({ op: 'StepRun', id: 'first', data: { a: 1 } }),
        ops({
          op: 'WaitForEvent',
          id: 'answer',
          opts: { event: `${id}/answer`, timeout: '5m', if: 'async.data.n == 1' },
        }),
        answer(200, 'answered'),
      ),
    });
    const eventId = await system.api.sendOne({ name: `${id}/go` });
    await until('the wait', () => app.calls()[1]);
    await system.observer.fence();

    await system.api.sendOne({ name: `${id}/answer`, data: { n: 1 } });
    const run = await system.api.waitForRun(eventId);

    expect(run).toMatchObject({ status: 'Completed', output: 'answered' });
    expect(app.calls().at(-1)?.steps).toMatchObject({
      [stepHash('first')]: { data: { a: 1 } },
      [stepHash('answer')]: { name: `${id}/answer`, data: { n: 1 } },
    });
  });

  test.concurrent('an instant with an offset is when it is called again, and an error is but a message', async (ctx) => {
    const app = await startGoApp(ctx, 'go-fails', {
      retries: 1,
      answer: (call) =>
        call.ctx.attempt === 0
          ? answer(500, { message: 'not now' }, { 'retry-after': inThreeSeconds() })
          : answer(500, { message: 'never' }, { 'x-inngest-no-retry': 'true' }),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'go-fails/go' }));

    expect(run).toMatchObject({ status: 'Failed', output: { message: 'never' } });
    const [first, second] = app.calls();
    // The instant has whole seconds.
    expectWithin((second?.arrivedMs ?? 0) - (first?.arrivedMs ?? 0), [2_000, 4_000]);
  });

  test.concurrent('its streams wrap ops that are not encoded twice, and say beside the headers that all is over', async (ctx) => {
    const app = await startGoApp(ctx, 'go-streams', {
      answer: inOrder(
        envelope({ status: 206, body: [goOp({ op: 'StepRun', id: 'first', data: 1 })], noRetry: false }),
        envelope({ status: 500, body: 'error calling function: over', noRetry: true }),
      ),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'go-streams/go' }));

    expect(run).toMatchObject({ status: 'Failed', output: { message: 'error calling function: over' } });
    expect(app.callCount).toBe(2);
  });

  test.concurrent('410, for a function that it does not have, is tried again', async (ctx) => {
    const app = await startGoApp(ctx, 'go-gone', {
      retries: 1,
      answer: (call) => (call.ctx.attempt === 0 ? answer(410, { message: 'function not found' }) : answer(200, 'back')),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'go-gone/go' }));

    expect(run).toMatchObject({ status: 'Completed', output: 'back' });
    expect(app.callCount).toBe(2);
  });

  interface GoFunction {
    retries?: number;
    options?: JsonObject;
    answer: (call: ScriptedCall) => Reply;
  }

  /** An application with one function `f`, triggered by `{id}/go`, registered as Go does. */
  async function startGoApp(ctx: TestContext, id: string, { retries, options, answer: script }: GoFunction) {
    const app = await startScriptedApp({ name: id, functions: [{ id: 'f', script }] });
    ctx.onTestFinished(() => app.stop());
    const registered = await system.api.request('POST', '/fn/register', {
      body: {
        url: app.url,
        v: '1',
        deployType: 'ping',
        sdk: 'go:v0.14.3',
        appName: id,
        headers: { env: '', platform: '' },
        capabilities: { in_band_sync: 'v1', trust_probe: 'v1', connect: 'v1' },
        appVersion: '',
        functions: [
          {
            name: 'A function',
            id: `${id}-f`,
            triggers: [{ event: `${id}/go` }],
            ...options,
            steps: {
              step: {
                id: 'step',
                name: 'A function',
                runtime: { url: `${app.url}?fnId=${id}-f&step=step` },
                retries: retries === undefined ? null : { attempts: retries },
              },
            },
          },
        ],
      },
    });
    expect(registered.body).toMatchObject({ ok: true });
    return app;
  }
});

interface GoOp {
  op: string;
  id: string;
  opts?: JsonObject;
  data?: JsonValue;
  error?: JsonObject;
}

/** The name is the step's ID, and nothing is left out. */
function goOp({ op, id, opts, data, error }: GoOp): JsonObject {
  return {
    op,
    id: stepHash(id),
    name: id,
    opts: opts ?? null,
    data: data ?? null,
    error: error ?? null,
    displayName: null,
    timing: { a: 1_795_215_794_569_000_000, b: 12_000 },
    userland: { id, index: 0 },
  };
}

function ops(...list: GoOp[]): Reply {
  return answer(206, list.map(goOp));
}

function answer(status: number, body: JsonValue, headers: Record<string, string> = {}): Reply {
  return fromSdk(status, body, { ...SDK, ...headers });
}

function envelope(body: { status: number; body: JsonValue; noRetry: boolean }): Reply {
  const envelopeBody = { ...body, retryAt: null, headers: null };
  return { kind: 'answer', status: 201, headers: SDK, body: `  ${JSON.stringify(envelopeBody)}\n` };
}

/** The answer that the number of known steps asks for. */
function inOrder(...replies: Reply[]): (call: ScriptedCall) => Reply {
  return (call) => {
    const reply = replies[Object.keys(call.steps).length];
    if (reply === undefined) throw new Error('called more often than there are answers');
    return reply;
  };
}

/** As Go writes it: whole seconds and the offset of a time zone. */
function inThreeSeconds(): string {
  const offsetMs = 2 * 3_600_000;
  return `${new Date(Date.now() + 3_000 + offsetMs).toISOString().slice(0, 19)}+02:00`;
}
