import { access } from 'node:fs/promises';

import { runCommand } from './run-command.ts';

/** Time for downloading and unpacking one package with what it depends on. */
const INSTALL_TIMEOUT_MS = 240_000;

/**
 * Installs one package. A policy file keeps its scripts from starting the service while it is installed; one that is
 * already there stays. The lock makes test runs that start at the same time wait for each other.
 */
const INSTALL = `
if [ ! -e /usr/sbin/policy-rc.d ]; then
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
fi
apt-get -q update && apt-get -q install -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$1"
`;

/** Tells why Debian's packages cannot be used here; undefined when they can. */
export async function debianPackagesObstacle(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "not root, so Debian's packages cannot be installed";
  const isDebian = await access('/usr/bin/apt-get').then(
    () => true,
    () => false,
  );
  return isDebian ? undefined : 'no apt-get here';
}

/** Installs a package without letting its service start. Answers the reason when it could not. */
export async function installDebianPackage(name: string): Promise<string | undefined> {
  const result = await runCommand(['flock', '/run/lock/perdure-test-services', 'sh', '-c', INSTALL, 'install', name], {
    timeoutMs: INSTALL_TIMEOUT_MS,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (result.code === 0) return undefined;
  return `apt-get install ${name} failed: ${result.output.trim().split('\n').slice(-3).join(' | ')}`;
}
