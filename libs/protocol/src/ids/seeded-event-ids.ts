import { encodeUlid, type EventId } from '@perdure/domain';

const ENTROPY_BYTES = 10;
/** The last four bytes of the entropy are a counter. */
const COUNTER_AT = 6;
/** The largest time that a ULID can hold. */
const ULID_TIME_MAX = 2 ** 48 - 1;
const MILLIS = /^\d{1,15}$/;
const TEN_BYTES_BASE64 = /^[A-Za-z0-9+/]{14}==$/;

/**
 * The IDs that a sender's `x-inngest-event-id-seed` gives to the events of its request, by their index from 0: the same
 * request sent again gives the same IDs (sdk-protocol.md 2.3). Undefined when the seed is malformed, which is no error.
 */
export function seededEventIds(seed: string): ((index: number) => EventId) | undefined {
  const [millis, entropyText, ...rest] = seed.split(',').map((part) => part.trim());
  if (millis === undefined || entropyText === undefined || rest.length > 0) return undefined;
  const time = MILLIS.test(millis) ? Number(millis) : 0;
  if (time <= 0 || time > ULID_TIME_MAX || !TEN_BYTES_BASE64.test(entropyText)) return undefined;
  const entropy = Buffer.from(entropyText, 'base64');
  if (entropy.length !== ENTROPY_BYTES) return undefined;
  const counter = entropy.readUInt32BE(COUNTER_AT);
  return (index) => {
    const bytes = Buffer.from(entropy);
    bytes.writeUInt32BE((counter + index + 1) % 2 ** 32, COUNTER_AT);
    return encodeUlid(time, bytes);
  };
}
