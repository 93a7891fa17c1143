import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../bootstrap/paths.mjs';
import { runCommand } from './run-command.ts';

/** Exact; it brings the schemas of AWS's resources along. */
const CFN_LINT = 'cfn-lint==1.58.0';
const CACHE = join(repositoryRoot, 'node_modules', '.cache', 'perdure-python-tools');
const INSTALL_MS_MAX = 240_000;

/** `command` runs it, in the environment `env`. */
export type CfnLint =
  | { kind: 'installed'; command: string[]; env: NodeJS.ProcessEnv }
  | { kind: 'unavailable'; reason: string };

/** Installs the linter of CloudFormation templates into a folder of its own, once: 10 s. */
export async function installCfnLint(): Promise<CfnLint> {
  const folder = join(CACHE, CFN_LINT);
  const installed: CfnLint = {
    kind: 'installed',
    command: ['python3', join(folder, 'bin', 'cfn-lint')],
    env: { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' },
  };
  if (existsSync(folder)) return installed;
  const pip = await runCommand(['python3', '-m', 'pip', '--version']);
  if (pip.code !== 0) return { kind: 'unavailable', reason: 'needs Python with pip' };

  mkdirSync(CACHE, { recursive: true });
  const unfinished = mkdtempSync(join(CACHE, 'unfinished-'));
  try {
    const install = ['python3', '-m', 'pip', 'install', '--quiet', '--no-compile', '--target', unfinished, CFN_LINT];
    const result = await runCommand(install, { timeoutMs: INSTALL_MS_MAX });
    if (result.code !== 0) {
      return {
        kind: 'unavailable',
        reason: `pip install failed: ${result.output.trim().split('\n').slice(-2).join(' | ')}`,
      };
    }
    if (!existsSync(folder)) renameSync(unfinished, folder);
    return installed;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
