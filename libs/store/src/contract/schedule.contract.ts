import { describe, expect } from 'vitest';
import { DAY_MS, ENV, lease, storeTest, type OpenStore } from './player.ts';

export function describeSchedule(open: OpenStore): void {
  const test = storeTest(open);

  describe('schedule', () => {
    test('creates a run with its start job and says so in the outbox', async ({ play }) => {
      const runId = await play.create({ meta: '{"m":1}', events: '[{"n":"a"}]', correlationId: 'parent.hash' });

      expect(await play.store.findRun(runId)).toEqual({
        runId,
        functionId: 'fn-1',
        accountId: 'account-1',
        envId: ENV,
        appId: 'app-1',
        functionVersion: 1,
        status: 'Scheduled',
        scheduledAt: play.clock.now(),
        requestVersion: -1,
        forcePlan: false,
        stepCount: 0,
        stateBytes: 0,
        correlationId: 'parent.hash',
        meta: '{"m":1}',
      });
      expect(await play.store.findRunJobs(runId)).toMatchObject([{ kind: 'start', state: 'ready', attempt: 0 }]);
      expect(await play.store.readOutbox(10)).toMatchObject([
        { kind: 'run-scheduled', run: { runId, status: 'Scheduled' }, events: '[{"n":"a"}]' },
      ]);
    });

    test('a repeat with the same run ID answers created and changes nothing', async ({ play }) => {
      const args = play.aRun({ singleton: { key: 's', mode: 'cancel' }, idempotencyKey: 'i' });

      const result = await play.twice(() => play.store.schedule(args));

      expect(result).toEqual({ kind: 'created', runId: args.runId });
    });

    test('a repeat is recognised after the run has ended', async ({ play }) => {
      const args = play.aRun();
      await play.store.schedule(args);
      await play.complete(await play.claimOne());

      const result = await play.withoutTrace(() => play.store.schedule(args));

      expect(result).toEqual({ kind: 'created', runId: args.runId });
    });

    test('a live run that holds the dedup key is answered instead of a second one', async ({ play }) => {
      const first = await play.create({ dedupKey: 'event-1' });

      const second = await play.withoutTrace(() => play.schedule({ dedupKey: 'event-1' }));

      expect(second).toEqual({ kind: 'exists', runId: first });
    });

    test('an ID that a live run has is given to no second one, whatever that is made for', async ({ play }) => {
      const runId = await play.create({ dedupKey: 'event-1' });

      const second = await play.withoutTrace(() => play.schedule({ runId, dedupKey: 'event-2' }));

      expect(second).toEqual({ kind: 'exists', runId });
    });

    test('the dedup key of an ended run blocks for 24 h from scheduling, then no more', async ({ play }) => {
      const first = await play.startAndComplete({ dedupKey: 'event-1' });

      await play.clock.advanceBy(DAY_MS - 1);
      expect(await play.schedule({ dedupKey: 'event-1' })).toEqual({ kind: 'duplicate', runId: first, by: 'event' });
      await play.clock.advanceBy(1);

      expect(await play.schedule({ dedupKey: 'event-1' })).toMatchObject({ kind: 'created' });
    });

    test('dedup keys are per function', async ({ play }) => {
      await play.create({ dedupKey: 'event-1', functionId: 'fn-1' });

      expect(await play.schedule({ dedupKey: 'event-1', functionId: 'fn-2' })).toMatchObject({ kind: 'created' });
    });

    test('names of any form are told apart', async ({ play }) => {
      const names = ['a|b', 'a', 'ä'.repeat(3000), 'ä'.repeat(3001), ' ', 'a b', '\n', ''];

      for (const name of names) await play.create({ dedupKey: name, idempotencyKey: name, keys: { throttle: name } });

      for (const dedupKey of names) expect((await play.schedule({ dedupKey })).kind).toBe('exists');
    });

    test('[E101] one run an idempotency key within 24 h, even after the first has failed', async ({ play }) => {
      const first = await play.create({ idempotencyKey: 'cart-1' });
      const blocked = { kind: 'duplicate', runId: first, by: 'idempotency' };
      expect(await play.schedule({ idempotencyKey: 'cart-1' })).toEqual(blocked);
      await play.store.finalize({ runId: first, status: 'Failed', output: '{}' });

      await play.clock.advanceBy(DAY_MS - 1);
      expect(await play.schedule({ idempotencyKey: 'cart-1' })).toEqual(blocked);
      await play.clock.advanceBy(1);

      expect(await play.schedule({ idempotencyKey: 'cart-1' })).toMatchObject({ kind: 'created' });
    });

    test('the start job waits for notBefore', async ({ play }) => {
      const runId = await play.create({ notBefore: play.clock.now() + 5000 });
      expect(await play.claimAll()).toEqual({ jobs: [], nextWakeAt: play.clock.now() + 5000 });

      await play.clock.advanceBy(5000);

      expect(await play.claimRunIds()).toEqual([runId]);
    });
  });

  describe('rate limit', () => {
    const rateLimit = { bucket: 'r', limit: 10, periodMs: 60_000 };

    test('[E98] 10 a minute admit 10 of 12 at once, then one each 6 s', async ({ play }) => {
      const kinds: string[] = [];
      for (let i = 0; i < 12; i++) kinds.push((await play.schedule({ rateLimit })).kind);

      expect(kinds).toEqual([...Array<string>(10).fill('created'), 'rate-limited', 'rate-limited']);
      const limited = await play.withoutTrace(() => play.schedule({ rateLimit }));
      expect(limited).toEqual({ kind: 'rate-limited', retryAt: play.clock.now() + 6000 });

      await play.clock.advanceBy(5999);
      expect(await play.schedule({ rateLimit })).toMatchObject({ kind: 'rate-limited' });
      await play.clock.advanceBy(1);
      expect(await play.schedule({ rateLimit })).toMatchObject({ kind: 'created' });
    });

    test('buckets are independent', async ({ play }) => {
      const one = { limit: 1, periodMs: 60_000 };
      await play.create({ rateLimit: { bucket: 'a', ...one } });

      expect(await play.schedule({ rateLimit: { bucket: 'b', ...one } })).toMatchObject({ kind: 'created' });
      expect(await play.schedule({ rateLimit: { bucket: 'a', ...one } })).toMatchObject({ kind: 'rate-limited' });
    });

    test('[E100] duplicates and skipped runs spend no token', async ({ play }) => {
      const two = { bucket: 'r', limit: 2, periodMs: 60_000 };
      await play.create({ rateLimit: two, dedupKey: 'event-1', singleton: { key: 's', mode: 'skip' } });

      for (let i = 0; i < 5; i++) await play.schedule({ rateLimit: two, dedupKey: 'event-1' });
      for (let i = 0; i < 5; i++) await play.schedule({ rateLimit: two, singleton: { key: 's', mode: 'skip' } });
      await play.store.setFunctionState('fn-1', 'paused');
      for (let i = 0; i < 5; i++) await play.schedule({ rateLimit: two });
      await play.store.setFunctionState('fn-1', 'active');

      expect(await play.schedule({ rateLimit: two })).toMatchObject({ kind: 'created' });
      expect(await play.schedule({ rateLimit: two })).toMatchObject({ kind: 'rate-limited' });
    });
  });

  describe('singleton', () => {
    test('[E115] skip: the second run is skipped and names the holder', async ({ play }) => {
      const holder = await play.create({ singleton: { key: 's', mode: 'skip' } });
      const args = play.aRun({ singleton: { key: 's', mode: 'skip' }, events: '[2]' });

      const result = await play.twice(() => play.store.schedule(args));

      expect(result).toEqual({ kind: 'skipped', reason: 'Singleton', holder });
      expect(await play.store.findRun(args.runId)).toBeUndefined();
      expect((await play.drainOutbox()).at(-1)).toMatchObject({
        kind: 'run-skipped',
        run: { runId: args.runId, meta: args.meta },
        events: '[2]',
        reason: 'Singleton',
        holder,
      });
    });

    test('[E116] cancel: the holder is cancelled and the last of ten in a row completes', async ({ play }) => {
      const runIds: string[] = [];
      for (let i = 0; i < 10; i++) {
        const result = await play.schedule({ singleton: { key: 's', mode: 'cancel' } });
        expect(result).toMatchObject({ kind: 'created', ...(i > 0 && { cancelled: runIds[i - 1] }) });
        runIds.push((result as { runId: string }).runId);
      }

      const job = await play.claimOne();
      await play.complete(job);

      expect(job.run.runId).toBe(runIds[9]);
      const ends = (await play.drainOutbox()).filter((entry) => entry.kind === 'run-ended');
      expect(ends.map((entry) => [entry.run.runId, entry.status, entry.reason])).toEqual([
        ...runIds.slice(0, 9).map((runId) => [runId, 'Cancelled', 'singleton']),
        [runIds[9], 'Completed', undefined],
      ]);
    });

    test('[E116] cancel: the run of an older event that is handled later is skipped', async ({ play }) => {
      const older = play.aRun({ singleton: { key: 's', mode: 'cancel' } });
      const newer = await play.create({ singleton: { key: 's', mode: 'cancel' } });

      const result = await play.twice(() => play.store.schedule(older));

      expect(result).toEqual({ kind: 'skipped', reason: 'Singleton', holder: newer });
      expect(await play.store.findRun(newer)).toBeDefined();
    });

    test('a repeat of a run that cancelled another names it again', async ({ play }) => {
      const first = await play.create({ singleton: { key: 's', mode: 'cancel' } });
      const args = play.aRun({ singleton: { key: 's', mode: 'cancel' } });

      const result = await play.twice(() => play.store.schedule(args));

      expect(result).toEqual({ kind: 'created', runId: args.runId, cancelled: first });
    });

    test('[E118] the lock is released by completion, failure and cancellation', async ({ play }) => {
      for (const status of ['Completed', 'Failed', 'Cancelled'] as const) {
        const runId = await play.create({ singleton: { key: 's', mode: 'skip' } });
        await play.store.finalize({ runId, status });
      }

      expect(await play.schedule({ singleton: { key: 's', mode: 'skip' } })).toMatchObject({ kind: 'created' });
    });

    test('keys are told apart, and functions', async ({ play }) => {
      await play.create({ singleton: { key: 's', mode: 'skip' } });

      await play.create({ singleton: { key: 't', mode: 'skip' } });
      await play.create({ singleton: { key: 's', mode: 'skip' }, functionId: 'fn-2' });
    });
  });

  describe('function state and backlog', () => {
    test('runs of a paused or drained function are skipped with the reason', async ({ play }) => {
      await play.store.setFunctionState('fn-1', 'paused');
      expect(await play.schedule()).toEqual({ kind: 'skipped', reason: 'FunctionPaused' });

      await play.store.setFunctionState('fn-1', 'drained');
      expect(await play.schedule()).toEqual({ kind: 'skipped', reason: 'FunctionDrained' });

      await play.store.setFunctionState('fn-1', 'active');
      expect(await play.schedule()).toMatchObject({ kind: 'created' });
      expect(await play.outboxKinds()).toEqual(['run-skipped', 'run-skipped', 'run-scheduled']);
    });

    test('a repeat of a skipped run is skipped though the function is active again', async ({ play }) => {
      const args = play.aRun();
      await play.store.setFunctionState('fn-1', 'paused');
      await play.store.schedule(args);
      await play.store.setFunctionState('fn-1', 'active');

      const result = await play.withoutTrace(() => play.store.schedule(args));

      expect(result).toEqual({ kind: 'skipped', reason: 'FunctionPaused' });
    });

    test('a skipped run leaves its dedup key free', async ({ play }) => {
      await play.store.setFunctionState('fn-1', 'paused');
      await play.schedule({ dedupKey: 'event-1' });
      await play.store.setFunctionState('fn-1', 'active');

      expect(await play.schedule({ dedupKey: 'event-1' })).toMatchObject({ kind: 'created' });
    });

    test('the backlog counts runs that have not started, however they leave it', async ({ play }) => {
      await play.setFunction({ backlogMax: 2 });
      const [first, second] = [await play.create(), await play.create()];
      const full = { kind: 'skipped', reason: 'FunctionBacklogSizeLimitHit' };
      expect(await play.schedule()).toEqual(full);

      const [job] = await play.claim(1);
      expect(job?.run.runId).toBe(first);
      await play.create();
      expect(await play.schedule()).toEqual(full);
      await play.store.finalize({ runId: second, status: 'Cancelled' });

      expect(await play.schedule()).toMatchObject({ kind: 'created' });
      expect(await play.store.finalize({ runId: first, lease: lease(job!), status: 'Completed' })).toBe('finalized');
      expect(await play.schedule()).toEqual(full);
    });
  });
}
