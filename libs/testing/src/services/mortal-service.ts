import { spawn } from 'node:child_process';
import { Socket } from 'node:net';

import { RECIPES } from './private-service.ts';
import type { ServiceName, ServiceRecipe, ServiceUnavailable, StartedService } from './service.ts';
import {
  findOrInstallServer,
  type Instance,
  prepareInstance,
  runInstance,
  START_ATTEMPTS_MAX,
} from './start-service.ts';
import type { SupervisedProcess } from './supervised-process.ts';

/** Waits for the end of standard input, which the kernel closes however its owner dies. */
const CARETAKER = 'read -r _; rm -rf "$0"';

/** A private service that tests kill, freeze and start again: always at the same URL, always with the same data. */
export interface MortalService extends StartedService {
  /**
   * Ends it as abruptly as it can be ended, and resolves when it is gone. Of Postgres that is SIGQUIT: with kill -9 its
   * children would outlive it and keep the next one from starting.
   */
  kill(): Promise<void>;
  /** Starts it again; resolves when it answers. */
  start(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
}

/** Only a server process of this machine will do: no URL of a variable, no container. */
export async function startMortalService(
  name: ServiceName,
  settings: string[] = [],
): Promise<MortalService | ServiceUnavailable> {
  const recipe = RECIPES[name];
  const reasons: string[] = [];
  const binary = await findOrInstallServer(recipe, reasons);
  if (binary === undefined) return { kind: 'unavailable', reason: reasons.join('; ') };
  const withSettings: ServiceRecipe = { ...recipe, command: (place) => [...recipe.command(place), ...settings] };
  for (let attempt = 1; ; attempt += 1) {
    const instance = await prepareInstance(withSettings, binary);
    const service = new ServiceProcess(withSettings, instance, startCaretaker(instance.folder));
    try {
      await service.start();
      return service;
    } catch (error) {
      await service.stop();
      if (attempt === START_ATTEMPTS_MAX) throw error;
    }
  }
}

/** Removes the folder when `end` is called or this process is gone. */
function startCaretaker(folder: string): { end(): Promise<void> } {
  const child = spawn('/bin/sh', ['-c', CARETAKER, folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  return {
    end: async () => {
      child.stdin.destroy();
      await ended;
    },
  };
}

class ServiceProcess implements MortalService {
  readonly kind = 'started';
  readonly url: string;
  readonly origin: string;
  readonly #recipe: ServiceRecipe;
  readonly #instance: Instance;
  readonly #caretaker: { end(): Promise<void> };
  #process: SupervisedProcess | undefined;

  constructor(recipe: ServiceRecipe, instance: Instance, caretaker: { end(): Promise<void> }) {
    this.#recipe = recipe;
    this.#instance = instance;
    this.#caretaker = caretaker;
    this.url = recipe.url(instance.port);
    this.origin = `a private instance of ${instance.binary}`;
  }

  async start(): Promise<void> {
    if (this.#process !== undefined) throw new Error(`${this.#recipe.name} is already running`);
    this.#process = await runInstance(this.#recipe, this.#instance, { keepsFolder: true });
  }

  async kill(): Promise<void> {
    const running = this.#process;
    if (running === undefined) return;
    this.#process = undefined;
    process.kill(running.pid, this.#recipe.name === 'postgres' ? 'SIGQUIT' : 'SIGKILL');
    await running.exited;
  }

  freeze(): void {
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#signal('SIGCONT');
  }

  stop = async (): Promise<void> => {
    this.#signal('SIGCONT');
    await this.#process?.stop();
    this.#process = undefined;
    await this.#caretaker.end();
  };

  #signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#process !== undefined) process.kill(this.#process.pid, signal);
  }
}
