import { operations } from '../../../operations/index.ts';
import { runOperation } from './run-operation.ts';

/** What the library's one function does. */
export function run(keys: string[], args: string[]): string {
  return runOperation(operations, keys, args);
}
