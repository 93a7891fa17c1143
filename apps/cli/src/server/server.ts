import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { openPorts, type OpenedPorts, type Role, startRoles, type RunningRoles } from '@perdure/boot';
import type { Config } from '@perdure/config';
import { putSync, receiveEvents } from '@perdure/engine';
import type { Logger } from '@perdure/telemetry';
import { type SampleApp, startSample } from './sample.ts';

/** A fixed ID: the sample's event is sent once a day, however often the server starts. */
const SAMPLE_EVENT = { name: 'sample/order.placed', id: 'perdure-sample', data: { order: 'A-1', items: 3 } };
/** A start that is interrupted may finish what it is at, so that what it opens is closed again. */
const START_PATIENCE_MS = 2_000;

export interface ServerOptions {
  config: Config;
  roles: readonly Role[];
  log: Logger;
  version: string;
}

/** What runs in the process: opened ports, running roles, the sample. */
export class Server {
  /** Resolves when one of the roles has ended by itself. */
  readonly failed: Promise<Error>;
  private readonly options: ServerOptions;
  private readonly fail: (error: Error) => void;
  private opened: OpenedPorts | undefined;
  private roles: RunningRoles | undefined;
  private sample: SampleApp | undefined;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.options = options;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.failed = promise;
    this.fail = resolve;
  }

  start(): Promise<void> {
    this.starting ??= this.open();
    return this.starting;
  }

  /** Finishes what is in flight, closes everything. May be repeated. */
  stop(): Promise<void> {
    this.stopping ??= this.close();
    return this.stopping;
  }

  private async open(): Promise<void> {
    const { config, log, version } = this.options;
    const roles = this.options.roles.map(({ name }) => name);
    log.info('starting', { version, mode: config.mode, roles: roles.join(' '), ...placesOf(config) });
    this.opened = await openPorts({ ...config, version }, log);
    if (this.stopping) return;
    this.roles = await startRoles(this.options.roles, this.opened.ports, { ...config, version }, async (http) => {
      if (config.sample) await this.startSample(http.url);
    });
    void this.roles.failed.then(this.fail);
    if (this.stopping) return;
    const { url } = this.roles.http;
    // Since the process began, loading modules included.
    log.info('perdure is ready', { url, ms: Math.round(performance.now()) });
    if (config.sample) await this.sendSampleEvent(url);
  }

  private async close(): Promise<void> {
    const { data } = this.options.config;
    await Promise.race([Promise.allSettled([this.starting]), delay(START_PATIENCE_MS)]);
    await this.roles?.stop();
    this.sample?.stop();
    await this.opened?.close();
    if (data.isTemporary) await rm(data.dir, { recursive: true, force: true });
  }

  /** The sample comes before the loops, so that runs which go on find it at its new port. */
  private async startSample(serverUrl: string): Promise<void> {
    const { opened } = this;
    const { log } = this.options;
    if (opened === undefined) return;
    try {
      this.sample = await startSample(serverUrl, log);
      const synced = await putSync(opened.ports, this.sample.url);
      if (synced.kind === 'failed') log.warn('the sample application could not be synced', { reason: synced.message });
    } catch (error) {
      log.warn('the sample application did not start; everything else runs', { error });
    }
  }

  private async sendSampleEvent(serverUrl: string): Promise<void> {
    const { opened, sample } = this;
    if (opened === undefined || sample === undefined) return;
    const again = JSON.stringify({ name: SAMPLE_EVENT.name, data: SAMPLE_EVENT.data });
    this.options.log.info('the event of the sample function is sent once a day; to run it again, send it yourself', {
      command: `curl ${serverUrl}/e/dev -d '${again}'`,
    });
    await receiveEvents(opened.ports, { body: JSON.stringify(SAMPLE_EVENT) });
  }
}

/** Where things are kept, for a person who reads the log. */
function placesOf({ stream, store, history, data }: Config): Record<string, string> {
  const drivers = [stream.driver, store.driver, history.driver];
  const keepsHere = drivers.some((driver) => driver === 'embedded' || driver === 'pglite');
  return {
    stream: stream.driver,
    store: store.driver,
    history: history.driver,
    ...(keepsHere && { dataDir: data.dir }),
    node: process.version,
  };
}
