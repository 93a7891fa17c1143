import { createHash } from 'node:crypto';
import { assert } from '@perdure/domain';

/** Kept as it is in keys: readable, short, without the separators of keys (`|`), job IDs (`.` first) and records (space). */
const PLAIN_NAME = /^[\w.:/@#+=-]{1,128}$/;
/** What files and logs take without harm. */
const HASH_MAX = 256;
const RUN_ID = /^[\w-]{1,64}$/;

/**
 * Names that callers choose freely (buckets, dedup keys, event names, signals) become parts of keys. Those that are long
 * or hold separators are replaced by a digest: equal names stay equal, which is all that the store needs of them.
 */
export function encodeName(name: string): string {
  if (PLAIN_NAME.test(name)) return name;
  return `%${createHash('sha256').update(name).digest('base64url')}`;
}

/** An anchor's path and value as one name. */
export function encodeAnchor(anchor: { path: string; valueHash: string }): string {
  return encodeName(`${anchor.path}=${anchor.valueHash}`);
}

/** A job's ID starts with its run's, up to the first dot. */
export function checkRunId(runId: string): string {
  assert(RUN_ID.test(runId), 'a run ID is 1 to 64 letters, digits, "-" or "_"', { runId });
  return runId;
}

/** The SDK chooses step hashes; the store only bounds them. */
export function checkHash(hash: string): string {
  assert(hash.length > 0 && hash.length <= HASH_MAX, `a step hash has 1 to ${HASH_MAX} characters`, {
    length: hash.length,
  });
  return hash;
}
