import { startPrivateRedis } from '@perdure/testing/services';
import { describeWithService } from '@perdure/testing/services/vitest';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';

import { describeRedis } from './describe-redis.ts';

describeWithService('redis', 'the description of a server', () => {
  /** A server that the test may configure. */
  async function aServer(): Promise<{ url: string; admin: Redis }> {
    const server = await startPrivateRedis();
    if (server.kind !== 'started') throw new Error(server.reason);
    const admin = new Redis(server.url);
    onTestFinished(async () => {
      admin.disconnect();
      await server.stop();
    });
    return { url: server.url, admin };
  }

  test('says what decides whether data is safe there', async () => {
    const { url, admin } = await aServer();
    await admin.config('SET', 'appendonly', 'yes', 'appendfsync', 'always', 'maxmemory', '100mb');

    const [described, ...others] = await describeRedis({ url });

    expect(others).toEqual([]);
    expect(described).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+/),
      maxmemoryPolicy: 'noeviction',
      memoryBytesMax: 100 * 1024 * 1024,
      replicas: 0,
      appendOnlyFile: 'on',
      appendFsync: 'always',
    });
    expect(described?.memoryBytes).toBeGreaterThan(0);
    expect(Math.abs(described?.clockAheadMs ?? Infinity)).toBeLessThan(5_000);

    await admin.config('SET', 'appendonly', 'no');
    expect(await describeRedis({ url })).toMatchObject([{ appendOnlyFile: 'off' }]);
  });

  test('a server that may evict live state is refused, as by the store', async () => {
    const { url, admin } = await aServer();
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');

    await expect(describeRedis({ url })).rejects.toMatchObject({ code: 'STORE_EVICTS' });
  });

  test('a server whose configuration nobody may read is described without it', async () => {
    const { url, admin } = await aServer();
    await admin.call('ACL', 'SETUSER', 'rented', 'on', '>pw', '~*', '+@all', '-config');

    const [described] = await describeRedis({ url: url.replace('redis://', 'redis://rented:pw@') });

    expect(described).toMatchObject({ maxmemoryPolicy: 'noeviction' });
    expect(described).not.toHaveProperty('appendFsync');
  });
});
