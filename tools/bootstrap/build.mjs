import { join } from 'node:path';
import { isTerminal, runStep } from './child-process.mjs';
import { commandEnv, repositoryRoot } from './paths.mjs';
import { filesBelow, unlessUnchanged } from './stamp.mjs';
import { readWorkspace } from './workspace.mjs';

/** @typedef {import('./workspace.mjs').WorkspacePackage} WorkspacePackage */

/**
 * Runs every script named `build:*` of every package whose sources, or those of the packages it depends on, have changed
 * since: they make files that the compiler does not (the Lua library of the store, the database template of history).
 * They run before the compiler, on the sources, and write into a folder named `generated` of the package.
 */
export async function generate() {
  const workspace = readWorkspace();
  for (const workspacePackage of workspace) {
    for (const [script, command] of Object.entries(workspacePackage.scripts)) {
      if (script.startsWith('build:')) await runBuildScript({ workspace, workspacePackage, script, command });
    }
  }
}

/** Compiles, and type-checks, every package; what is up to date costs next to nothing. */
export async function compile() {
  await runStep('compiling', 'tsc', ['-b', '--pretty', isTerminal ? 'true' : 'false']);
}

/** @param {{ workspace: WorkspacePackage[], workspacePackage: WorkspacePackage, script: string, command: string }} what */
async function runBuildScript({ workspace, workspacePackage, script, command }) {
  const inputs = [
    join(repositoryRoot, 'pnpm-lock.yaml'),
    ...withDependencies(workspace, workspacePackage).flatMap(({ folder }) => filesBelow(folder, isSource)),
  ];
  const stampPath = join(workspacePackage.folder, 'dist', `.${script.replace(':', '-')}.stamp`);
  await unlessUnchanged({ stampPath, inputs, isComplete: () => hasGeneratedFiles(workspacePackage) }, async () => {
    await runStep(`running ${script} of ${workspacePackage.name}`, 'sh', ['-c', command], {
      cwd: workspacePackage.folder,
      env: {
        ...commandEnv([join(workspacePackage.folder, 'node_modules', '.bin')]),
        NODE_OPTIONS: '--conditions=perdure-source',
      },
    });
  });
}

/** @param {string} path */
function isSource(path) {
  return !/\/(?:node_modules|dist|generated)$|\.test\.ts$|\.md$|\.tsbuildinfo$/.test(path);
}

/** @param {WorkspacePackage} workspacePackage */
function hasGeneratedFiles({ folder }) {
  return filesBelow(folder, (path) => !/\/(?:node_modules|dist|\.gitignore)$/.test(path)).some((path) =>
    path.includes('/generated/'),
  );
}

/** @param {WorkspacePackage[]} workspace @param {WorkspacePackage} start */
function withDependencies(workspace, start) {
  const reached = new Set([start]);
  for (const { dependencies } of reached) {
    for (const workspacePackage of workspace) {
      if (workspacePackage.name in dependencies) reached.add(workspacePackage);
    }
  }
  return [...reached];
}
