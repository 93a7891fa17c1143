import { randomUUID } from 'node:crypto';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startTcpProxy, type TcpProxy } from '@perdure/testing';
import { startMortalService } from '@perdure/testing/services';
import { describeWithService } from '@perdure/testing/services/vitest';
import { expect, onTestFinished, test } from 'vitest';

import { describeBus } from '../../bus.contract.ts';
import type { Bus, LiveUpdate } from '../../bus.ts';
import { openNatsBus, type NatsBusOptions, type NatsBusStatus } from './nats-bus.ts';

const SOON = { timeout: 25_000, interval: 20 };

/** One process's bus, closed when the test ends, and what it told. */
async function aBus(options: Partial<NatsBusOptions> & { servers: string[] }) {
  const errors: unknown[] = [];
  const statuses: NatsBusStatus[] = [];
  const bus = await openNatsBus({
    onError: (error) => errors.push(error),
    onStatus: (status) => statuses.push(status),
    ...options,
  });
  onTestFinished(() => bus.close());
  return { bus, errors, statuses, state: () => statuses.at(-1)?.kind };
}

async function aProxy(to: string): Promise<TcpProxy> {
  const proxy = await startTcpProxy({ to });
  onTestFinished(() => proxy.stop());
  return proxy;
}

/** Resolves when hints of the one bus reach the other: the server has taken its subscription. */
async function heard(from: Bus, to: Bus): Promise<void> {
  let isHeard = false;
  const leave = to.subscribe('outbox-filled', () => (isHeard = true));
  await expect
    .poll(() => {
      from.publish('outbox-filled', { cell: 999 });
      return isHeard;
    }, SOON)
    .toBe(true);
  leave();
}

describeWithService('nats', 'bus', ({ url }) => {
  const subjectPrefix = (): string => `hints-${randomUUID()}`;

  describeBus('nats', (onError) => openNatsBus({ servers: [url], subjectPrefix: subjectPrefix(), onError }));

  /** Two processes that hear each other, the second one through a proxy. */
  async function twoProcesses() {
    const prefix = subjectPrefix();
    const proxy = await aProxy(url);
    const here = await aBus({ servers: [url], subjectPrefix: prefix });
    const there = await aBus({ servers: [proxy.through(url)], subjectPrefix: prefix });
    return { here, there, proxy, prefix };
  }

  /** Every message of a prefix as the server passes it on. */
  async function aWiretap(prefix: string): Promise<{ messages: string[]; nats: NatsConnection }> {
    const nats = await connect({ servers: url.replace('nats://', '') });
    onTestFinished(() => nats.close());
    const messages: string[] = [];
    nats.subscribe(`${prefix}.>`, {
      callback: (_error, message) =>
        void messages.push(`${message.subject.slice(prefix.length + 1)} ${message.string()}`),
    });
    await nats.flush();
    return { messages, nats };
  }

  test('hints reach other processes, each one once, and those of the same process once', async () => {
    const { here, there } = await twoProcesses();
    await heard(here.bus, there.bus);
    await heard(there.bus, here.bus);
    const received: string[] = [];
    here.bus.subscribe('jobs-ready', ({ cell }) => received.push(`here ${cell}`));
    there.bus.subscribe('jobs-ready', ({ cell }) => received.push(`there ${cell}`));
    there.bus.subscribe('functions-changed', (message) => received.push(`there ${JSON.stringify(message)}`));
    await heard(here.bus, there.bus);

    here.bus.publish('jobs-ready', { cell: 5 });
    here.bus.publish('functions-changed', {});
    await heard(here.bus, there.bus);

    expect(received.toSorted()).toEqual(['here 5', 'there 5', 'there {}']);
  });

  test('live updates reach other processes whole and in order, also those that are alike', async () => {
    const { here, there } = await twoProcesses();
    const received: LiveUpdate[] = [];
    there.bus.subscribe('realtime', (update) => received.push(update));
    await heard(here.bus, there.bus);
    const large = { head: '{}', body: `\n${'ä'.repeat(256 * 1024)}` };
    const small = { head: '{"channel":"c"}', body: '1' };
    const updates = Array.from({ length: 40 }, (_, index) => (index % 3 === 0 ? large : small));

    for (const update of updates) here.bus.publish('realtime', update);
    await expect.poll(() => received.length, SOON).toBe(updates.length);

    expect(received).toEqual(updates);
    expect([...here.errors, ...there.errors]).toEqual([]);
  });

  test('live updates that many wait for an absent server are dropped, which is told once; the first ones come', async () => {
    const { here, there, proxy } = await twoProcesses();
    const received: string[] = [];
    here.bus.subscribe('realtime', ({ head }) => received.push(head));
    await heard(there.bus, here.bus);
    await proxy.refuse();
    await expect.poll(there.state, SOON).toBe('disconnected');
    const body = 'x'.repeat(1024 * 1024 - 10);

    for (let count = 0; count < 20; count++) there.bus.publish('realtime', { head: String(count), body });
    await proxy.heal();
    await expect.poll(() => received.length, SOON).toBe(8);
    await heard(there.bus, here.bus);

    expect(received).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    expect(there.errors).toMatchObject([{ message: expect.stringContaining('dropped') }]);
  });

  test('other prefixes are not heard', async () => {
    const one = await aBus({ servers: [url], subjectPrefix: subjectPrefix() });
    const two = await aBus({ servers: [url], subjectPrefix: subjectPrefix() });
    const received: number[] = [];
    two.bus.subscribe('jobs-ready', ({ cell }) => received.push(cell));
    const { messages, nats } = await aWiretap('*');

    one.bus.publish('jobs-ready', { cell: 1 });
    await expect.poll(() => messages.length, SOON).toBeGreaterThan(0);
    await nats.flush();

    expect(received).toEqual([]);
  });

  test('a flood within one turn of the event loop is one message for each different hint', async () => {
    const prefix = subjectPrefix();
    const { messages, nats } = await aWiretap(prefix);
    const { bus } = await aBus({ servers: [url], subjectPrefix: prefix });
    const received: number[] = [];
    bus.subscribe('jobs-ready', ({ cell }) => received.push(cell));

    for (let count = 0; count < 1_000; count++) bus.publish('jobs-ready', { cell: count % 2 });
    await Promise.resolve();
    for (let count = 0; count < 1_000; count++) bus.publish('jobs-ready', { cell: count % 2 });
    await expect.poll(() => messages.length, SOON).toBeGreaterThan(1);
    await nats.flush();

    expect(messages).toEqual(['jobs-ready {"cell":0}', 'jobs-ready {"cell":1}']);
    expect(received).toHaveLength(2_000);
  });

  test('what another process says and this one does not understand is reported, and nobody is called', async () => {
    const { here, prefix } = await twoProcesses();
    const received: unknown[] = [];
    here.bus.subscribe('jobs-ready', (message) => received.push(message));
    const { nats } = await aWiretap(prefix);

    await expect
      .poll(() => {
        nats.publish(`${prefix}.jobs-ready`, '{"cell":"first"}');
        return here.errors.length;
      }, SOON)
      .toBeGreaterThan(0);

    expect(here.errors[0]).toMatchObject({ message: 'a hint names no cell' });
    expect(received).toEqual([]);
  });

  test('a connection that was cut is made again, and receivers are told that hints may have been lost', async () => {
    const { here, there, proxy } = await twoProcesses();
    let gaps = 0;
    there.bus.onGap(() => gaps++);
    here.bus.onGap(() => (gaps += 100));
    await heard(here.bus, there.bus);

    await proxy.refuse();
    await expect.poll(there.state, SOON).toBe('disconnected');
    expect(gaps).toBe(0);
    await proxy.heal();
    await expect.poll(() => gaps, SOON).toBe(1);

    // The subscription was taken before the gap was told: the first hint after it arrives.
    const received: number[] = [];
    there.bus.subscribe('outbox-filled', ({ cell }) => received.push(cell));
    here.bus.publish('outbox-filled', { cell: 8 });
    await expect.poll(() => received, SOON).toEqual([8]);
    expect(there.statuses.map(({ kind }) => kind)).toEqual(['connected', 'disconnected', 'connected']);
    expect(gaps).toBe(1);
  });

  test('while the server is away, receivers in the process are called, and hints to others wait, each one once', async () => {
    const { there, proxy, prefix } = await twoProcesses();
    const { messages } = await aWiretap(prefix);
    const received: number[] = [];
    there.bus.subscribe('jobs-ready', ({ cell }) => received.push(cell));
    await proxy.refuse();
    await expect.poll(there.state, SOON).toBe('disconnected');

    for (let turn = 0; turn < 50; turn++) {
      there.bus.publish('jobs-ready', { cell: turn % 3 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(received).toHaveLength(50);
    expect(messages).toEqual([]);

    await proxy.heal();
    await expect.poll(() => messages.length, SOON).toBe(3);
    expect(messages.toSorted()).toEqual([0, 1, 2].map((cell) => `jobs-ready {"cell":${cell}}`));
  });

  test('a server that is only half there is given up, and little is held for it meanwhile', async () => {
    const { here, there, proxy, prefix } = await twoProcesses();
    const { messages } = await aWiretap(prefix);
    await heard(here.bus, there.bus);
    let gaps = 0;
    there.bus.onGap(() => gaps++);
    proxy.halfOpen();
    messages.length = 0;

    let hints = 0;
    while (there.state() === 'connected') {
      for (let cell = 0; cell < 100; cell++) there.bus.publish('jobs-ready', { cell });
      hints += 100;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await proxy.heal();
    await expect.poll(() => gaps, SOON).toBe(1);
    await heard(there.bus, here.bus);

    expect(hints).toBeGreaterThan(10_000);
    // What was sent before the server was given up, and what waited afterwards.
    expect(messages.filter((message) => message.startsWith('jobs-ready')).length).toBeLessThan(1_024 + 100 + 1);
  });

  test('a bus whose server is away opens and says so; when the server comes, it is connected and tells of a gap', async () => {
    const proxy = await aProxy(url);
    await proxy.refuse();
    const prefix = subjectPrefix();
    const { bus, statuses } = await aBus({ servers: [proxy.through(url)], subjectPrefix: prefix });
    let gaps = 0;
    bus.onGap(() => gaps++);
    const received: number[] = [];
    bus.subscribe('jobs-ready', ({ cell }) => received.push(cell));
    expect(statuses).toEqual([{ kind: 'disconnected', reason: expect.stringContaining('refused') }]);

    await proxy.heal();
    await expect.poll(() => gaps, SOON).toBe(1);

    const other = await aBus({ servers: [url], subjectPrefix: prefix });
    other.bus.publish('jobs-ready', { cell: 4 });
    await expect.poll(() => received, SOON).toEqual([4]);
    expect(statuses.map(({ kind }) => kind)).toEqual(['disconnected', 'connected']);
  });

  test('a gap receiver that throws is reported and stops no other, and one that left is not told', async () => {
    const { there, proxy } = await twoProcesses();
    const told: string[] = [];
    const leave = there.bus.onGap(() => told.push('left'));
    there.bus.onGap(() => {
      throw new Error('receiver broke');
    });
    there.bus.onGap(() => told.push('stayed'));
    leave();

    proxy.cut();
    await expect.poll(() => told, SOON).toEqual(['stayed']);

    expect(there.errors).toEqual([new Error('receiver broke')]);
  });
});

test('a server that is killed and started again finds its buses, and they each other', async () => {
  const nats = await startMortalService('nats');
  if (nats.kind === 'unavailable') throw new Error(nats.reason);
  onTestFinished(() => nats.stop());
  const one = await aBus({ servers: [nats.url] });
  const two = await aBus({ servers: [nats.url] });
  let gaps = 0;
  for (const { bus } of [one, two]) bus.onGap(() => gaps++);
  await heard(one.bus, two.bus);

  await nats.kill();
  await expect.poll(() => [one.state(), two.state()], SOON).toEqual(['disconnected', 'disconnected']);
  await nats.start();
  await expect.poll(() => gaps, SOON).toBe(2);

  await heard(one.bus, two.bus);
  await heard(two.bus, one.bus);
});

test('a bus that was never connected closes at once', async () => {
  const { bus, statuses } = await aBus({ servers: ['nats://127.0.0.1:1'] });

  await bus.close();
  await bus.close();

  expect(statuses).toMatchObject([{ kind: 'disconnected' }]);
});

test('a server that is no URL is refused', async () => {
  const opening = openNatsBus({ servers: ['nats://host:port'], onError: () => {} });

  await expect(opening).rejects.toMatchObject({ code: 'BUS_SERVERS_INVALID' });
});
