import { describe, expect } from 'vitest';
import type { PauseSpec, WaitingPause } from '../store.ts';
import { ENV, run, save, storeTest, wait, type OpenStore, type Player } from './player.ts';

const EVENT = 'a/resume';

async function findAll(play: Player, anchors: { path: string; valueHash: string }[] = []): Promise<string[]> {
  return (await findPages(play, anchors, 1000)).flat().map((pause) => pause.pauseId);
}

async function findPages(
  play: Player,
  anchors: { path: string; valueHash: string }[],
  pausesMax: number,
): Promise<WaitingPause[][]> {
  const pages: WaitingPause[][] = [];
  let cursor: string | undefined;
  do {
    const page = await play.store.findPauses({
      envId: ENV,
      event: EVENT,
      anchors,
      pausesMax,
      ...(cursor !== undefined && { cursor }),
    });
    pages.push(page.pauses);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return pages;
}

export function describePauses(open: OpenStore): void {
  const test = storeTest(open);

  /** A run that waits for EVENT with this pause. */
  async function aWaiter(play: Player, pause: Partial<PauseSpec> = {}): Promise<string> {
    const job = await play.start();
    const { runId } = job.run;
    await play.plan(job, [wait('w', { pauseId: `p-${runId}`, expiresAt: play.clock.now() + 60_000, ...pause })]);
    return runId;
  }

  describe('waits', () => {
    test('[E58] a consumed pause saves its memo and continues its run', async ({ play }) => {
      const runId = await aWaiter(play);
      const memo = '{"data":{"name":"a/resume"}}';

      expect(await play.store.consumePause({ pauseId: `p-${runId}`, memo })).toEqual({ kind: 'resumed', runId });

      const job = await play.claimOne();
      expect(job).toMatchObject({ target: 'step', run: { stateBytes: memo.length }, state: { steps: { w: memo } } });
      expect(await play.store.counts()).toMatchObject({ pauses: 0, delayed: 0 });
    });

    test('[E59] without an event the wait ends at its instant with the memo of its timeout', async ({ play }) => {
      await aWaiter(play, { timeoutMemo: '{"error":{"name":"é"}}' });
      await play.clock.advanceBy(59_999);
      expect(await play.claim()).toEqual([]);
      await play.clock.advanceBy(1);

      const job = await play.claimOne();

      expect(job.state?.steps).toEqual({ w: '{"error":{"name":"é"}}' });
      expect(job.run.stateBytes).toBe(Buffer.byteLength('{"error":{"name":"é"}}'));
      expect(await play.store.counts()).toMatchObject({ pauses: 0 });
    });

    test('[E60] a wait that is over when it is planned ends at once', async ({ play }) => {
      const job = await play.start();
      await play.plan(job, [wait('w', { expiresAt: play.clock.now() })]);

      expect((await play.claimOne()).state?.steps).toEqual({ w: 'null' });
    });

    test('[E66] of event and timeout exactly one takes effect', async ({ play }) => {
      const runId = await aWaiter(play);
      await play.clock.advanceBy(60_000);
      await play.store.consumePause({ pauseId: `p-${runId}`, memo: '"event"' });

      expect((await play.claimOne()).state).toMatchObject({ steps: { w: '"event"' }, stack: ['w'] });

      expect(await play.store.consumePause({ pauseId: `p-${runId}`, memo: '"late"' })).toEqual({ kind: 'gone' });
    });

    test('a pause is consumed once, and not after its run has ended', async ({ play }) => {
      const [first, second] = [await aWaiter(play), await aWaiter(play)];
      await play.store.consumePause({ pauseId: `p-${first}`, memo: '1' });
      await play.store.finalize({ runId: second, status: 'Cancelled' });

      for (const runId of [first, second]) {
        const again = await play.withoutTrace(() => play.store.consumePause({ pauseId: `p-${runId}`, memo: '2' }));
        expect(again).toEqual({ kind: 'gone' });
      }
    });

    test('[E65] one event may resume two waits of one run', async ({ play }) => {
      const job = await play.start();
      const expiresAt = play.clock.now() + 1000;
      await play.plan(job, [run('r'), wait('v', { expiresAt }), wait('w', { expiresAt })]);
      await play.saveStep(await play.claimOne(), 'r');

      for (const pauseId of await findAll(play)) await play.store.consumePause({ pauseId, memo: '1' });

      expect((await play.claimOne()).state?.stack.toSorted()).toEqual(['r', 'v', 'w']);
    });

    test('a step that waits while its function is paused is saved, and continues afterwards', async ({ play }) => {
      const runId = await aWaiter(play);
      await play.store.setFunctionState('fn-1', 'paused');
      await play.store.consumePause({ pauseId: `p-${runId}`, memo: '1' });
      expect(await play.claim()).toEqual([]);
      await play.store.setFunctionState('fn-1', 'active');

      expect((await play.claimOne()).state?.steps).toEqual({ w: '1' });
    });
  });

  describe('the index of waits', () => {
    const anchor = (valueHash: string) => [{ path: 'data.id', valueHash }];

    test('knows which paths are in use for an event', async ({ play }) => {
      expect(await play.store.findPausePaths(ENV, EVENT)).toEqual({ hasPauses: false, paths: [] });

      const runId = await aWaiter(play, { anchors: anchor('1') });
      await aWaiter(play);
      expect(await play.store.findPausePaths(ENV, EVENT)).toEqual({ hasPauses: true, paths: ['data.id'] });
      expect(await play.store.findPausePaths('other', EVENT)).toMatchObject({ hasPauses: false });
      expect(await play.store.findPausePaths(ENV, 'a/other')).toMatchObject({ hasPauses: false });

      await play.store.consumePause({ pauseId: `p-${runId}`, memo: '1' });
      expect(await play.store.findPausePaths(ENV, EVENT)).toEqual({ hasPauses: true, paths: [] });
    });

    test('[E62] finds the one wait among many that the anchor names, and those without anchor', async ({ play }) => {
      const runIds: string[] = [];
      for (let i = 0; i < 20; i++) runIds.push(await aWaiter(play, { anchors: anchor(`v${i}`) }));
      const always = await aWaiter(play);

      expect(await findAll(play, anchor('v7'))).toEqual([`p-${runIds[7]}`, `p-${always}`]);
      expect(await findAll(play, anchor('none'))).toEqual([`p-${always}`]);
    });

    test('answers what is needed to evaluate a wait', async ({ play }) => {
      const createdAt = play.clock.now();
      const runId = await aWaiter(play, { expression: 'async.data.id == "é"' });

      expect(await findPages(play, [], 10)).toEqual([
        [
          {
            pauseId: `p-${runId}`,
            runId,
            functionId: 'fn-1',
            kind: 'wait',
            hash: 'w',
            expression: 'async.data.id == "é"',
            createdAt,
            expiresAt: createdAt + 60_000,
          },
        ],
      ]);
    });

    test('pages through all of them in order, though some are consumed meanwhile', async ({ play }) => {
      const expected: string[] = [];
      for (let i = 0; i < 7; i++) expected.push(`p-${await aWaiter(play, { anchors: anchor('v') })}`);
      for (let i = 0; i < 6; i++) expected.push(`p-${await aWaiter(play)}`);

      const pages = await findPages(play, [...anchor('none'), ...anchor('v')], 4);
      expect(pages.flat().map((pause) => pause.pauseId)).toEqual(expected);
      expect(Math.max(...pages.map((page) => page.length))).toBe(4);

      const first = await play.store.findPauses({ envId: ENV, event: EVENT, anchors: anchor('v'), pausesMax: 4 });
      for (const { pauseId } of first.pauses) await play.store.consumePause({ pauseId, memo: '1' });
      const args = { envId: ENV, event: EVENT, anchors: anchor('v'), pausesMax: 100, cursor: first.cursor! };
      expect((await play.store.findPauses(args)).pauses.map((pause) => pause.pauseId)).toEqual(expected.slice(4));
    });

    test('a wait with several anchors is found by each', async ({ play }) => {
      const runId = await aWaiter(play, { anchors: [...anchor('1'), ...anchor('2'), ...anchor('1')] });

      expect(await findAll(play, anchor('1'))).toEqual([`p-${runId}`]);
      expect(await findAll(play, anchor('2'))).toEqual([`p-${runId}`]);
    });

    test('leaves out waits that are over and runs that have ended', async ({ play }) => {
      await aWaiter(play, { expiresAt: play.clock.now() + 10 });
      const ended = await aWaiter(play);
      await play.store.finalize({ runId: ended, status: 'Cancelled' });
      await play.clock.advanceBy(11);

      expect(await findAll(play)).toEqual([]);
    });
  });

  describe('cancelOn', () => {
    const cancelOn = (play: Player, expiresAt = play.clock.now() + 1000): PauseSpec[] => [
      { pauseId: play.unique('cancel'), kind: 'cancel', event: EVENT, expiresAt },
    ];

    test('[E119] a consumed cancel pause ends the run, whatever it does', async ({ play }) => {
      const job = await play.start({ cancelOn: cancelOn(play) });
      const [pause] = (await findPages(play, [], 10)).flat();
      expect(pause).toMatchObject({ kind: 'cancel', runId: job.run.runId });

      const reason = 'event:e1';
      const result = await play.store.consumePause({ pauseId: pause!.pauseId, reason });

      expect(result).toEqual({ kind: 'resumed', runId: job.run.runId });
      expect(await play.endOf(job.run.runId)).toMatchObject({ status: 'Cancelled', reason });
      expect((await play.advance(job, { saves: [save('a')] })).kind).toBe('run-gone');
      expect(await play.store.consumePause({ pauseId: pause!.pauseId, reason })).toEqual({ kind: 'gone' });
    });

    test('[E121] after its time it cancels nothing', async ({ play }) => {
      const job = await play.start({ cancelOn: cancelOn(play) });
      const [pause] = (await findPages(play, [], 10)).flat();
      await play.clock.advanceBy(1001);

      expect(await findAll(play)).toEqual([]);
      expect(await play.store.consumePause({ pauseId: pause!.pauseId })).toEqual({ kind: 'gone' });
      expect(await play.store.findRun(job.run.runId)).toBeDefined();
    });
  });

  describe('invoke', () => {
    test('[E74] a reply under its correlation resumes the invoking step', async ({ play }) => {
      const job = await play.start();
      const { runId } = job.run;
      const pause: PauseSpec = {
        pauseId: 'p',
        kind: 'invoke',
        correlationId: `${runId}.h`,
        expiresAt: play.clock.now() + 1000,
        timeoutMemo: '{"error":{"name":"InngestInvokeTimeoutError"}}',
      };
      await play.drainOutbox();
      const event = { eventId: 'e-1', body: '{"name":"inngest/function.invoked"}' };

      await play.plan(job, [{ kind: 'invoke', hash: 'h', isRace: false, pause, invokeEvent: event }]);

      expect(await play.drainOutbox()).toMatchObject([{ kind: 'event', event }]);
      const reply = { envId: ENV, kind: 'invoke' as const, correlationId: `${runId}.h`, memo: '{"data":1}' };
      expect(await play.store.resume(reply)).toEqual({ kind: 'resumed', runId });
      expect(await play.withoutTrace(() => play.store.resume(reply))).toEqual({ kind: 'gone' });
      expect((await play.claimOne()).state?.steps).toEqual({ h: '{"data":1}' });
    });

    test('[E73] a signal or reply that nobody waits for answers gone', async ({ play }) => {
      const args = { envId: ENV, kind: 'signal' as const, correlationId: 'nobody', memo: '1' };

      expect(await play.withoutTrace(() => play.store.resume(args))).toEqual({ kind: 'gone' });
    });
  });
}
