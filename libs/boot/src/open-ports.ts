import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import type { Bus } from '@perdure/bus';
import { openEmbeddedBus } from '@perdure/bus/drivers';
import type { Config } from '@perdure/config';
import { assertNever, RUN_STATE_BYTES_MAX, STEPS_PER_RUN_DEFAULT } from '@perdure/domain';
import {
  CALL_TIMEOUT_MS,
  type EngineSettings,
  FunctionCatalog,
  functionLimits,
  LEASE_MS,
  type Ports,
} from '@perdure/engine';
import { openEmbeddedEventStream } from '@perdure/event-stream/drivers';
import { openPgliteHistory, openPostgresHistory } from '@perdure/history/drivers';
import { openHttpInvoker } from '@perdure/invoker/drivers';
import { systemIds } from '@perdure/protocol';
import { openEmbeddedStore } from '@perdure/store/drivers';
import type { Logger } from '@perdure/telemetry';
import { systemClock } from './system-clock.ts';

export interface OpenedPorts {
  ports: Ports;
  /** Closes all of them, the ones that others write to last. */
  close(): Promise<void>;
}

/** Opens the drivers that the config names. Every driver of the platform is named here and nowhere else. */
export async function openPorts(config: Config, log: Logger): Promise<OpenedPorts> {
  await mkdir(config.data.dir, { recursive: true });
  const opened: { close(): Promise<void> }[] = [];
  const keep = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
    const port = await opening;
    opened.push(port);
    return port;
  };
  const close = async (): Promise<void> => {
    for (const port of opened.splice(0).toReversed()) await port.close();
  };
  try {
    const ports = await openAll(config, log, keep);
    opened.push({ close: () => ports.catalog.stop() });
    await resume(ports);
    return { ports, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Keep = <T extends { close(): Promise<void> }>(opening: Promise<T>) => Promise<T>;

async function openAll(config: Config, log: Logger, keep: Keep): Promise<Ports> {
  const { dir } = config.data;
  const bus: Bus = openEmbeddedBus({ onError: (error) => log.error('a receiver of a hint failed', { error }) });
  const openings = [
    keep(openHistory(config, log)),
    keep(openEmbeddedEventStream({ path: join(dir, 'stream'), clock: systemClock })),
    keep(openEmbeddedStore({ path: join(dir, 'store'), clock: systemClock })),
    keep(Promise.resolve(openHttpInvoker({ now: () => systemClock.now() }))),
  ] as const;
  // Settled first: what opens after another failed is kept too, and so closed again.
  await Promise.allSettled(openings);
  const [database, stream, store, invoker] = await Promise.all(openings);
  const { history, registry } = database;
  const catalog = new FunctionCatalog({ registry, bus, log });
  const settings = engineSettings(config);
  return { clock: systemClock, ids: systemIds, stream, store, history, registry, invoker, bus, log, catalog, settings };
}

function openHistory(config: Config, log: Logger) {
  const { history } = config;
  switch (history.driver) {
    case 'pglite':
      return openPgliteHistory({ path: join(config.data.dir, 'history') });
    case 'postgres':
      return openPostgresHistory({
        url: history.url,
        poolMax: history.poolMax,
        onConnectionLost: (error) => log.warn('a connection to Postgres was lost', { error }),
      });
    default:
      return assertNever(history);
  }
}

/** Takes over from the process before: its leases are void, and the store gets the limits of all functions. */
async function resume(ports: Ports): Promise<void> {
  await ports.catalog.start();
  const expired = await ports.store.expireLeases();
  if (expired > 0) ports.log.info('jobs of the process before go on', { jobs: expired });
  await Promise.all(ports.catalog.index.active().map((fn) => ports.store.setFunction(functionLimits(fn))));
}

function engineSettings({ mode, auth, executor, limits }: Config): EngineSettings {
  return {
    serverKind: mode === 'dev' ? 'dev' : 'cloud',
    signingKeys: auth.signingKeys,
    eventKeys: auth.eventKeys,
    eventBytesMax: limits.eventBytesMax,
    stepsMax: STEPS_PER_RUN_DEFAULT,
    stateBytesMax: RUN_STATE_BYTES_MAX,
    executorConcurrency: executor.concurrency,
    leaseMs: LEASE_MS,
    callTimeoutMs: CALL_TIMEOUT_MS,
    backoff: executor.retryIntervalMs === undefined ? {} : { fixedMs: executor.retryIntervalMs },
    retentionMs: limits.retentionMs,
  };
}
