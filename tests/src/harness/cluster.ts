import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startTcpProxy, type TcpProxy } from '@perdure/testing';
import { startMortalService, type MortalService, type ServiceName } from '@perdure/testing/services';
import type { TestContext } from 'vitest';

import { asStarted } from './backing-services.ts';
import { PerdureProcess } from './perdure-process.ts';
import { ServerApi } from './server-api.ts';
import { CLUSTER_CELLS, METRICS_FLAGS, serviceFlags } from './topology.ts';

/** Lines of the log of all processes that a failed test prints. */
const LOG_LINES_SHOWN = 120;
/** Lines kept; the oldest go first. */
const LOG_LINES_MAX = 4_000;

export interface ClusterOptions {
  /** Processes to start at once; more can be started later. */
  runners?: number;
  executors?: number;
  /** Default: Perdure's processes and services are connected directly. */
  proxied?: boolean;
  /** Another Redis than the cluster's own. */
  redisUrl?: string;
  args?: string[];
}

/** Every role a process of its own, on services of their own, and each of them can be killed, frozen and started again. */
export interface Cluster {
  readonly api: ServerApi;
  readonly url: string;
  /** None: a cluster of tests checks no keys. */
  readonly keys: undefined;
  /** `event-api` and `api`. */
  readonly front: PerdureProcess;
  readonly runners: readonly PerdureProcess[];
  readonly executors: readonly PerdureProcess[];
  readonly services: Readonly<Record<ServiceName, MortalService>>;
  /** Before each service, when the cluster is `proxied`. */
  readonly proxies: Readonly<Record<ServiceName, TcpProxy>>;
  readonly log: string;
  /** Starts one more. */
  addExecutor(): Promise<PerdureProcess>;
  /** Starts one more `api`. */
  addApi(): Promise<PerdureProcess>;
}

const SERVICES: readonly ServiceName[] = ['nats', 'redis', 'postgres'];

/** Starts a cluster for one test; its log is printed when the test fails. */
export async function startCluster(ctx: TestContext, options: ClusterOptions = {}): Promise<Cluster> {
  const { runners = 2, executors = 2, proxied = false } = options;
  const folder = await mkdtemp(join(tmpdir(), 'perdure-test-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  ctx.onTestFinished(async () => {
    // Processes first, then what they stand on.
    for (const stop of stops.toReversed()) await stop();
  });
  const log: string[] = [];
  ctx.onTestFailed(() => console.error(`the log of the cluster, its end:\n${log.slice(-LOG_LINES_SHOWN).join('\n')}`));

  const services = await startServices();
  stops.push(() => Promise.all(SERVICES.map((name) => services[name].stop())));
  const proxies = await startProxies(services);
  stops.push(() => Promise.all(SERVICES.map((name) => proxies[name].stop())));
  const urlOf = (name: ServiceName): string =>
    proxied ? proxies[name].through(services[name].url) : services[name].url;
  const flags = [
    '--dev',
    '--host',
    '127.0.0.1',
    ...METRICS_FLAGS,
    ...serviceFlags(
      { natsUrl: urlOf('nats'), redisUrl: options.redisUrl ?? urlOf('redis'), postgresUrl: urlOf('postgres') },
      CLUSTER_CELLS,
    ),
    ...(options.args ?? []),
  ];

  const processes: PerdureProcess[] = [];
  stops.push(() => Promise.all(processes.map((process) => process.terminate())));
  const create = (name: string, ...roles: string[]): PerdureProcess => {
    const process = new PerdureProcess({
      name,
      args: ['serve', ...roles, ...flags],
      env: { TMPDIR: folder },
      keepLine: (line) => {
        log.push(`${name} ${line}`);
        if (log.length > LOG_LINES_MAX) log.splice(0, LOG_LINES_MAX / 2);
      },
    });
    processes.push(process);
    return process;
  };
  const several = (count: number, role: string): PerdureProcess[] =>
    Array.from({ length: count }, (_, index) => create(`${role}-${index}`, role));
  const front = create('front', 'event-api', 'api');
  const cluster = { runners: several(runners, 'runner'), executors: several(executors, 'executor') };
  await Promise.all(processes.map((process) => process.start()));

  return {
    front,
    ...cluster,
    services,
    proxies,
    keys: undefined,
    api: new ServerApi(() => front.url),
    get url() {
      return front.url;
    },
    get log() {
      return log.join('\n');
    },
    addExecutor: async () => {
      const executor = create(`executor-${cluster.executors.length}`, 'executor');
      cluster.executors.push(executor);
      await executor.start();
      return executor;
    },
    addApi: async () => {
      const api = create('api', 'api');
      await api.start();
      return api;
    },
  };
}

async function startServices(): Promise<Record<ServiceName, MortalService>> {
  const [nats, redis, postgres] = await Promise.all([
    startMortalService('nats').then(asStarted),
    startMortalService('redis').then(asStarted),
    startMortalService('postgres').then(asStarted),
  ]);
  return { nats, redis, postgres };
}

async function startProxies(services: Record<ServiceName, MortalService>): Promise<Record<ServiceName, TcpProxy>> {
  const before = (name: ServiceName) => startTcpProxy({ to: services[name].url });
  const [nats, redis, postgres] = await Promise.all([before('nats'), before('redis'), before('postgres')]);
  return { nats, redis, postgres };
}
