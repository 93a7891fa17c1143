import { expect, test } from 'vitest';

import { BareCaller } from '../client/bare-caller.ts';
import { waitForCalls } from '../scenarios/wait-for-calls.ts';
import { BenchApplication } from './bench-application.ts';
import { STEPS_PER_RUN } from './functions.ts';

test('the application answers in its own thread and reports the calls with their run, progress and times', async () => {
  const application = await BenchApplication.start();
  const caller = new BareCaller(application.url, 1);
  const traced = waitForCalls(application, { count: 2, wanted: (call) => call.fn === 'traced-steps' });
  const ended = waitForCalls(application, { count: 1, wanted: (call) => call.fn === 'steps' });

  await caller.call('traced-steps', 7, 0);
  await caller.call('traced-steps', 7, STEPS_PER_RUN);
  await caller.call('steps', 8, 3);
  await caller.call('steps', 8, STEPS_PER_RUN);

  const [first, second] = await traced;
  expect(first).toMatchObject({ run: 7, stepsDone: 0 });
  expect(second).toMatchObject({ run: 7, stepsDone: STEPS_PER_RUN });
  expect(second!.arrivedAt).toBeGreaterThan(first!.answeredAt);
  expect(await ended).toMatchObject([{ run: 8, stepsDone: STEPS_PER_RUN }]);
  await caller.close();
  await application.stop();
});

test.each(['scripted', 'sdk'] as const)('a server where the %s one cannot register is an error', async (kind) => {
  const application = await BenchApplication.start(undefined, kind);
  const gone = await BenchApplication.start();
  await gone.stop();

  await expect(application.register(gone.url)).rejects.toThrow('could not register');

  await application.stop();
});
