import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runStep } from './child-process.mjs';
import { pinnedNode, repositoryRoot } from './paths.mjs';
import { unlessUnchanged } from './stamp.mjs';
import { readWorkspace } from './workspace.mjs';

/** Exact, and from the registry through npx: nobody installs a package manager by hand (docs/decisions/002). */
export const PNPM = 'pnpm@12.21.0';

/** Installs exactly what the lockfile says, unless that is what was installed last. */
export async function install() {
  const inputs = [
    join(repositoryRoot, 'pnpm-lock.yaml'),
    join(repositoryRoot, 'pnpm-workspace.yaml'),
    join(repositoryRoot, 'package.json'),
    ...readWorkspace().map((workspacePackage) => join(workspacePackage.folder, 'package.json')),
  ];
  const stampPath = join(repositoryRoot, 'node_modules', '.perdure-install');
  await unlessUnchanged({ stampPath, inputs, isComplete }, async () => {
    await runStep('installing packages', 'npx', [
      '--yes',
      PNPM,
      'install',
      '--frozen-lockfile',
      '--reporter=append-only',
      // Nobody is there to answer a question about an install that another package manager left behind.
      '--config.confirmModulesPurge=false',
    ]);
  });
}

/** Whether what was installed is still there: somebody may have removed a folder of it. */
function isComplete() {
  return (
    existsSync(pinnedNode) &&
    readWorkspace().every(
      ({ folder, dependencies }) => Object.keys(dependencies).length === 0 || existsSync(join(folder, 'node_modules')),
    )
  );
}
