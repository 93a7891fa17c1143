import { describePostgres, describeRedis, describeStream } from '@perdure/boot';
import type { Config, HistoryConfig, StoreConfig, StreamConfig } from '@perdure/config';
import { attempt, type Check } from './check.ts';
import { judgePostgres, judgeRedis, judgeStream } from './judge-services.ts';

/** Longer than their own patience. */
const TIMEOUT_MS = 20_000;

/** Asks each service that the config names for itself; changes nothing in it. */
export async function checkServices({ stream, store, history }: Config): Promise<Check[]> {
  const checks = await Promise.all([
    stream.driver === 'jetstream' ? checkStream(stream) : [],
    store.driver === 'redis' ? checkRedis(store) : [],
    history.driver === 'postgres' ? checkPostgres(history) : [],
  ]);
  return checks.flat();
}

function checkStream({ servers, replicas }: Extract<StreamConfig, { driver: 'jetstream' }>): Promise<Check[]> {
  return attempt('NATS', TIMEOUT_MS, async () => judgeStream(await describeStream({ servers }), { replicas }));
}

function checkRedis({ url }: Extract<StoreConfig, { driver: 'redis' }>): Promise<Check[]> {
  return attempt('Redis', TIMEOUT_MS, async () => (await describeRedis({ url })).flatMap(judgeRedis));
}

function checkPostgres({ url }: Extract<HistoryConfig, { driver: 'postgres' }>): Promise<Check[]> {
  return attempt('Postgres', TIMEOUT_MS, async () => judgePostgres(await describePostgres({ url })));
}
