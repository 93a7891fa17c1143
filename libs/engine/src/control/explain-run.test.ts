import type { FlowControl, FunctionDefinition, JsonObject } from '@perdure/domain';
import { aFlowControl, aFunction, anEvent, TEST_START_AT } from '@perdure/testing';
import type { ClaimedJob, StepPlan } from '@perdure/store';
import { expect, test } from 'vitest';
import { handleEvent } from '../event/handle-event.ts';
import { openEmbeddedPorts } from '../test/embedded-ports.ts';
import { explainRun, type WaitingFor } from './explain-run.ts';

const a = (flow: Partial<FlowControl>): FunctionDefinition => aFunction({ flow: aFlowControl(flow) });
const fn = { limit: 1, scope: 'fn' as const };
let claims = 0;

/** A function that the store knows. */
async function startPlay(play: FunctionDefinition) {
  const { ports, cell, clock, register } = await openEmbeddedPorts();
  await register(play);
  await cell.setFunction(ports.catalog.limitsOf(play));
  const runs = async () => {
    const page = await cell.listRuns({ functionId: play.id, after: 0, runsMax: 100, withEvents: false });
    return page.runs.map(({ runId }) => runId);
  };
  return {
    ports,
    cell,
    clock,
    register,
    /** Answers the run of an event with this data. */
    start: async (data: JsonObject = {}, ts?: number): Promise<string> => {
      await handleEvent(ports, anEvent({ data, ...(ts !== undefined && { ts }) }));
      return (await runs()).at(-1) ?? '';
    },
    claim: async (): Promise<ClaimedJob[]> => {
      const args = { workerId: 'w', claimId: `c${++claims}`, jobsMax: 10, leaseMs: 60_000 };
      return (await cell.claim(args)).jobs;
    },
    explain: async (runId: string): Promise<WaitingFor[]> => (await explainRun(ports, runId))?.waitingFor ?? [],
  };
}

test('a run that is not there is not explained', async () => {
  const { ports } = await startPlay(a({}));

  expect(await explainRun(ports, '01ARZ3NDEKTSV4RRFFQ69G5FAV')).toBe(undefined);
});

test('a run that nothing holds back waits for its turn, then for nothing', async () => {
  const { ports, start, claim } = await startPlay(a({}));
  const first = await start();
  const second = await start();

  expect(await explainRun(ports, second)).toEqual({
    runId: second,
    functionId: aFunction().id,
    status: 'Scheduled',
    waitingFor: [
      {
        job: { jobId: expect.any(String), kind: 'start', target: 'step', attempt: 0 },
        constraint: 'turn',
        ahead: 1,
        text: 'it is ready; 1 job comes first',
      },
    ],
  });
  await claim();
  expect(await explainRun(ports, first)).toMatchObject({ status: 'Running', waitingFor: [{ constraint: 'nothing' }] });
});

test('a run of a function that is paused', async () => {
  const { cell, start, explain } = await startPlay(a({}));
  const run = await start();
  await cell.setFunctionState(aFunction().id, 'paused');

  expect(await explain(run)).toMatchObject([{ constraint: 'paused', text: 'the function is paused' }]);
});

test('a throttled run: key, value, when the next is admitted, place in the line', async () => {
  const { start, claim, explain } = await startPlay(
    a({ throttle: { limit: 1, burst: 0, periodMs: 10_000, key: 'event.data.user' } }),
  );
  for (let i = 0; i < 2; i += 1) await start({ user: 'u1' });
  const third = await start({ user: 'u1' });
  await claim();

  expect(await explain(third)).toMatchObject([
    {
      constraint: 'throttle',
      until: TEST_START_AT + 10_000,
      key: { scope: 'fn', expression: 'event.data.user', value: 'u1' },
      ahead: 1,
      text: 'the throttle of the function for event.data.user = u1 admits the next run at 2030-01-01T00:00:10.000Z; 1 job comes first',
    },
  ]);
});

test.each<[string, Partial<FlowControl>, object]>([
  [
    'the function',
    { concurrency: [fn] },
    { constraint: 'function-concurrency', text: 'the function has 1 of 1 in progress; it is next in line' },
  ],
  [
    'a key',
    { concurrency: [{ ...fn, key: 'event.data.user' }] },
    {
      constraint: 'keyed-concurrency',
      key: { scope: 'fn', expression: 'event.data.user', value: 'u1' },
      text: 'the function has 1 of 1 in progress for event.data.user = u1; it is next in line',
    },
  ],
  [
    'a key without a value',
    { concurrency: [{ ...fn, key: 'event.data.nothing' }] },
    {
      constraint: 'keyed-concurrency',
      key: { scope: 'fn', expression: 'event.data.nothing' },
      text: 'the function has 1 of 1 in progress for event.data.nothing without a value; it is next in line',
    },
  ],
  [
    'the second of two keys',
    {
      concurrency: [
        { limit: 9, scope: 'env', key: '"all"' },
        { limit: 1, scope: 'account', key: '"openai"' },
      ].toReversed() as FlowControl['concurrency'],
    },
    {
      constraint: 'keyed-concurrency',
      key: { scope: 'account', expression: '"openai"', value: 'openai' },
      text: 'the account has 1 of 1 in progress for "openai" = openai; it is next in line',
    },
  ],
  [
    'its runs',
    { runConcurrency: { limit: 1, key: 'event.data.user' } },
    {
      constraint: 'run-concurrency',
      key: { scope: 'fn', expression: 'event.data.user', value: 'u1' },
      text: 'of its runs the function has 1 of 1 in progress for event.data.user = u1; it is next in line',
    },
  ],
])('a run held back by the limit of %s: who holds it', async (_title, flow, expected) => {
  const { start, claim, explain } = await startPlay(a(flow));
  const first = await start({ user: 'u1' });
  const second = await start({ user: 'u1' });
  await claim();

  expect(await explain(second)).toMatchObject([
    { ...expected, capacity: { limit: 1, held: 1, holders: [first] }, ahead: 0 },
  ]);
});

test('a run held back by the limit of the account', async () => {
  const { cell, start, claim, explain } = await startPlay(a({}));
  await cell.setAccountConcurrency(aFunction().accountId, 1);
  const first = await start();
  const second = await start();
  await claim();

  expect(await explain(second)).toMatchObject([
    { constraint: 'account-concurrency', capacity: { limit: 1, held: 1, holders: [first] } },
  ]);
});

test('a run whose event lies in the future', async () => {
  const { start, explain } = await startPlay(a({ timeouts: { startMs: 5_000 } }));
  const run = await start({}, TEST_START_AT + 60_000);

  expect(await explain(run)).toMatchObject([
    { constraint: 'start-time', until: TEST_START_AT + 60_000, text: 'it starts at 2030-01-01T00:01:00.000Z' },
  ]);
});

test('a step that failed and waits to be tried again', async () => {
  const { cell, start, claim, explain } = await startPlay(a({}));
  const run = await start();
  const [job] = await claim();
  await cell.retry({
    lease: { jobId: job?.jobId ?? '', token: job?.token ?? '' },
    notBefore: TEST_START_AT + 30_000,
    reason: 'failure',
  });

  expect(await explain(run)).toMatchObject([
    { job: { attempt: 1 }, constraint: 'backoff', until: TEST_START_AT + 30_000 },
  ]);
});

test('steps in parallel that sleep and wait for an event', async () => {
  const { cell, start, claim, explain } = await startPlay(a({ timeouts: { finishMs: 3_600_000 } }));
  const runId = await start();
  const [job] = await claim();
  const plans: StepPlan[] = [
    { kind: 'sleep', hash: 'h1', isRace: false, wakeAt: TEST_START_AT + 1_000 },
    {
      kind: 'wait',
      hash: 'h2',
      isRace: false,
      pause: { pauseId: `${runId}.h2`, kind: 'wait', event: 'a/b', expiresAt: TEST_START_AT + 2_000 },
    },
  ];
  await cell.advance({
    runId,
    lease: { jobId: job?.jobId ?? '', token: job?.token ?? '' },
    saves: [],
    plans,
    isParallel: true,
    discover: false,
    attemptsMax: 1,
    limits: { stepsMax: 100, stateBytesMax: 1_000 },
  });

  const waits = (await explain(runId)).toSorted((x, y) => (x.job.target < y.job.target ? -1 : 1));
  expect(waits.map(({ job: { target }, constraint, until }) => [target, constraint, until])).toEqual([
    ['h1', 'sleep', TEST_START_AT + 1_000],
    ['h2', 'wait', TEST_START_AT + 2_000],
  ]);
});
