import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedEventStream } from '@perdure/event-stream/drivers';
import type { OpMetadata } from '@perdure/protocol';
import { recordingLogger } from '@perdure/telemetry';
import { testClock } from '@perdure/testing';
import { expect, test } from 'vitest';
import { parseRecords } from '../history/record-messages.ts';
import type { Ports } from '../ports.ts';
import { noteMetadata } from './note-metadata.ts';

const ITEMS: OpMetadata[] = [
  { kind: 'userland.default', op: 'set', values: { k: 1 }, target: { step_id: 's' }, isOfAttempt: true },
  { kind: 'inngest.score', op: 'merge', values: {}, target: {}, isOfAttempt: false },
];

test('what is said about steps reaches history through the stream, in order, and once for a repeat', async (ctx) => {
  const path = await mkdtemp(join(tmpdir(), 'perdure-metadata-'));
  ctx.onTestFinished(() => rm(path, { recursive: true, force: true }));
  const clock = testClock();
  const stream = await openEmbeddedEventStream({ path, clock });
  ctx.onTestFinished(() => stream.close());
  const ports = { stream, clock, log: recordingLogger() } as unknown as Ports;
  const answer = { runId: 'run-1', source: 'job:1', attempt: 2 };

  await noteMetadata(ports, answer, ITEMS);
  await noteMetadata(ports, answer, ITEMS);

  const messages = await stream.pull('recorder', 10, AbortSignal.timeout(10_000));
  expect(messages).toHaveLength(1);
  const { metadata = [] } = parseRecords(messages[0]?.body ?? '');
  expect(metadata).toMatchObject([
    {
      runId: 'run-1',
      kind: 'userland.default',
      op: 'set',
      values: { k: 1 },
      target: { step_id: 's', step_attempt: 2 },
    },
    { runId: 'run-1', kind: 'inngest.score', op: 'merge', values: {}, target: {} },
  ]);
  expect(metadata.map(({ id }) => id)).toEqual(metadata.map(({ id }) => id).toSorted());
});

test('a stream that is away holds no step back: the metadata is dropped with a warning', async () => {
  const log = recordingLogger();
  const stream = { append: () => Promise.reject(new Error('away')) };
  const ports = { stream, clock: testClock(), log } as unknown as Ports;

  await noteMetadata(ports, { runId: 'run-1', source: 'job:1' }, ITEMS);

  expect(log.lines).toMatchObject([{ level: 'warn', message: 'metadata of a run was dropped' }]);
});
