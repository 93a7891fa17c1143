import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import type { Bus } from '@perdure/bus';
import { openEmbeddedBus, openNatsBus } from '@perdure/bus/drivers';
import type { Config } from '@perdure/config';
import { assertNever, RUN_STATE_BYTES_MAX, STEPS_PER_RUN_DEFAULT } from '@perdure/domain';
import { CALL_TIMEOUT_MS, type EngineSettings, FunctionCatalog, LEASE_MS, type Ports } from '@perdure/engine';
import type { EventStream } from '@perdure/event-stream';
import { openEmbeddedEventStream, openJetStreamEventStream } from '@perdure/event-stream/drivers';
import { openPgliteHistory, openPostgresHistory } from '@perdure/history/drivers';
import { openHttpEgress, openHttpInvoker } from '@perdure/invoker/drivers';
import { systemIds } from '@perdure/protocol';
import { routeCells, type Store, type StoreCells } from '@perdure/store';
import { openEmbeddedStore, openRedisCells } from '@perdure/store/drivers';
import { type Logger, measurePort, openTelemetry, type Telemetry } from '@perdure/telemetry';
import type { RoleConfig } from './role/role.ts';
import { systemClock } from './system-clock.ts';

export interface OpenedPorts {
  ports: Ports;
  /** Closes all of them, the ones that others write to last. */
  close(): Promise<void>;
}

/** Opens the drivers that the config names. Every driver of the platform is named here and nowhere else. */
export async function openPorts(config: RoleConfig, log: Logger): Promise<OpenedPorts> {
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
    await ports.catalog.start();
    return { ports, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Keep = <T extends { close(): Promise<void> }>(opening: Promise<T>) => Promise<T>;

async function openAll(config: RoleConfig, log: Logger, keep: Keep): Promise<Ports> {
  const { roles, version } = config;
  // Closed last: all that the others do is measured.
  const telemetry = await keep(openTelemetry({ roles, version, ...config.telemetry, log }));
  const { metrics } = telemetry;
  const openings = [
    keep(openHistory(config, log)),
    keep(openStream(config, log)),
    keep(openStore(config, log, telemetry)),
    keep(openBus(config, log)),
    keep(Promise.resolve(openHttpInvoker({ now: () => systemClock.now() }))),
    keep(Promise.resolve(openHttpEgress())),
  ] as const;
  // Settled first: what opens after another failed is kept too, and so closed again.
  await Promise.allSettled(openings);
  const [database, opened, store, bus, invoker, egress] = await Promise.all(openings);
  // Pulling waits for something to come.
  const stream = measurePort(opened, { name: 'stream', metrics, except: ['pull'] });
  const history = measurePort(database.history, { name: 'history', metrics });
  const { registry, sweeps } = database;
  bus.onGap(() => metrics.busGaps.add(1));
  const catalog = new FunctionCatalog({
    registry,
    bus,
    log,
    clock: systemClock,
    cells: store.cells.length,
    // An embedded database is this process's own.
    isShared: config.history.driver === 'postgres',
  });
  const settings = engineSettings(config);
  return {
    clock: systemClock,
    ids: systemIds,
    stream,
    store,
    history,
    registry,
    sweeps,
    invoker,
    egress,
    bus,
    log,
    telemetry,
    catalog,
    settings,
  };
}

async function openStream({ stream, data }: Config, log: Logger): Promise<EventStream> {
  switch (stream.driver) {
    case 'embedded':
      return openEmbeddedEventStream({ path: join(data.dir, 'stream'), clock: systemClock });
    case 'jetstream':
      return openJetStreamEventStream({
        servers: stream.servers,
        replicas: stream.replicas,
        retentionMs: stream.retentionMs,
        onStatus: (status) => log.warn('the event stream changed', { status }),
      });
    default:
      return assertNever(stream);
  }
}

/** Hints go where the events go. */
async function openBus({ stream }: Config, log: Logger): Promise<Bus> {
  const onError = (error: unknown): void => log.error('a receiver of a hint failed', { error });
  if (stream.driver === 'embedded') return openEmbeddedBus({ onError });
  return openNatsBus({
    servers: stream.servers,
    onError,
    onStatus: (status) => log.info('the bus changed', { status }),
  });
}

async function openStore({ store, data }: Config, log: Logger, { metrics }: Telemetry): Promise<StoreCells> {
  const measured = (cells: Store[]): StoreCells =>
    routeCells(cells.map((cell) => measurePort(cell, { name: 'store', metrics })));
  switch (store.driver) {
    case 'embedded':
      return measured([await openEmbedded(join(data.dir, 'store'), log)]);
    case 'redis':
      return measured(await openRedisCells({ url: store.url, cells: store.cells, waitReplicas: store.waitReplicas }));
    default:
      return assertNever(store);
  }
}

/** Takes over from the process before: it was the only one, so its leases are void. */
async function openEmbedded(path: string, log: Logger): Promise<Store> {
  const store = await openEmbeddedStore({ path, clock: systemClock });
  const expired = await store.expireLeases();
  if (expired > 0) log.info('jobs of the process before go on', { jobs: expired });
  return store;
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
        onWaiting: (reason) => log.info(reason),
      });
    default:
      return assertNever(history);
  }
}

function engineSettings({ mode, auth, executor, limits, drainMs }: Config): EngineSettings {
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
    drainMs,
    retentionMs: limits.retentionMs,
  };
}
