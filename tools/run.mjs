/**
 * The bootstrap behind every npm script: `node tools/run.mjs <command> [arguments]`.
 *
 * It runs on whatever Node 20 or later the machine has and imports nothing that must be installed. It installs and builds
 * what the command needs, each only when something has changed, and then runs the command under the pinned Node.
 */
import { endAs, passSignalsOn, runForeground, StepFailedError } from './bootstrap/child-process.mjs';
import { compile, generate } from './bootstrap/build.mjs';
import { install } from './bootstrap/install.mjs';
import { withBuildLock } from './bootstrap/lock.mjs';

const OLDEST_NODE = 20;

/**
 * What a command needs before it runs, and the script that it is, with its first arguments.
 * @typedef {{ needs: (() => Promise<void>)[], script?: string[] }} Command
 */

/** @type {Record<string, Command>} */
const commands = {
  install: { needs: [install] },
  build: { needs: [install, generate, compile] },
  typecheck: { needs: [install, generate, compile] },
  start: { needs: [install, generate, compile], script: ['apps/cli/dist/main.js', 'dev', '--persist', '--sample'] },
  bench: { needs: [install, generate, compile], script: ['--conditions=perdure-source', 'bench/src/main.ts'] },
  simulate: {
    needs: [install],
    script: ['--conditions=perdure-source', '--max-old-space-size=6144', 'tools/simulate/src/main.ts'],
  },
  soak: { needs: [install, generate, compile], script: ['tools/soak.ts'] },
  // It builds between its own stages, after those that need no build.
  test: { needs: [install], script: ['tools/test.ts'] },
  lint: { needs: [install], script: ['node_modules/oxlint/bin/oxlint'] },
  dependencies: { needs: [install], script: ['tools/check-dependencies.ts'] },
  format: { needs: [install], script: ['node_modules/oxfmt/bin/oxfmt', '.'] },
  'image-tree': { needs: [install, generate, compile], script: ['tools/deployment/image-tree.ts'] },
  conformance: { needs: [install], script: ['tools/conformance.ts'] },
};

async function main() {
  const [name = '', ...args] = process.argv.slice(2);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    return stop(`unknown command '${name}': expected one of ${Object.keys(commands).join(', ')}`);
  }
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    return stop(`Node ${OLDEST_NODE} or later is needed to start; this is ${process.versions.node}`);
  }

  passSignalsOn();
  try {
    await withBuildLock(async () => {
      for (const need of command.needs) await need();
    });
    if (command.script !== undefined) endAs(await runForeground([...command.script, ...args]));
  } catch (error) {
    if (!(error instanceof StepFailedError)) throw error;
    process.stderr.write(error.output);
    stop(error.message, error.ending.code ?? 1);
  }
}

/** @param {string} message @param {number} [code] */
function stop(message, code = 1) {
  process.stderr.write(`perdure: ${message}\n`);
  process.exitCode = code;
}

await main();
