import { createHash, timingSafeEqual } from 'node:crypto';

const PREFIX = /^signkey-\w+-/;

/** The key without `signkey-<env>-`: what signs, as text (sdk-protocol.md 5.3). */
export function stripKeyPrefix(key: string): string {
  return key.replace(PREFIX, '');
}

/** The form that SDKs present as bearer: prefix kept, then the SHA-256 of the decoded rest (sdk-protocol.md 5.1). */
export function hashSigningKey(key: string): string {
  const prefix = PREFIX.exec(key)?.[0] ?? '';
  const digest = createHash('sha256')
    .update(Buffer.from(stripKeyPrefix(key), 'hex'))
    .digest('hex');
  return prefix + digest;
}

/**
 * Whether the value of an `Authorization` header presents one of `keys`, raw or hashed, with or without prefix on either
 * side. Without keys everybody is accepted: dev SDKs send `Bearer undefined`, an empty one, or none (sdk-protocol.md
 * 3.2, 5.2). Takes the same time whichever key matches, or none.
 */
export function isBearerAccepted(authorization: string | undefined, keys: readonly string[]): boolean {
  if (keys.length === 0) return true;
  const token = /^Bearer +(\S+)\s*$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) return false;
  const presented = stripKeyPrefix(token);
  let isAccepted = false;
  for (const key of keys) {
    const isRaw = isEqualText(presented, stripKeyPrefix(key));
    const isHashed = isEqualText(presented, stripKeyPrefix(hashSigningKey(key)));
    isAccepted = isAccepted || isRaw || isHashed;
  }
  return isAccepted;
}

/** Compares in constant time, texts of different length too: their digests are compared. */
export function isEqualText(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}
