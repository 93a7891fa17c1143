import type { JsonObject } from '@perdure/domain';
import { expect, test } from 'vitest';

import { startCluster } from '../harness/cluster.ts';
import { listenByEvents, listenBySocket } from '../harness/live-listener.ts';
import { until } from '../harness/poll.ts';
import { ServerApi } from '../harness/server-api.ts';

const TOPICS = [{ channel: 'c', name: 't', kind: 'run' }];
/** A process that stops waits for nothing but these connections. */
const STOP_MS_MAX = 10_000;

test(
  '[P102][H37] what is published at one api process reaches who listens at another, also after NATS was away',
  { timeout: 120_000 },
  async (ctx) => {
    const cluster = await startCluster(ctx, { runners: 1, executors: 1 });
    const other = await cluster.addApi();
    const { body } = await cluster.api.request('POST', '/v1/realtime/token', { body: TOPICS });
    const { jwt } = body as { jwt: string };
    const { frames } = await listenBySocket(ctx, other.url, jwt);
    const { received } = await listenByEvents(ctx, other.url, jwt);
    const publish = async (at: ServerApi, text: string): Promise<void> => {
      const answer = await at.request('POST', '/v1/realtime/publish?channel=c&topic=t', { body: text });
      expect(answer.status).toBe(200);
    };
    const got = (data: unknown) => frames.find((frame) => frame['data'] === data);

    // The same one twice: each counts.
    const large = 'x'.repeat(512 * 1024);
    for (const text of ['same', 'same', large]) await publish(cluster.api, text);
    await until('the large one', () => got(large));
    await publish(new ServerApi(() => other.url), 'last');
    await until('the last one', () => (received.text.includes('"last"') ? got('last') : undefined));
    expect(frames.map(({ data }) => (data as string).slice(0, 4))).toEqual(['same', 'same', 'xxxx', 'last']);
    const env = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
    expect(frames[0]).toMatchObject({ kind: 'data', channel: 'c', topic: 't', env_id: env });
    const events = received.text.split('\n\n').filter((event) => event.startsWith('data: '));
    expect(events.map((event) => JSON.parse(event.slice('data: '.length)) as JsonObject)).toEqual(frames);

    await cluster.services.nats.kill();
    await publish(cluster.api, 'while NATS is away');
    await cluster.services.nats.start();
    await until(
      'messages again',
      async () => {
        await publish(cluster.api, 'back');
        return got('back');
      },
      { waitMs: 60_000 },
    );
  },
);

test('an api process that is stopped says so to who listens, and ends', { timeout: 120_000 }, async (ctx) => {
  const cluster = await startCluster(ctx, { runners: 1, executors: 1 });
  const other = await cluster.addApi();
  const { body } = await cluster.api.request('POST', '/v1/realtime/token', { body: TOPICS });
  const { jwt } = body as { jwt: string };
  const { frames, closed } = await listenBySocket(ctx, other.url, jwt);
  const { received, ended } = await listenByEvents(ctx, other.url, jwt);
  const startedAt = performance.now();

  const code = await other.terminate();

  expect(code).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(STOP_MS_MAX);
  expect(await closed).toMatchObject({ code: 1001, reason: 'the server is stopping' });
  await ended;
  expect(frames).toMatchObject([{ kind: 'closing' }]);
  expect(received.text.endsWith(': closed, the server is stopping\n\n')).toBe(true);
});
