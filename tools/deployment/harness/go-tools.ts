import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { repositoryRoot } from '../../bootstrap/paths.mjs';
import { filesBelow } from '../../bootstrap/stamp.mjs';
import { runCommand } from './run-command.ts';

const MODULE = join(import.meta.dirname, '../go');
const CACHE = join(repositoryRoot, 'node_modules', '.cache', 'perdure-go-tools');
const HELM = 'helm.sh/helm/v3/cmd/helm';
/** Five times what it takes two cores to download and compile everything. */
const BUILD_MS_MAX = 480_000;

/** Programs that are written in Go; `folder` holds `helm`, `compose-config`, `decode-manifests` and `lint-dockerfile`. */
export type GoTools = { kind: 'built'; folder: string } | { kind: 'unavailable'; reason: string };

/**
 * Builds the programs of ../go, each at the version that its go.mod and go.sum pin, unless they are built already: about
 * 90 s of two cores the first time, nothing afterwards. Somebody else who builds at the same time does no harm.
 */
export async function buildGoTools(): Promise<GoTools> {
  const version = await runCommand(['go', 'version'], { cwd: MODULE });
  if (version.code !== 0) return { kind: 'unavailable', reason: 'needs Go (https://go.dev/dl), there is none on PATH' };
  const folder = join(CACHE, digestOf(version.output));
  if (existsSync(folder)) return { kind: 'built', folder };

  mkdirSync(CACHE, { recursive: true });
  const unfinished = mkdtempSync(join(CACHE, 'unfinished-'));
  try {
    const build = ['nice', '-n', '19', 'go', 'build', '-mod=readonly', '-o', `${unfinished}/`, HELM, './...'];
    const result = await runCommand(build, { cwd: MODULE, timeoutMs: BUILD_MS_MAX });
    if (result.code !== 0) return { kind: 'unavailable', reason: describeFailure(result.output) };
    removeFormer();
    if (!existsSync(folder)) renameSync(unfinished, folder);
    return { kind: 'built', folder };
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function describeFailure(output: string): string {
  const lastLines = output.trim().split('\n').slice(-3).join(' | ');
  const isTooOld = /requires go >= |invalid go version/.test(output);
  return isTooOld ? `needs Go as new as its go.mod says: ${lastLines}` : `go build failed: ${lastLines}`;
}

function digestOf(goVersion: string): string {
  const hash = createHash('sha256').update(goVersion);
  for (const path of filesBelow(MODULE, () => true).toSorted()) hash.update(`\0${path}\0`).update(readFileSync(path));
  return hash.digest('hex').slice(0, 16);
}

function removeFormer(): void {
  for (const name of readdirSync(CACHE)) {
    if (!name.startsWith('unfinished-')) rmSync(join(CACHE, name), { recursive: true, force: true });
  }
}
