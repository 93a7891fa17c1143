/**
 * `npm run image-tree -- <folder>`: puts together what an image holds, out of what `npm run build` made. The folder is made,
 * and may be anywhere; the result runs from wherever it is put, with nothing but a C library beside it:
 *
 *   bin/perdure, bin/inngest, bin/node   the command, the name that scripts know it by, the pinned Node
 *   apps, libs, node_modules             compiled packages and exactly what the lockfile says that they need to run
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { runStep, StepFailedError } from '../bootstrap/child-process.mjs';
import { PNPM } from '../bootstrap/install.mjs';
import { pinnedNode, repositoryRoot } from '../bootstrap/paths.mjs';
import { readWorkspace, type WorkspacePackage } from '../bootstrap/workspace.mjs';

const COMMAND_PACKAGE = 'perdure';
const COMMAND_SCRIPT = 'apps/cli/dist/main.js';
/** Compiled files for compilers, debuggers and tests. */
const NOT_FOR_RUNNING = /\.d\.ts$|\.map$|\.test\.js$|\.contract\.js$|\.tsbuildinfo$|\.stamp$/;
const ROOT_FILES = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'LICENSE'];

/** Finds its own place, because a link to it may stand elsewhere. */
const LAUNCHER = `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/node" "$here/../${COMMAND_SCRIPT}" "$@"
`;

async function buildImageTree(target: string): Promise<void> {
  if (existsSync(target) && readdirSync(target).length > 0) throw new Error(`${target} is not empty`);
  const workspace = readWorkspace();
  mkdirSync(target, { recursive: true });
  for (const file of ROOT_FILES) copyFileSync(join(repositoryRoot, file), join(target, file));
  // Of every package: the lockfile names them all, and an install that misses one is not the one that was locked.
  for (const { folder, path } of workspace) {
    mkdirSync(join(target, path), { recursive: true });
    copyFileSync(join(folder, 'package.json'), join(target, path, 'package.json'));
  }
  await installProduction(target);
  for (const workspacePackage of shipped(workspace))
    copyCompiled(workspacePackage, join(target, workspacePackage.path));
  writeCommand(join(target, 'bin'));
  setModes(target);
}

async function installProduction(target: string): Promise<void> {
  const filter = ['--filter', `${COMMAND_PACKAGE}...`];
  // Copies: modes are changed below, and a hard link would change them in the cache of packages.
  const how = ['--prod', '--frozen-lockfile', '--config.packageImportMethod=copy', '--reporter=append-only'];
  await runStep('installing what the image needs', 'npx', ['--yes', PNPM, 'install', ...how, ...filter], {
    cwd: target,
  });
}

/** The command's package and all that it depends on, directly or not. */
function shipped(workspace: readonly WorkspacePackage[]): WorkspacePackage[] {
  const reached = new Set(workspace.filter(({ name }) => name === COMMAND_PACKAGE));
  for (const { dependencies } of reached) {
    for (const workspacePackage of workspace) if (workspacePackage.name in dependencies) reached.add(workspacePackage);
  }
  return [...reached];
}

function copyCompiled({ folder }: WorkspacePackage, target: string): void {
  const compiled = join(folder, 'dist');
  if (!existsSync(compiled)) throw new Error(`${compiled} is missing: build the workspace first (npm run build)`);
  cpSync(compiled, join(target, 'dist'), { recursive: true, filter: isForRunning });
  // Whole: these are data, whatever their names look like.
  const generated = join(folder, 'generated');
  if (existsSync(generated)) cpSync(generated, join(target, 'generated'), { recursive: true });
}

function isForRunning(path: string): boolean {
  return !NOT_FOR_RUNNING.test(path) && basename(path) !== '.compile-cache';
}

function writeCommand(bin: string): void {
  mkdirSync(bin);
  copyFileSync(pinnedNode, join(bin, 'node'));
  writeFileSync(join(bin, 'perdure'), LAUNCHER);
  for (const name of ['node', 'perdure']) chmodSync(join(bin, name), 0o755);
  symlinkSync('perdure', join(bin, 'inngest'));
}

/**
 * Everybody may read, only the owner may write: the user who runs the tree is not the one who made it, and packages come
 * with whatever modes they were packed with.
 */
function setModes(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) setModes(path);
    else if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o111) === 0 ? 0o644 : 0o755);
  }
}

const [target] = process.argv.slice(2);
if (target === undefined) {
  console.error('Usage: npm run image-tree -- <folder>');
  process.exit(1);
}
try {
  await buildImageTree(resolve(target));
  console.log(`${resolve(target)} holds what an image needs`);
} catch (error) {
  if (error instanceof StepFailedError) console.error(error.output);
  throw error;
}
