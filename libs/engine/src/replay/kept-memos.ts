import type { JsonValue, StepHash } from '@perdure/domain';
import { canonicalJson } from '@perdure/protocol';

/** What a step came to. */
export interface KeptMemo {
  hash: StepHash;
  /** Canonical JSON. */
  memo: string;
}

/** What history keeps of the steps of an ended run, in their order: `[[hash, memo], ...]`. The memos are JSON already. */
export function printMemos(memos: readonly KeptMemo[]): string {
  return `[${memos.map(({ hash, memo }) => `[${JSON.stringify(hash)},${memo}]`).join(',')}]`;
}

/** What `printMemos` made. */
export function parseMemos(text: string): KeptMemo[] {
  const pairs = JSON.parse(text) as [StepHash, JsonValue][];
  return pairs.map(([hash, memo]) => ({ hash, memo: canonicalJson(memo) }));
}
