import { createHash } from 'node:crypto';

/** 128 bits, URL-safe: parts are separated so that no two lists of parts collide. */
export function hash(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
}
