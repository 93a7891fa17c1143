import { encodeUlid, type Ids } from '@perdure/domain';

const TWO_POW_32 = 4_294_967_296;

/**
 * `Ids` that give the same values for the same `seed` and the same calls. ULIDs carry a counter, so that later ones of
 * one time sort after earlier ones.
 */
export function testIds(seed = 1): Ids {
  const random = mulberry32(seed);
  const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => Math.floor(random() * 256));
  let count = 0;
  return {
    ulid: (atMs) => {
      const entropy = bytes(10);
      new DataView(entropy.buffer).setUint32(0, count++);
      return encodeUlid(atMs, entropy);
    },
    token: () => Buffer.from(bytes(16)).toString('base64url'),
    uuid: () => uuidV4(bytes(16)),
    random,
  };
}

function uuidV4(bytes: Uint8Array): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Mulberry32 (Tommy Ettinger, public domain): 32 bits of state, enough for tests. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / TWO_POW_32;
  };
}
