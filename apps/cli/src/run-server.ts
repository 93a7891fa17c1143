import { rm } from 'node:fs/promises';
import { apiRole } from '@perdure/app-api';
import { eventApiRole } from '@perdure/app-event-api';
import { executorRole } from '@perdure/app-executor';
import { runnerRole } from '@perdure/app-runner';
import { openPorts, type OpenedPorts, startRoles, type RunningRoles } from '@perdure/boot';
import type { Config } from '@perdure/config';
import { PerdureError } from '@perdure/domain';
import { putSync, receiveEvents } from '@perdure/engine';
import { createLogger, type Logger } from '@perdure/telemetry';
import { type SampleApp, startSample } from './sample.ts';

const ALL_ROLES = [eventApiRole, apiRole, runnerRole, executorRole];
/** The exit status of a program that a second Ctrl-C ends. */
const INTERRUPTED = 130;
/** A fixed ID: the sample's event is sent once a day, however often the server starts. */
const SAMPLE_EVENT = { name: 'sample/order.placed', id: 'perdure-sample', data: { order: 'A-1', items: 3 } };

/** Runs all roles in this process until it is told to stop. Problems at the start end it with one sentence. */
export async function runServer(config: Config, about: { version: string; notices: string[] }): Promise<void> {
  const log = createLogger({ level: config.log.level, format: config.log.format });
  for (const notice of about.notices) log.warn(notice);
  const server = new Server(config, log, about.version);
  server.stopOnSignals();
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    failStart(error, log);
  }
}

function failStart(error: unknown, log: Logger): void {
  process.exitCode = 1;
  if (error instanceof PerdureError) {
    log.debug('the start failed', { error });
    console.error(`Error: ${error.message}`);
  } else {
    log.error('the start failed', { error });
  }
}

/** The process: opened ports, running roles, the sample. */
class Server {
  private readonly config: Config;
  private readonly log: Logger;
  private readonly version: string;
  private opened: OpenedPorts | undefined;
  private roles: RunningRoles | undefined;
  private sample: SampleApp | undefined;
  private stopping: Promise<void> | undefined;

  constructor(config: Config, log: Logger, version: string) {
    this.config = config;
    this.log = log;
    this.version = version;
  }

  async start(): Promise<void> {
    const { config, log } = this;
    log.info('starting', { version: this.version, mode: config.mode, dataDir: config.data.dir, node: process.version });
    this.opened = await openPorts({ ...config, version: this.version }, log);
    const { ports } = this.opened;
    this.roles = await startRoles(ALL_ROLES, ports, { ...config, version: this.version }, async (http) => {
      if (config.sample) await this.startSample(http.url);
    });
    const url = this.roles.http?.url ?? '';
    // Since the process began, loading modules included.
    log.info('perdure is ready', { url, ms: Math.round(performance.now()) });
    if (config.sample) await this.sendSampleEvent(url);
  }

  /** The sample comes before the loops, so that runs which go on find it at its new port. */
  private async startSample(serverUrl: string): Promise<void> {
    const { log, opened } = this;
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
    const { opened, log } = this;
    if (opened === undefined || this.sample === undefined) return;
    const again = JSON.stringify({ name: SAMPLE_EVENT.name, data: SAMPLE_EVENT.data });
    log.info('the event of the sample function is sent once a day; to run it again, send it yourself', {
      command: `curl ${serverUrl}/e/dev -d '${again}'`,
    });
    await receiveEvents(opened.ports, { body: JSON.stringify(SAMPLE_EVENT) });
  }

  /** Finishes what is in flight, closes everything. May be repeated. */
  stop(): Promise<void> {
    this.stopping ??= this.close();
    return this.stopping;
  }

  private async close(): Promise<void> {
    await this.roles?.stop();
    this.sample?.stop();
    await this.opened?.close();
    if (this.config.data.isTemporary) await rm(this.config.data.dir, { recursive: true, force: true });
  }

  stopOnSignals(): void {
    const onSignal = (signal: NodeJS.Signals): void => {
      if (this.stopping) process.exit(INTERRUPTED);
      this.log.info('stopping: calls in flight are finished first; once more ends it at once', { signal });
      this.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          this.log.error('the stop failed', { error });
          process.exit(1);
        },
      );
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  }
}
