import { join } from 'node:path';
import { repositoryRoot } from '../../bootstrap/paths.mjs';
import { installPythonPackages } from './python-packages.ts';

/** Exact; it brings the schemas of AWS's resources along. */
const CFN_LINT = 'cfn-lint==1.58.0';
const CACHE = join(repositoryRoot, 'node_modules', '.cache', 'perdure-python-tools');

/** `command` runs it, in the environment `env`. */
export type CfnLint =
  | { kind: 'installed'; command: string[]; env: NodeJS.ProcessEnv }
  | { kind: 'unavailable'; reason: string };

/** Installs the linter of CloudFormation templates into a folder of its own, once: 10 s. */
export async function installCfnLint(): Promise<CfnLint> {
  const packages = await installPythonPackages(join(CACHE, CFN_LINT), [CFN_LINT]);
  if (packages.kind === 'unavailable') return packages;
  const { folder, env } = packages;
  return { kind: 'installed', command: ['python3', join(folder, 'bin', 'cfn-lint')], env };
}
