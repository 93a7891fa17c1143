import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { debianPackagesObstacle, installDebianPackage } from './debian-packages.ts';
import { findBinary } from './find-binary.ts';
import { freePort } from './free-port.ts';
import { runCommand } from './run-command.ts';
import type { InstancePlace, ServiceRecipe, ServiceUnavailable, StartedService } from './service.ts';
import { startSupervised, type SupervisedProcess } from './supervised-process.ts';

/** Between finding a free port and using it somebody else may take it. */
export const START_ATTEMPTS_MAX = 3;
const BINARY_READY_TIMEOUT_MS = 30_000;
/** Includes pulling the image. */
const DOCKER_READY_TIMEOUT_MS = 180_000;
/** Users that a server which refuses root may run as, best first. */
const UNPRIVILEGED_USERS = ['postgres', 'nobody'];

/**
 * Has a service for tests: the server whose URL the recipe's variable holds, else a private instance of the binary on
 * this machine, else of Debian's package (installed when root), else of a Docker image. A server that merely happens to
 * listen is never touched. Each call starts an instance of its own.
 */
export async function startService(recipe: ServiceRecipe): Promise<StartedService | ServiceUnavailable> {
  const { variable } = recipe;
  const given = variable === undefined ? undefined : process.env[variable];
  if (variable !== undefined && given !== undefined && given !== '') {
    return { kind: 'started', url: given, origin: variable, stop: async () => {} };
  }

  const reasons = variable === undefined ? [] : [`${variable} is not set`];
  const binary = await findOrInstallServer(recipe, reasons);
  if (binary !== undefined) {
    const started = await tryStart(() => startBinary(recipe, binary), reasons);
    if (started !== undefined) return started;
  }
  const obstacle = await dockerObstacle();
  if (obstacle === undefined) {
    const started = await tryStart(() => startContainer(recipe), reasons);
    if (started !== undefined) return started;
  } else {
    reasons.push(obstacle);
  }
  return { kind: 'unavailable', reason: reasons.join('; ') };
}

/** The path of the server's binary, with the reasons why there is none added to `reasons`. */
export async function findOrInstallServer(recipe: ServiceRecipe, reasons: string[]): Promise<string | undefined> {
  return (await findServer(recipe)) ?? installServer(recipe, reasons);
}

async function findServer(recipe: ServiceRecipe): Promise<string | undefined> {
  return findBinary(recipe.binaries, await recipe.debianFolders());
}

async function installServer(recipe: ServiceRecipe, reasons: string[]): Promise<string | undefined> {
  reasons.push(`no ${recipe.binaries.join(' or ')} on PATH`);
  const obstacle = (await debianPackagesObstacle()) ?? (await installDebianPackage(recipe.debianPackage));
  if (obstacle !== undefined) reasons.push(obstacle);
  return obstacle === undefined ? findServer(recipe) : undefined;
}

async function tryStart(start: () => Promise<StartedService>, reasons: string[]): Promise<StartedService | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      if (attempt < START_ATTEMPTS_MAX) continue;
      reasons.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}

async function startBinary(recipe: ServiceRecipe, binary: string): Promise<StartedService> {
  const instance = await prepareInstance(recipe, binary);
  try {
    const server = await runInstance(recipe, instance);
    return {
      kind: 'started',
      url: recipe.url(instance.port),
      origin: `a private instance of ${binary}`,
      stop: () => server.stop(),
    };
  } catch (error) {
    await rm(instance.folder, { recursive: true, force: true });
    throw error;
  }
}

/** A folder and a port for one server, and the user that it runs as. */
export interface Instance extends InstancePlace {
  as: { user?: { uid: number; gid: number } };
}

/** Makes a folder with all that the server needs in it; its caller removes it. */
export async function prepareInstance(recipe: ServiceRecipe, binary: string): Promise<Instance> {
  const user = recipe.refusesRoot && process.getuid?.() === 0 ? await unprivilegedUser() : undefined;
  const folder = await mkdtemp(join(tmpdir(), `perdure-${recipe.name}-`));
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  await chmod(folder, 0o700);
  const place = { binary, port: await freePort(), folder };
  const as = user === undefined ? {} : { user };

  const preparation = recipe.prepare?.(place);
  if (preparation === undefined) return { ...place, as };
  const result = await runCommand(preparation, { cwd: folder, env: { LC_ALL: 'C' }, ...as });
  if (result.code === 0) return { ...place, as };
  await rm(folder, { recursive: true, force: true });
  throw new Error(`${preparation[0]} failed: ${result.output.trim()}`);
}

export function runInstance(
  recipe: ServiceRecipe,
  { as, ...place }: Instance,
  options: { keepsFolder?: boolean } = {},
): Promise<SupervisedProcess> {
  return startSupervised({
    command: recipe.command(place),
    folder: place.folder,
    ready: recipe.ready,
    readyTimeoutMs: BINARY_READY_TIMEOUT_MS,
    stopSignal: recipe.stopSignal,
    ...options,
    ...as,
  });
}

async function unprivilegedUser(): Promise<{ uid: number; gid: number }> {
  for (const name of UNPRIVILEGED_USERS) {
    const [uid, gid] = await Promise.all([runCommand(['id', '-u', name]), runCommand(['id', '-g', name])]);
    if (uid.code === 0 && gid.code === 0) return { uid: Number(uid.output), gid: Number(gid.output) };
  }
  throw new Error(`it refuses to run as root, and there is no user ${UNPRIVILEGED_USERS.join(' or ')}`);
}

async function dockerObstacle(): Promise<string | undefined> {
  const docker = await runCommand(['docker', 'info', '--format', '{{.ServerVersion}}'], { timeoutMs: 10_000 });
  return docker.code === 0 ? undefined : 'no Docker daemon answers';
}

/** In the foreground, so that the supervisor's signal reaches the container through the client. */
async function startContainer(recipe: ServiceRecipe): Promise<StartedService> {
  const { image, port: inside, environment, args, ready } = recipe.docker;
  const folder = await mkdtemp(join(tmpdir(), `perdure-${recipe.name}-`));
  const port = await freePort();
  const server = await startSupervised({
    command: [
      'docker',
      'run',
      '--rm',
      '--init',
      `--publish=127.0.0.1:${port}:${inside}`,
      ...environment.map((assignment) => `--env=${assignment}`),
      image,
      ...args,
    ],
    folder,
    ready,
    readyTimeoutMs: DOCKER_READY_TIMEOUT_MS,
    stopSignal: 'TERM',
  });
  return { kind: 'started', url: recipe.url(port), origin: `a container of ${image}`, stop: () => server.stop() };
}
