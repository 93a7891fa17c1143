import type { Msg } from '@nats-io/transport-node';

import type { StreamedMessage, StreamMessage } from '../../event-stream.ts';

/** Headers of what is stored. NATS itself reads the first: it remembers IDs for the dedup window. */
export const MESSAGE_ID = 'Nats-Msg-Id';
/** Of a dead letter that was retried, whose own message ID must not be a known one. */
const REAL_ID = 'Perdure-Id';
/** `<pieces>.<token>`: the body is elsewhere, see BodyParts. */
export const PARTS = 'Perdure-Parts';
/** Bytes of such a body. */
export const PARTS_BYTES = 'Perdure-Parts-Bytes';

/** A header takes only printable ASCII and loses spaces at its ends. */
export function toHeader(text: string): string {
  return encodeURIComponent(text);
}

export function fromHeader(value: string): string {
  return decodeURIComponent(value);
}

/** What makes a message known, and what it is called when that is something else. */
export function idHeaders({ id }: StreamMessage, messageId = id): Record<string, string> {
  return { [MESSAGE_ID]: toHeader(messageId), ...(messageId !== id && { [REAL_ID]: toHeader(id) }) };
}

export function idOf({ headers }: Msg): string {
  return fromHeader(headerOf(headers, REAL_ID) ?? headerOf(headers, MESSAGE_ID) ?? '');
}

export function headerOf(headers: Msg['headers'], name: string): string | undefined {
  const value = headers?.get(name) ?? '';
  return value === '' ? undefined : value;
}

/** What a consumer says of a message that it delivers. */
export interface DeliveryInfo extends Pick<StreamedMessage, 'seq' | 'appendedAt'> {
  deliveryCount: number;
}

const NANOS_PER_MS = 1_000_000;

/**
 * Reads `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>`; a server of another
 * kind puts a domain and an account before the stream, and may add to the end.
 */
export function deliveryInfo({ reply = '' }: Msg): DeliveryInfo {
  const tokens = reply.split('.');
  const first = tokens.length === 9 ? 4 : 6;
  return {
    deliveryCount: Number(tokens[first]),
    seq: Number(tokens[first + 1]),
    appendedAt: Math.floor(Number(tokens[first + 3]) / NANOS_PER_MS),
  };
}
