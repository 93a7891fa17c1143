import { completed, ops, parallelSteps, stepRunOp } from '@perdure/testing';
import { expect, test } from 'vitest';

import { useServer } from './harness/fixture.ts';

const MIB = 1024 * 1024;

const system = useServer();

test.concurrent(
  '[P88] beyond its limits a run fails with the documented name, in its output and in the events of its end',
  { timeout: 90_000 },
  async (ctx) => {
    const large = 'x'.repeat(4 * MIB - 10_000);
    await system.scriptedApp(
      ctx,
      'p88',
      { id: 'steps', script: parallelSteps(1_001) },
      {
        id: 'state',
        script: (call) => {
          const done = call.ctx.stack.stack.length;
          return done < 9 ? ops(stepRunOp(`part-${done}`, large)) : completed('never');
        },
      },
    );

    const runOf = async (id: string) => {
      const eventId = await system.api.sendOne({ name: `test/${id}` });
      return system.api.waitForRun(eventId, { waitMs: 60_000 });
    };
    const [steps, state] = await Promise.all([runOf('steps'), runOf('state')]);

    for (const [run, name, message] of [
      [steps, 'InngestErrFunctionOverflowed', 'limit'],
      [state, 'InngestErrStateOverflowed', 'The function run exceeded the state size limit of 33554432 bytes.'],
    ] as const) {
      expect(run.status).toBe('Failed');
      expect(run.output).toEqual({
        error: {
          name,
          message: expect.stringContaining(message) as string,
          error: expect.stringMatching(`^${name}: `) as string,
        },
      });
      const [failed] = await system.observer.failedOf(run.run_id);
      expect(failed?.data.error).toMatchObject({ name });
      const [finished] = await system.observer.finishedOf(run.run_id);
      expect(finished?.data).toMatchObject({ _inngest: { status: 'Failed' } });
    }
  },
);
