import { createHmac, hash } from 'node:crypto';
import type { JsonObject } from '@perdure/domain';
import { asJsonObject, parseJson } from '../json/parse-json.ts';
import { isEqualText } from './signing-key.ts';

const HEADER = encode('{"alg":"HS256","typ":"JWT"}');
/** What tokens are signed with where nobody configured a key: there everybody may do everything. */
const KEYLESS = 'perdure without keys';

/** A JWT of these claims, signed with HS256 under a secret that the signing key gives, and from which nobody gets at the key. */
export function signToken(claims: JsonObject, signingKey: string | undefined): string {
  const text = `${HEADER}.${encode(JSON.stringify(claims))}`;
  return `${text}.${signatureOf(text, signingKey)}`;
}

/**
 * The claims of a token that one of the signing keys signed and that has not expired by then; undefined for any other text.
 * `exp` is in seconds.
 */
export function readToken(
  token: string,
  { signingKeys, nowSeconds }: { signingKeys: readonly string[]; nowSeconds: number },
): JsonObject | undefined {
  const [header = '', payload = '', signature = '', ...more] = token.split('.');
  if (more.length > 0 || header !== HEADER) return undefined;
  const keys = signingKeys.length === 0 ? [undefined] : signingKeys;
  const isSigned = keys.map((key) => isEqualText(signature, signatureOf(`${header}.${payload}`, key))).includes(true);
  const parsed = isSigned ? parseJson(Buffer.from(payload, 'base64url').toString()) : undefined;
  const claims = parsed?.ok === true ? asJsonObject(parsed.value) : undefined;
  const expiresAt = claims?.['exp'];
  return typeof expiresAt === 'number' && expiresAt > nowSeconds ? claims : undefined;
}

function signatureOf(text: string, signingKey: string | undefined): string {
  const secret = hash('sha256', `perdure token ${signingKey ?? KEYLESS}`);
  return createHmac('sha256', secret).update(text).digest('base64url');
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}
