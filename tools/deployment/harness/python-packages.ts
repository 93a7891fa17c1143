import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommand } from './run-command.ts';

const INSTALL_MS_MAX = 240_000;

/** `env` makes Python find the packages in `folder`. */
export type PythonPackages =
  | { kind: 'installed'; folder: string; env: NodeJS.ProcessEnv }
  | { kind: 'unavailable'; reason: string };

/**
 * Installs packages into a `folder` of their own, whose name says which they are, unless it is there. No virtual
 * environment: Debian's Python comes without what makes one. Somebody else who installs at the same time does no harm.
 * @param what arguments of `pip install` that name packages
 */
export async function installPythonPackages(folder: string, what: readonly string[]): Promise<PythonPackages> {
  const env = { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' };
  if (existsSync(folder)) return { kind: 'installed', folder, env };
  const pip = await runCommand(['python3', '-m', 'pip', '--version']);
  if (pip.code !== 0) return { kind: 'unavailable', reason: 'needs Python with pip' };

  mkdirSync(dirname(folder), { recursive: true });
  const unfinished = mkdtempSync(join(dirname(folder), 'unfinished-'));
  try {
    const install = ['python3', '-m', 'pip', 'install', '--quiet', '--target', unfinished, ...what];
    const result = await runCommand(install, { timeoutMs: INSTALL_MS_MAX });
    if (result.code !== 0) {
      const lastLines = result.output.trim().split('\n').slice(-2).join(' | ');
      return { kind: 'unavailable', reason: `pip install failed: ${lastLines}` };
    }
    if (!existsSync(folder)) renameSync(unfinished, folder);
    return { kind: 'installed', folder, env };
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
