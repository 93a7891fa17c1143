/**
 * `npm run soak -- --minutes 30 --seed 7`: the fault tests at the full lengths that the specification names, and twenty
 * times as many random step graphs as in `npm test`, again and again, each round with the next seed, until the time is
 * over or a round fails. A failed round says how to repeat it.
 */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { commandEnv, repositoryRoot } from './bootstrap/paths.mjs';

const MINUTES_DEFAULT = '30';

const { values, positionals } = parseArgs({
  options: {
    minutes: { type: 'string', default: MINUTES_DEFAULT },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
  allowPositionals: true,
});
const minutes = Number(values.minutes);
const firstSeed = Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(firstSeed)) {
  console.error('usage: npm run soak -- [--minutes N] [--seed N] [part of a test file name ...]');
  process.exit(2);
}

/** One round: the files that were named, by default those of all faults and of the random step graphs. */
function runRound(seed: number): Promise<number> {
  const files = positionals.length > 0 ? positionals : ['src/faults/', 'libs/engine/src/test/graphs/graphs.test.ts'];
  const child = spawn('vitest', ['run', '--project', 'system-faults', '--project', 'unit', ...files], {
    cwd: repositoryRoot,
    env: { ...commandEnv(), PERDURE_SOAK: '1', PERDURE_SEED: String(seed) },
    stdio: 'inherit',
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

const endsAt = performance.now() + minutes * 60_000;
let round = 0;
do {
  const seed = firstSeed + round;
  round += 1;
  console.log(`\n== soak: round ${round}, seed ${seed}`);
  const code = await runRound(seed);
  if (code !== 0) {
    console.error(`soak: round ${round} failed; repeat it with: npm run soak -- --minutes 1 --seed ${seed}`);
    process.exit(1);
  }
} while (performance.now() < endsAt);
console.log(`soak: ${round} rounds passed, seeds ${firstSeed} to ${firstSeed + round - 1}`);
