import type { Ports } from '@perdure/engine';
import type { DeadLetter } from '@perdure/event-stream';
import { expect, test } from 'vitest';
import { checkPorts } from './check-ports.ts';

const letter = { seq: 1, id: '01ABC', topic: 'events', body: '{}', deliveryCount: 15 } as const;

interface Deployment {
  lag?: number | Error;
  deadLetters?: DeadLetter[];
  outbox?: number;
  /** What each page of the audit of the second cell finds. */
  broken?: string[][];
  runs?: number;
  keys?: Record<string, unknown>;
}

/** Ports as far as the doctor looks at them. */
function portsOf({ lag = 0, deadLetters = [], outbox = 0, broken = [], runs = 3, keys = {} }: Deployment): Ports {
  const counts = { runs, delayed: 1, ready: 2, leased: 1, parkedLanes: 0, pauses: 4, outbox };
  return {
    stream: {
      lag: async () => {
        if (lag instanceof Error) throw lag;
        return lag;
      },
      readDeadLetters: async (group: string) => (group === 'runner' ? deadLetters : []),
    },
    store: {
      cells: [
        { dump: async () => ({}), audit: async () => ({ problems: [] }) },
        { dump: async () => keys, audit: (args: { cursor?: string }) => auditPage(broken, Number(args.cursor ?? 0)) },
      ],
      counts: async () => counts,
    },
    catalog: { index: { active: () => [{}, {}] } },
  } as unknown as Ports;
}

async function auditPage(pages: string[][], at: number): Promise<{ problems: string[]; cursor?: string }> {
  const problems = pages[at] ?? [];
  return at + 1 < pages.length ? { problems, cursor: String(at + 1) } : { problems };
}

async function found(
  deployment: Deployment,
  isDeep = false,
  tell: (line: string) => void = () => {},
): Promise<Record<string, string>> {
  const checks = await checkPorts(portsOf(deployment), { isDeep, tell });
  return Object.fromEntries(checks.map(({ name, status, message }) => [name, `${status}: ${message}`]));
}

test('a deployment in order', async () => {
  expect(await found({}, true)).toEqual({
    'events for the runner': 'ok: 0 wait',
    'dead letters of the runner': 'ok: none',
    'events for the recorder': 'ok: 0 wait',
    'dead letters of the recorder': 'ok: none',
    queue: 'ok: 3 runs: 1 steps at work, 2 ready, 1 for later, 4 waits',
    outbox: 'ok: 0 entries wait to be drained',
    functions: 'ok: 2 registered',
    invariants: 'ok: all hold',
    leftovers: 'ok: not looked for while there are runs',
  });
});

test('backlogs are worth a look', async () => {
  expect(await found({ lag: 10_001, outbox: 10_001 })).toMatchObject({
    'events for the runner': expect.stringMatching(/^warning: 10001 wait: /),
    outbox: expect.stringMatching(/^warning: 10001 entries wait/),
  });
});

test('what was given up on is a problem, with the reason of the oldest', async () => {
  const at = Date.parse('2026-11-21T04:00:00Z');
  const deadLetters = [{ ...letter, appendedAt: at, reason: 'no such thing' }];

  expect(await found({ deadLetters })).toMatchObject({
    'dead letters of the runner':
      'problem: 1 given up on; the oldest is 01ABC of 2026-11-21T04:00:00.000Z: no such thing',
  });
  expect(await found({ deadLetters: Array.from({ length: 11 }, () => deadLetters[0] as DeadLetter) })).toMatchObject({
    'dead letters of the runner': expect.stringMatching(/^problem: more than 10 given up on/),
  });
});

test('broken invariants are looked for with --deep only', async () => {
  const broken = [['a job without a run'], [], ['a job without a run', 'a full lane']];
  const told: string[] = [];

  expect(await found({ broken }, true, (line) => told.push(line))).toMatchObject({
    invariants: 'problem: 2 are broken: cell 1: a job without a run; cell 1: a full lane',
  });
  expect(told).toEqual([
    'cell 0: done after 1 looks',
    'cell 1: a job without a run',
    'cell 1: a full lane',
    'cell 1: done after 3 looks',
  ]);
  expect(await found({ broken })).not.toHaveProperty('invariants');
});

test('what is left when nothing runs is looked for with --deep only', async () => {
  const left = { runs: 0, keys: { 'run|01ABC': {}, 'fn|f': {} } };

  expect(await found({ runs: 0 }, true)).toMatchObject({ leftovers: 'ok: none' });
  expect(await found(left, true)).toMatchObject({ leftovers: 'problem: 1 keys of runs that are gone: run|01ABC' });
  expect(await found(left)).not.toHaveProperty('leftovers');
});

test('a port that fails is a problem of its own, and the others are still looked at', async () => {
  expect(await found({ lag: new Error('the stream is gone') })).toMatchObject({
    'events for the runner': 'problem: the stream is gone',
    outbox: 'ok: 0 entries wait to be drained',
  });
});
