import { apiRole } from '@perdure/app-api';
import { eventApiRole } from '@perdure/app-event-api';
import { executorRole } from '@perdure/app-executor';
import { runnerRole } from '@perdure/app-runner';
import type { Config } from '@perdure/config';
import { PerdureError } from '@perdure/domain';
import { createLogger, type Logger } from '@perdure/telemetry';
import { Server } from './server.ts';

const ROLES = [eventApiRole, apiRole, runnerRole, executorRole];
/** The exit status of a program that a second Ctrl-C ends. */
const INTERRUPTED = 130;
const FAILED = 1;
/** Time for everything but the calls in flight: answering requests, last writes, closing connections. */
const CLOSE_MS = 15_000;

/**
 * Runs the roles of the config in this process until it is told to stop, which ends it with 0, or until one of them fails,
 * which ends it with 1. Problems at the start end it with one sentence.
 *
 * Modes: starting -> running -> stopping -> ended. SIGTERM, SIGINT and failures lead to stopping from everywhere; another
 * signal while stopping ends the process at once, and so does a stop that takes too long.
 */
export async function runServer(config: Config, about: { version: string; notices: string[] }): Promise<void> {
  const log = createLogger(config.log);
  for (const notice of about.notices) log.warn(notice);
  const roles = ROLES.filter(({ name }) => config.roles.includes(name));
  const server = new Server({ config, roles, log, version: about.version });
  const life = new ServerLife(server, log, config.drainMs + CLOSE_MS);
  life.stopOnSignals();
  life.stopOnMistakes();
  try {
    await server.start();
  } catch (error) {
    if (life.isStopping) return;
    complainOfStart(error, log);
    return life.end(FAILED);
  }
  void server.failed.then((error) => life.fail('a part of the process ended by itself', error));
}

function complainOfStart(error: unknown, log: Logger): void {
  if (error instanceof PerdureError) {
    log.debug('the start failed', { error });
    console.error(`Error: ${error.message}`);
  } else {
    log.error('the start failed', { error });
  }
}

/** What ends the process, and with which status. */
class ServerLife {
  private readonly server: Server;
  private readonly log: Logger;
  private readonly stopMs: number;
  private ending: Promise<void> | undefined;

  constructor(server: Server, log: Logger, stopMs: number) {
    this.server = server;
    this.log = log;
    this.stopMs = stopMs;
  }

  get isStopping(): boolean {
    return this.ending !== undefined;
  }

  stopOnSignals(): void {
    const onSignal = (signal: NodeJS.Signals): void => {
      if (this.isStopping) process.exit(INTERRUPTED);
      this.log.info('stopping: calls in flight are finished first; once more ends it at once', { signal });
      void this.end(0);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  }

  /** Nobody knows what an exception that nobody caught has left undone: another process starts afresh. */
  stopOnMistakes(): void {
    process.on('uncaughtException', (error) => this.fail('an error was not handled', error));
    process.on('unhandledRejection', (error) => this.fail('a rejection was not handled', error));
  }

  fail(what: string, error: unknown): void {
    this.log.error(`${what}: the process stops`, { error });
    void this.end(FAILED);
  }

  /** Stops the server and ends the process, as the first caller wants it. */
  end(status: number): Promise<void> {
    this.ending ??= this.stop(status);
    return this.ending;
  }

  private async stop(status: number): Promise<void> {
    setTimeout(() => {
      this.log.error('the stop takes too long: the process ends without it', { ms: this.stopMs });
      process.exit(FAILED);
    }, this.stopMs);
    try {
      await this.server.stop();
    } catch (error) {
      this.log.error('the stop failed', { error });
      process.exit(FAILED);
    }
    this.log.debug('stopped', { status });
    process.exit(status);
  }
}
