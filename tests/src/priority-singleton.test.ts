import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { Tally, useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';
import type { FunctionSpec } from './harness/sdk-app.ts';
import type { RunView } from './harness/server-api.ts';
import { Timeline } from './harness/timeline.ts';

type Ctx = Parameters<ReturnType<typeof useServer>['sdkApp']>[0];

/** Exists, ended or not. */
const any = () => true;

describe('which run goes first, and which alone', () => {
  const system = useServer();

  /** An application with one function of its name, that is started by `{name}/go`. */
  const serve = (ctx: Ctx, name: string, options: Record<string, unknown>, run: FunctionSpec['run']) =>
    system.sdkApp(ctx, {
      id: name,
      functions: () => [{ id: name, on: { event: `${name}/go` }, retries: 0, options, run }],
    });

  /** Sends an event and resolves when it has its run: the next one comes after it for certain. */
  async function sendInTurn(
    event: Parameters<typeof system.api.sendOne>[0],
    isWanted: (run: RunView) => boolean = any,
  ): Promise<string> {
    const id = await system.api.sendOne(event);
    await system.api.waitForRuns(id, 1, { isWanted });
    return id;
  }

  const isRunning = ({ status }: RunView): boolean => status === 'Running';

  describe('priority', () => {
    /** Fills a function of limit 1, releases it, and answers the names of its runs in the order in which they were called. */
    async function orderOf(ctx: Ctx, name: string, run: string, backlog: Record<string, string | number>[]) {
      const seen = new Timeline();
      const gate = Promise.withResolvers<void>();
      const options = { concurrency: 1, priority: { run } };
      await serve(ctx, name, options, async ({ event }) => {
        seen.note(String(event.data['name']));
        await gate.promise;
      });
      const ids = [await system.api.sendOne({ name: `${name}/go`, data: { name: 'first' } })];
      await until('the first call', () => seen.names[0]);
      for (const data of backlog) ids.push(await sendInTurn({ name: `${name}/go`, data }));

      gate.resolve();
      await Promise.all(ids.map((id) => system.api.waitForRun(id)));
      return seen.names;
    }

    const three = ['lo-1', 'lo-2', 'lo-3'];

    test.concurrent('[E112] an event of priority 100 that comes last runs before the rest of the backlog', async (ctx) => {
      const run = 'event.data.plan == "enterprise" ? 100 : 0';

      const names = await orderOf(ctx, 'e112', run, [
        ...three.map((name) => ({ name })),
        { name: 'hi', plan: 'enterprise' },
      ]);

      expect(names).toEqual(['first', 'hi', ...three]);
    });

    test.concurrent('[E113] a number of the event is a priority', async (ctx) => {
      const names = await orderOf(ctx, 'e113', 'event.data.priority', [
        { name: 'last', priority: -100 },
        ...three.map((name) => ({ name })),
        { name: 'higher', priority: 60.7 },
        { name: 'highest', priority: 300 },
      ]);

      expect(names).toEqual(['first', 'highest', 'higher', ...three, 'last']);
    });

    test.concurrent('[E114] priority -100 does not delay a run that nothing competes with', async (ctx) => {
      const seen = new Timeline();
      await serve(ctx, 'e114', { priority: { run: '-100' } }, () => seen.note('start'));

      const sentAt = performance.now();
      await system.api.waitForRun(await system.api.sendOne({ name: 'e114/go' }));

      expectWithin((seen.starts()[0] ?? 0) - sentAt, [0, 1_000], 'the start');
    });
  });

  describe('singleton', () => {
    test.concurrent('[E115] skip: while the first run lives, sleeping too, the second is Skipped; then the next one runs', async (ctx) => {
      const seen = new Tally();
      const options = { singleton: { mode: 'skip', key: 'event.data.k' } };
      await serve(ctx, 'e115', options, async ({ event, step }) => {
        await step.run('count', () => seen.hit(String(event.data['name'])));
        if (event.data['name'] === 'holder') await step.sleep('nap', '3s');
      });
      const send = (name: string, k: string, isWanted?: (run: RunView) => boolean) =>
        sendInTurn({ name: 'e115/go', data: { name, k } }, isWanted);

      const holder = await send('holder', 'a', isRunning);
      const second = await send('second', 'a');
      const other = await send('other', 'b');
      expect(await system.api.waitForRun(second)).toMatchObject({ status: 'Skipped' });
      expect(await system.api.waitForRun(other)).toMatchObject({ status: 'Completed' });
      expect(await system.api.waitForRun(holder)).toMatchObject({ status: 'Completed' });
      const next = await system.api.waitForRun(await send('next', 'a'));

      expect(next.status).toBe('Completed');
      expect(seen.counts).toEqual({ holder: 1, other: 1, next: 1 });
    });

    test.concurrent('[E115] skip: a step that invokes the function while it is held fails and is told why', async (ctx) => {
      const parent = async (step: Parameters<FunctionSpec['run']>[0]['step']) => {
        const { referenceFunction } = await import('inngest');
        const single = referenceFunction({ appId: 'e115-invoked', functionId: 'single' });
        return step.invoke('ask', { function: single }).catch((error: Error) => error.message);
      };
      await system.sdkApp(ctx, {
        id: 'e115-invoked',
        functions: () => [
          {
            id: 'single',
            on: { event: 'e115-invoked/hold' },
            retries: 0,
            options: { singleton: { mode: 'skip' } },
            run: ({ step }) => step.sleep('nap', '1h'),
          },
          { id: 'parent', on: { event: 'e115-invoked/go' }, retries: 0, run: ({ step }) => parent(step) },
        ],
      });
      await sendInTurn({ name: 'e115-invoked/hold' });

      const run = await system.api.waitForRun(await system.api.sendOne({ name: 'e115-invoked/go' }));

      expect(run).toMatchObject({ status: 'Completed', output: expect.stringMatching(/not run: Singleton/) });
    });

    test.concurrent('[E116] cancel: the first run is Cancelled and the second runs; of ten rapid events the last completes', async (ctx) => {
      const seen = new Timeline();
      const options = { singleton: { mode: 'cancel', key: 'event.data.k' } };
      await serve(ctx, 'e116', options, async ({ event, step }) => {
        await step.sleep('nap', '2s');
        seen.note(`${String(event.data['k'])} ${String(event.data['n'])}`);
      });
      const go = (k: string, n: number) => ({ name: 'e116/go', data: { k, n } });

      const first = await sendInTurn(go('two', 0), isRunning);
      const second = await system.api.sendOne(go('two', 1));
      const rapid: string[] = [];
      for (let n = 0; n < 10; n += 1) rapid.push(await system.api.sendOne(go('ten', n)));
      const two = await Promise.all([first, second].map((id) => system.api.waitForRun(id)));
      const ten = await Promise.all(rapid.map((id) => system.api.waitForRun(id)));

      expect(two.map(({ status }) => status)).toEqual(['Cancelled', 'Completed']);
      // One that is handled after a newer one, as runners side by side may do, is skipped.
      const last = ten.pop();
      expect(last?.status).toBe('Completed');
      for (const { status } of ten) expect(['Cancelled', 'Skipped']).toContain(status);
      expect(seen.names.toSorted()).toEqual(['ten 9', 'two 1']);
    });

    test.concurrent('[E117] events without the key, or with false, are not single', async (ctx) => {
      const seen = new Timeline();
      await serve(ctx, 'e117', { singleton: { mode: 'skip', key: 'event.data.k' } }, () => seen.during('call', 800));

      const ids = await system.api.send(
        ...[{}, {}, { k: false }, { k: false }].map((data) => ({ name: 'e117/go', data })),
      );
      const runs = await Promise.all(ids.map((id) => system.api.waitForRun(id)));

      expect(runs.map(({ status }) => status)).toEqual(Array(4).fill('Completed'));
      expect(seen.atOnce()).toBeGreaterThan(1);
    });

    test.concurrent('[E118] a run that fails, is cancelled or runs out of time gives the lock up', async (ctx) => {
      const options = { singleton: { mode: 'skip', key: 'event.data.k' }, timeouts: { finish: '2s' } };
      await serve(ctx, 'e118', options, async ({ event, step }) => {
        const { how } = event.data;
        if (how === 'fail') throw new Error('as always');
        if (how !== 'complete') await step.sleep('nap', '1h');
      });
      const send = async (k: string, how: string, isWanted?: (run: RunView) => boolean) =>
        sendInTurn({ name: 'e118/go', data: { k, how } }, isWanted);

      const [failed, cancelled, late] = await Promise.all([
        send('a', 'fail'),
        send('b', 'cancel', isRunning),
        send('c', 'time out'),
      ]);
      const [run] = await system.api.runsOf(cancelled);
      await system.api.request('DELETE', `/v1/runs/${run?.run_id ?? ''}`);
      const ends = await Promise.all([failed, cancelled, late].map((id) => system.api.waitForRun(id)));
      const next = await Promise.all(['a', 'b', 'c'].map((k) => send(k, 'complete')));
      const runs = await Promise.all(next.map((id) => system.api.waitForRun(id)));

      expect(ends.map(({ status }) => status)).toEqual(['Failed', 'Cancelled', 'Cancelled']);
      expect(runs.map(({ status }) => status)).toEqual(['Completed', 'Completed', 'Completed']);
    });
  });
});
