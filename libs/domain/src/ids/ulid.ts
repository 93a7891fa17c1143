/** Crockford's base 32. */
export const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_CHARS = 10;
const ENTROPY_BYTES = 10;
const ULID_PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** Encodes `timeMs` (48 bits) and ten bytes of entropy as an upper-case Crockford ULID of 26 characters. */
export function encodeUlid(timeMs: number, entropy: Uint8Array): string {
  if (entropy.length !== ENTROPY_BYTES) throw new RangeError(`a ULID takes 10 bytes of entropy, not ${entropy.length}`);
  let time = '';
  let rest = timeMs;
  for (let i = 0; i < TIME_CHARS; i++) {
    time = ALPHABET[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  return time + encodeEntropy(entropy);
}

function encodeEntropy(entropy: Uint8Array): string {
  let text = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of entropy) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(buffer >> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  return text;
}

/** Whether `text` is a ULID in canonical form. */
export function isUlid(text: string): boolean {
  return ULID_PATTERN.test(text);
}

/** The time in a ULID, in milliseconds of the epoch. The text must be a ULID. */
export function ulidTimeMs(ulid: string): number {
  let time = 0;
  for (let i = 0; i < TIME_CHARS; i++) time = time * 32 + ALPHABET.indexOf(ulid[i] ?? '0');
  return time;
}
