import { operations } from '../../../operations/index.ts';
import { dumpPage } from './dump-page.ts';
import { runOperation } from './run-operation.ts';

/** What the library's one function does. */
export function run(keys: string[], args: string[]): string {
  return runOperation(callable, keys, args);
}

const callable = { ...operations, dumpPage };
