import { dumpPage } from './dump-page.ts';
import { runOperation } from './run-operation.ts';
import { play } from './tx-player.ts';

/** What the one function of a library for tests does: it plays commands of `Tx`. */
export function run(keys: string[], args: string[]): string {
  return runOperation({ play, dumpPage }, keys, args);
}
