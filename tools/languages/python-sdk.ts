import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../bootstrap/paths.mjs';
import { installPythonPackages, type PythonPackages } from '../deployment/harness/python-packages.ts';
import { runCommand } from '../deployment/harness/run-command.ts';

const REQUIREMENTS = join(repositoryRoot, 'tests', 'languages', 'python', 'requirements.txt');
const CACHE = join(repositoryRoot, 'node_modules', '.cache', 'perdure-languages');
/** Of the SDK, and of what it needs. */
const OLDEST_PYTHON = [3, 10] as const;

/** Installs the Python SDK, and what the application of the tests needs with it, once: 10 s. */
export async function installPythonSdk(): Promise<PythonPackages> {
  // Packages of one version of Python, or of one processor, may not work on another.
  const program = 'import platform as p; print(*p.python_version_tuple()[:2], p.system(), p.machine())';
  const python = await runCommand(['python3', '-c', program]);
  const [major = 0, minor = 0] = python.output.split(' ').map(Number);
  const isNewEnough = major > OLDEST_PYTHON[0] || (major === OLDEST_PYTHON[0] && minor >= OLDEST_PYTHON[1]);
  if (python.code !== 0 || !isNewEnough) {
    return { kind: 'unavailable', reason: `needs Python with pip, ${OLDEST_PYTHON.join('.')} or later` };
  }
  const digest = createHash('sha256').update(python.output).update(readFileSync(REQUIREMENTS)).digest('hex');
  return installPythonPackages(join(CACHE, `python-${digest.slice(0, 16)}`), ['--requirement', REQUIREMENTS]);
}
