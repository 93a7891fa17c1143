import { existsSync } from 'node:fs';
import { openPorts } from '@perdure/boot';
import type { Config, LoadedConfig } from '@perdure/config';
import { PerdureError } from '@perdure/domain';
import { silentLogger } from '@perdure/telemetry';
import { describeProblem } from '../config-flags.ts';
import { readVersion } from '../version.ts';
import { type Check, isHealthy } from './check.ts';
import { checkPorts, type DoctorOptions } from './check-ports.ts';
import { checkServices } from './check-services.ts';

/** Looks at a deployment through its config: whether that is good, its services answer, and what they hold is in order. */
export async function examine(loaded: LoadedConfig, options: DoctorOptions): Promise<Check[]> {
  const checks = checkConfig(loaded);
  if (!loaded.ok) return checks;
  const { config } = loaded;
  if (!isOnServices(config) && !existsSync(config.data.dir)) {
    const message = `there is no data folder at ${config.data.dir} yet: no server has run with this config`;
    return [...checks, { name: 'data folder', status: 'skipped', message }];
  }
  checks.push(...(await checkServices(config)));
  // Opening would bring tables up to date, as servers do.
  if (!isHealthy(checks)) return checks;
  return [...checks, ...(await checkContent(config, options))];
}

function checkConfig({ notices, ...loaded }: LoadedConfig): Check[] {
  const name = 'config';
  const told = notices.map((notice): Check => ({ name, status: 'warning', message: describeProblem(notice) }));
  if (loaded.ok) return [{ name, status: 'ok', message: placesOf(loaded.config) }, ...told];
  return [
    ...loaded.problems.map((found): Check => ({ name, status: 'problem', message: describeProblem(found) })),
    ...told,
  ];
}

async function checkContent(config: Config, options: DoctorOptions): Promise<Check[]> {
  const name = 'content';
  try {
    // Nobody scrapes a command.
    const opened = await openPorts({ ...config, telemetry: {}, version: readVersion() }, silentLogger);
    try {
      return await checkPorts(opened.ports, options);
    } finally {
      await opened.close();
    }
  } catch (error) {
    if (error instanceof PerdureError && error.code === 'FOLDER_LOCKED') {
      const message = `a server uses ${config.data.dir}, which nobody else can look into: ask it for /ready`;
      return [{ name: 'data folder', status: 'skipped', message }];
    }
    return [{ name, status: 'problem', message: error instanceof Error ? error.message : String(error) }];
  }
}

function isOnServices({ stream, store, history }: Config): boolean {
  return stream.driver !== 'embedded' && store.driver !== 'embedded' && history.driver !== 'pglite';
}

function placesOf({ stream, store, history }: Config): string {
  return `valid; events in ${stream.driver}, queue in ${store.driver}, history in ${history.driver}`;
}
