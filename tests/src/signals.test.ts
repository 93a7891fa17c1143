import { fromSdk, ops, runCompleteOp, stepHash, type Script, type ScriptedCall, type WireOp } from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { useServer } from './harness/fixture.ts';

const CONFLICT = 'Signal conflict; signal wait already exists for another run';

interface Wait {
  signal: string;
  timeout?: string;
  conflict?: 'fail' | 'replace';
}

function waitOp({ signal, timeout = '1h', conflict = 'fail' }: Wait): WireOp {
  return {
    op: 'WaitForSignal',
    id: stepHash('wait'),
    name: signal,
    displayName: 'wait',
    opts: { signal, timeout, conflict },
  };
}

/** Waits for the signal that its event names, then ends with what the wait gave. */
function waitsForSignal(waitOf: (call: ScriptedCall) => Wait): Script {
  return (call) => {
    const memo = call.steps[stepHash('wait')];
    return memo === undefined ? ops(waitOp(waitOf(call))) : ops(runCompleteOp(memo));
  };
}

describe('signals', () => {
  const system = useServer();

  const send = (signal: string, data: unknown = null) =>
    system.api.request('POST', '/v1/signals', { body: { signal, data } as never });

  /** Starts a run of the function and resolves when it waits. */
  async function startWaiting(event: string, app: { waitForCalls(count: number): unknown }, calls: number) {
    const eventId = await system.api.sendOne({ name: event });
    await app.waitForCalls(calls);
    await system.observer.fence();
    return eventId;
  }

  test.concurrent('[E70] the SDK: a step waits, another run sends the signal, the step gives signal and data', async (ctx) => {
    const app = await system.sdkApp(ctx, {
      id: 'e70',
      functions: () => [
        {
          id: 'waits',
          on: { event: 'e70/go' },
          run: async ({ step }) => {
            await step.run('before', () => 1);
            return step.waitForSignal('wait', { signal: 'e70/ready', timeout: '1h', onConflict: 'fail' });
          },
        },
        {
          id: 'sends',
          on: { event: 'e70/send' },
          run: ({ step }) => step.sendSignal('send', { signal: 'e70/ready', data: { n: [1, null, 'grüß'] } }),
        },
      ],
    });
    const { ids } = await app.send({ name: 'e70/go' });
    await system.api.waitForRun(ids[0] ?? '', { isWanted: ({ status }) => status === 'Running' });
    await system.observer.fence();

    const sent = await app.send({ name: 'e70/send' });

    expect(await system.api.waitForRun(sent.ids[0] ?? '')).toMatchObject({ status: 'Completed' });
    expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({
      status: 'Completed',
      output: { signal: 'e70/ready', data: { n: [1, null, 'grüß'] } },
    });
  });

  test.concurrent('[E71][P68] a second run that waits for the signal fails, the first has it', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'e71', {
      id: 'f',
      triggers: [{ event: 'e71/go' }],
      script: waitsForSignal(() => ({ signal: 'e71/s' })),
    });
    const first = await startWaiting('e71/go', app, 1);

    const second = await system.api.waitForRun(await system.api.sendOne({ name: 'e71/go' }));
    const answer = await send('e71/s', { for: 'the first' });

    expect(second).toMatchObject({ status: 'Failed', output: { error: { name: 'Error', message: CONFLICT } } });
    const run = await system.api.waitForRun(first);
    expect(run).toMatchObject({
      status: 'Completed',
      // As the memo is, in `data`.
      output: { data: { signal: 'e71/s', data: { for: 'the first' } } },
    });
    expect(answer).toMatchObject({ status: 200, body: { data: { run_id: run.run_id } } });
    expect(app.callCount).toBe(3);
  });

  test.concurrent('[E72][P68] replace: the newest that waits has the signal, the one before its timeout', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'e72',
      {
        id: 'older',
        triggers: [{ event: 'e72/older' }],
        script: waitsForSignal(() => ({ signal: 'e72/s', timeout: '3s', conflict: 'replace' })),
      },
      {
        id: 'newer',
        triggers: [{ event: 'e72/newer' }],
        script: waitsForSignal(() => ({ signal: 'e72/s', conflict: 'replace' })),
      },
    );
    const older = await startWaiting('e72/older', app, 1);
    const newer = await startWaiting('e72/newer', app, 2);

    await send('e72/s', 'for the newer');

    expect(await system.api.waitForRun(newer)).toMatchObject({
      output: { data: { signal: 'e72/s', data: 'for the newer' } },
    });
    expect(await system.api.waitForRun(older)).toMatchObject({ status: 'Completed', output: null });
    const [asked, over] = app.calls('e72-older');
    expectWithin((over?.arrivedMs ?? 0) - (asked?.arrivedMs ?? 0), [3_000, 4_000]);
  });

  test.concurrent('[E73][P69] nobody waits: the API says 404, step.sendSignal goes on', async (ctx) => {
    const app = await system.sdkApp(ctx, {
      id: 'e73',
      functions: () => [
        {
          id: 'sends',
          on: { event: 'e73/go' },
          retries: 0,
          run: async ({ step }) => {
            await step.sendSignal('send', { signal: 'e73/nobody', data: 1 });
            return 'sent';
          },
        },
      ],
    });

    const { ids } = await app.send({ name: 'e73/go' });

    expect(await system.api.waitForRun(ids[0] ?? '')).toMatchObject({ status: 'Completed', output: 'sent' });
    expect(await send('e73/nobody')).toMatchObject({ status: 404 });
  });

  test.concurrent('[P68] a signal is for one run once; then it may be waited for again', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p68', {
      id: 'f',
      triggers: [{ event: 'p68/go' }],
      script: waitsForSignal(() => ({ signal: 'p68/s' })),
    });
    const first = await startWaiting('p68/go', app, 1);
    const answers = await Promise.all([send('p68/s', 1), send('p68/s', 1)]);
    await system.api.waitForRun(first);
    const second = await startWaiting('p68/go', app, 3);
    await send('p68/s', 2);

    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 404]);
    expect(await system.api.waitForRun(second)).toMatchObject({ output: { data: { data: 2 } } });
    expect(await system.api.waitForRun(first)).toMatchObject({ output: { data: { data: 1 } } });
  });

  test.concurrent('a signal that is waited for longer than a year fails the run', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'long-signal', {
      id: 'f',
      script: () => fromSdk(206, [waitOp({ signal: 'long', timeout: '400d' })] as never),
      triggers: [{ event: 'long-signal/go' }],
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'long-signal/go' }));

    expect(run).toMatchObject({ status: 'Failed', output: { error: { name: 'InngestErrTimeoutTooLong' } } });
    expect(app.callCount).toBe(1);
  });

  test.concurrent('[P68] a run that waits for a signal and is cancelled leaves it to others', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'left', {
      id: 'f',
      triggers: [{ event: 'left/go' }],
      script: waitsForSignal(() => ({ signal: 'left/s' })),
    });
    await startWaiting('left/go', app, 1);
    const [call] = app.calls();
    await system.api.request('DELETE', `/v1/runs/${call?.runId}`);
    await system.api.waitForEnd(call?.runId ?? '');
    const next = await startWaiting('left/go', app, 2);

    await send('left/s', 'for the next');

    expect(await system.api.waitForRun(next)).toMatchObject({ output: { data: { data: 'for the next' } } });
  });
});
