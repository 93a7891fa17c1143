import { createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { Inngest } from 'inngest';
import { serve } from 'inngest/edge';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../json/canonical-json.ts';
import { signBody, verifySignature } from './sign-body.ts';
import { hashSigningKey } from './signing-key.ts';

const KEY = `signkey-prod-${'ab'.repeat(32)}`;
const AT = 1_795_215_794;
/** The SDK reports each refused signature. */
const SILENT = { info: noop, warn: noop, error: noop, debug: noop };

function noop(): void {}

test('[P26] a signature is the HMAC of body and time under the text of the key without its prefix', () => {
  const digest = createHmac('sha256', 'ab'.repeat(32)).update(`{"a":1}${AT}`).digest('hex');

  expect(signBody(KEY, '{"a":1}', AT)).toBe(`t=${AT}&s=${digest}`);
});

test('what is signed verifies under the same key, whatever else is tried', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: -300, max: 300 }), (body, age) => {
      const signature = signBody(KEY, body, AT);

      expect(verifySignature(signature, { body, keys: ['00'.repeat(32), KEY], nowSeconds: AT + age })).toBe(true);
      expect(verifySignature(signature, { body: `${body} `, keys: [KEY], nowSeconds: AT + age })).toBe(false);
      expect(verifySignature(signature, { body, keys: ['00'.repeat(32)], nowSeconds: AT })).toBe(false);
    }),
  );
});

test.each([301, -301])('a signature %d seconds away from now is refused', (age) => {
  expect(verifySignature(signBody(KEY, 'x', AT), { body: 'x', keys: [KEY], nowSeconds: AT + age })).toBe(false);
});

test.each(['', 't=1', 's=ab&t=1', `t=${AT}&s=zz`, `s=${'a'.repeat(64)}&t=${AT}`])('%j is no signature', (signature) => {
  expect(verifySignature(signature, { body: 'x', keys: [KEY], nowSeconds: AT })).toBe(false);
});

describe('the real SDK (npm 4)', () => {
  const client = new Inngest({ id: 'probe', signingKey: KEY, isDev: false, logger: SILENT });
  const handler = serve({ client, functions: [] });

  async function ask(method: string, body: string, signature: string): Promise<Response> {
    return handler(
      new Request('http://localhost/api/inngest?probe=trust', {
        method,
        headers: { host: 'localhost', 'x-inngest-signature': signature, 'content-type': 'application/json' },
        ...(method !== 'GET' && { body }),
      }),
    );
  }

  test('[P26][P27] accepts a signed body, refuses one that was changed', async () => {
    const body = canonicalJson({ z: [1e21, 1.5, 'é'], a: { '10': 1, '9': null } });
    const seconds = Math.floor(Date.now() / 1000);

    expect((await ask('POST', body, signBody(KEY, body, seconds))).status).toBe(200);
    expect((await ask('POST', `${body.slice(0, -1)},"zz":1}`, signBody(KEY, body, seconds))).status).toBe(401);
  });

  test('[P28] accepts the signature of an empty body on GET, and its own key hash is ours', async () => {
    const response = await ask('GET', '', signBody(KEY, '', Math.floor(Date.now() / 1000)));

    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      authentication_succeeded: true,
      signing_key_hash: hashSigningKey(KEY).replace('signkey-prod-', '').slice(0, 12),
    });
  });

  test('its signature of an answer verifies', async () => {
    const body = '{}';
    const nowSeconds = Math.floor(Date.now() / 1000);

    const response = await ask('POST', body, signBody(KEY, body, nowSeconds));

    const signature = response.headers.get('x-inngest-signature') ?? '';
    expect(verifySignature(signature, { body: await response.text(), keys: [KEY], nowSeconds })).toBe(true);
  });
});
