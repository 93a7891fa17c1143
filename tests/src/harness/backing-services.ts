import { randomUUID } from 'node:crypto';

import { startPrivateService, type ServiceName, type ServiceUnavailable } from '@perdure/testing/services';
import { findSharedService } from '@perdure/testing/services/vitest';
import pg from 'pg';

/** Where a server finds the services that it stands on; nobody else uses them. */
export interface BackingServices {
  readonly natsUrl: string;
  readonly redisUrl: string;
  readonly postgresUrl: string;
  stop(): Promise<void>;
}

const NAMES: readonly ServiceName[] = ['nats', 'redis', 'postgres'];

/** An empty Redis and an empty NATS of one's own, and a fresh database of the Postgres that all tests share. */
export async function startBackingServices(): Promise<BackingServices> {
  const [nats, redis, database] = await Promise.all([
    startPrivateService('nats').then(asStarted),
    startPrivateService('redis').then(asStarted),
    createDatabase(),
  ]);
  return {
    natsUrl: nats.url,
    redisUrl: redis.url,
    postgresUrl: database.url,
    stop: async () => {
      await Promise.all([nats.stop(), redis.stop(), database.drop()]);
    },
  };
}

/** Why tests on real services cannot run here; undefined when they can. Starts what all tests share. */
export async function servicesObstacle(): Promise<string | undefined> {
  const services = await Promise.all(NAMES.map(async (name) => ({ name, ...(await findSharedService(name)) })));
  const missing = services.filter((service) => service.kind === 'unavailable');
  return missing.length === 0 ? undefined : missing.map(({ name, reason }) => `no ${name}: ${reason}`).join('; ');
}

/** A fresh database of the shared Postgres. */
export async function createDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const { url } = asStarted(await findSharedService('postgres'));
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await execute(url, `CREATE DATABASE ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return { url: own.href, drop: () => execute(url, `DROP DATABASE ${name} WITH (FORCE)`) };
}

export function asStarted<T extends { kind: 'started' }>(service: T | ServiceUnavailable): T {
  if (service.kind === 'unavailable') throw new Error(`a service is missing: ${service.reason}`);
  return service;
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
