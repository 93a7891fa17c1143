import { dutyKey } from './keys.ts';
import { int, whole } from './numbers.ts';
import type { Tx } from './tx.ts';

export interface TakeDutyArgs {
  duty: string;
  holder: string;
  leaseMs: number;
}

/** Takes the duty, or keeps it, unless another has it whose lease has not run out. A repeat keeps it longer. 2 commands. */
export function takeDuty(tx: Tx, now: number, args: TakeDutyArgs): boolean {
  const key = dutyKey(args.duty);
  const duty = tx.hgetall(key);
  if (duty !== undefined && duty['by'] !== args.holder && int(duty['until']) > now) return false;
  tx.hset(key, { by: args.holder, until: whole(now + args.leaseMs) });
  return true;
}

export interface DropDutyArgs {
  duty: string;
  holder: string;
}

/** Leaves the duty to the next that asks. Changes nothing when another has it, and when it is repeated. 2 commands. */
export function dropDuty(tx: Tx, _now: number, args: DropDutyArgs): void {
  const key = dutyKey(args.duty);
  if (tx.hget(key, 'by') === args.holder) tx.hdrop(key);
}
