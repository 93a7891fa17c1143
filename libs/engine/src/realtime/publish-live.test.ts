import { type Bus } from '@perdure/bus';
import { openEmbeddedBus } from '@perdure/bus/drivers';
import { DEFAULT_ENV_ID, type JsonObject } from '@perdure/domain';
import { testClock, testIds } from '@perdure/testing';
import { expect, onTestFinished, test } from 'vitest';
import type { Ports } from '../ports.ts';
import { publishLive, publishStream, relayStream } from './publish-live.ts';
import { type LiveDelivery, RealtimeHub } from './realtime-hub.ts';

const TARGET = { channel: 'c', topics: ['t'] };
const KB = 1_024;

function aProcess(): { ports: Ports; hub: RealtimeHub; errors: unknown[] } {
  const errors: unknown[] = [];
  const bus: Bus = openEmbeddedBus({ onError: (error) => errors.push(error) });
  onTestFinished(() => bus.close());
  const ports = { bus, clock: testClock(), ids: testIds() } as unknown as Ports;
  return { ports, hub: new RealtimeHub(bus), errors };
}

function listenTo(hub: RealtimeHub, name: string, channel = 'c') {
  const deliveries: LiveDelivery[] = [];
  const leave = hub.listen({ envId: DEFAULT_ENV_ID, channel, name }, (delivery) => deliveries.push(delivery));
  return { deliveries, leave, frames: () => deliveries.map(({ frame }) => JSON.parse(frame) as JsonObject) };
}

/** Bytes, and then an end: by itself or not. */
async function* source(parts: (string | Uint8Array)[], end?: Error): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part as string);
  if (end !== undefined) throw end;
}

test('a message reaches who listens to one of its topics, each topic once, and nobody else', async () => {
  const { ports, hub } = aProcess();
  const [first, second, other, elsewhere] = [
    listenTo(hub, 'a'),
    listenTo(hub, 'b'),
    listenTo(hub, 'x'),
    listenTo(hub, 'a', 'elsewhere'),
  ];

  publishLive(ports, { channel: 'c', topics: ['a', 'b'], runId: 'r' }, '{"n":1}');
  await Promise.resolve();

  expect(first.frames()).toMatchObject([{ kind: 'data', topic: 'a', data: { n: 1 }, run_id: 'r' }]);
  expect(second.frames()).toMatchObject([{ kind: 'data', topic: 'b', data: { n: 1 }, run_id: 'r' }]);
  expect([other.frames(), elsewhere.frames()]).toEqual([[], []]);
});

test('who leaves, and who listens at a hub that is closed, is told nothing', async () => {
  const { ports, hub } = aProcess();
  const [leaver, stayer] = [listenTo(hub, 't'), listenTo(hub, 't')];

  leaver.leave();
  leaver.leave();
  publishLive(ports, TARGET, '1');
  await Promise.resolve();
  hub.close();
  hub.close();
  publishLive(ports, TARGET, '2');
  await Promise.resolve();

  expect([leaver.frames().length, stayer.frames().length]).toEqual([0, 1]);
});

test('a listener that throws is reported and keeps the next message from nobody', async () => {
  const { ports, hub, errors } = aProcess();
  const leave = hub.listen({ envId: DEFAULT_ENV_ID, channel: 'c', name: 't' }, () => {
    throw new Error('listener broke');
  });

  publishLive(ports, TARGET, '1');
  await Promise.resolve();
  leave();
  const { frames } = listenTo(hub, 't');
  publishLive(ports, TARGET, '2');
  await Promise.resolve();

  expect(errors).toEqual([new Error('listener broke')]);
  expect(frames()).toMatchObject([{ data: 2 }]);
});

test('a message over 512 KiB is refused and shown to nobody', async () => {
  const { ports, hub } = aProcess();
  const { frames } = listenTo(hub, 't');

  expect(publishLive(ports, TARGET, 'ä'.repeat(256 * KB))).toBe('published');
  expect(publishLive(ports, TARGET, `${'ä'.repeat(256 * KB)}x`)).toBe('too-large');
  await Promise.resolve();

  expect(frames()).toHaveLength(1);
});

test('a stream whose sender breaks off is ended all the same', async () => {
  const { ports, hub } = aProcess();
  const { frames } = listenTo(hub, 't');

  expect(await publishStream(ports, TARGET, source(['half'], new Error('aborted')))).toBe('broken');

  expect(frames()).toMatchObject([
    { kind: 'datastream-start' },
    { kind: 'chunk', data: 'half' },
    { kind: 'datastream-end' },
  ]);
});

test('of a stream a thousand chunks of 1 KiB are passed on; characters that come in parts are whole', async () => {
  const { ports, hub } = aProcess();
  const { frames } = listenTo(hub, 't');
  const euro = Buffer.from('€');

  expect(
    await publishStream(ports, TARGET, source([euro.subarray(0, 1), euro.subarray(1), 'x'.repeat(998 * KB)])),
  ).toBe('published');
  expect(await publishStream(ports, TARGET, source(['x'.repeat(1_000 * KB), 'x']))).toBe('too-large');
  await Promise.resolve();

  const chunks = frames().filter(({ kind }) => kind === 'chunk');
  expect(chunks).toHaveLength(1 + 998 + 1_000);
  expect(chunks[0]).toMatchObject({ data: '€' });
  expect(frames().at(-1)).toMatchObject({ kind: 'datastream-end' });
});

test('what is relayed arrives as it is, up to 1 MiB', async () => {
  const { ports, hub } = aProcess();
  const { deliveries } = listenTo(hub, 't');
  const echo: string[] = [];

  const outcome = await relayStream(ports, TARGET, source(['event: a\n', 'data: "ä"\n\n']), (text) => echo.push(text));
  expect(outcome).toBe('published');
  expect(await relayStream(ports, TARGET, source(['x'.repeat(1_024 * KB), 'x']), () => undefined)).toBe('too-large');
  await Promise.resolve();

  expect(deliveries.slice(0, 2).map(({ relayed }) => relayed)).toEqual(['event: a\n', 'data: "ä"\n\n']);
  expect(echo.join('')).toBe('event: a\ndata: "ä"\n\n');
  // Parts that fit into one message between processes.
  expect(deliveries.slice(2).map(({ relayed }) => relayed?.length)).toEqual([512 * KB, 512 * KB]);
});
