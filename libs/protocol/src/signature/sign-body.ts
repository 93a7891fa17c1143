import { createHmac } from 'node:crypto';
import { isEqualText, stripKeyPrefix } from './signing-key.ts';

/** How far the time of a signature may be from now, either way. */
export const SIGNATURE_TOLERANCE_S = 300;

/**
 * The `X-Inngest-Signature` of a body, `t=<seconds>&s=<hex>`: HMAC-SHA256 of body and time under the key's text without
 * prefix (sdk-protocol.md 5.3). `body` must be the very bytes that are sent, canonical where an SDK is to verify them;
 * empty for GET.
 */
export function signBody(key: string, body: string, unixSeconds: number): string {
  const seconds = Math.floor(unixSeconds);
  const digest = createHmac('sha256', stripKeyPrefix(key)).update(body).update(String(seconds)).digest('hex');
  return `t=${seconds}&s=${digest}`;
}

/** Whether `signature` is that of `body` under one of `keys`, and not older or newer than the tolerance. */
export function verifySignature(
  signature: string,
  { body, keys, nowSeconds }: { body: string; keys: readonly string[]; nowSeconds: number },
): boolean {
  const time = /^t=(\d{1,12})&s=[\da-f]{64}$/i.exec(signature)?.[1];
  if (time === undefined) return false;
  const seconds = Number(time);
  if (Math.abs(nowSeconds - seconds) > SIGNATURE_TOLERANCE_S) return false;
  let isValid = false;
  for (const key of keys) {
    const isOfKey = isEqualText(signature.toLowerCase(), signBody(key, body, seconds));
    isValid = isValid || isOfKey;
  }
  return isValid;
}
