import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw, type InputType, type ZlibOptions } from 'node:zlib';

const ungzip: Decoder = promisify(gunzip);
const unbrotli: Decoder = promisify(brotliDecompress);
const unzlib: Decoder = promisify(inflate);
const undeflate: Decoder = promisify(inflateRaw);

type Decoder = (bytes: InputType, options: ZlibOptions) => Promise<Buffer>;

export type DecodedBody = { kind: 'decoded'; bytes: Buffer } | { kind: 'too-large' } | { kind: 'broken'; why: string };

/**
 * Undoes the content codings (RFC 9110 8.4), the last one first. Stops at `bytesMax`, whatever the compressed size: a
 * small answer may unpack to gigabytes.
 */
export async function decodeBody(bytes: Buffer, contentEncoding: string, bytesMax: number): Promise<DecodedBody> {
  let decoded = bytes;
  for (const coding of contentEncoding.toLowerCase().split(',').toReversed()) {
    const decode = decoderOf(coding.trim(), decoded);
    if (decode === undefined) continue;
    if (decode === 'unknown') return { kind: 'broken', why: `unknown content encoding ${coding.trim()}` };
    try {
      decoded = await decode(decoded, { maxOutputLength: bytesMax });
    } catch (error) {
      if (isTooLarge(error)) return { kind: 'too-large' };
      return { kind: 'broken', why: error instanceof Error ? error.message : String(error) };
    }
  }
  return { kind: 'decoded', bytes: decoded };
}

function decoderOf(coding: string, bytes: Buffer): Decoder | 'unknown' | undefined {
  switch (coding) {
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return ungzip;
    case 'br':
      return unbrotli;
    case 'deflate':
      return hasZlibHeader(bytes) ? unzlib : undeflate;
    default:
      return 'unknown';
  }
}

/** Senders disagree on what `deflate` is: a zlib stream as specified (RFC 1950), or a bare one (RFC 1951). */
function hasZlibHeader(bytes: Buffer): boolean {
  return bytes.length >= 2 && (bytes[0]! & 0x0f) === 8 && bytes.readUInt16BE(0) % 31 === 0;
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}
