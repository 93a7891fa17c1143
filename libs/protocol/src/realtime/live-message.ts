import type { EnvId, EpochMs, JsonObject } from '@perdure/domain';
import { parseJson } from '../json/parse-json.ts';
import { formatInstant } from '../rest/rest-v1.ts';

/**
 * `data`: one message. A stream has a start, chunks of text and an end, all with its ID. `relay`: text on its way
 * to whoever waits for the answer of a durable endpoint, passed on as it is.
 */
export type LiveKind = 'data' | 'stream-start' | 'stream-chunk' | 'stream-end' | 'relay';

/** What is published, to one topic or several of a channel. */
export interface LiveMessage {
  kind: LiveKind;
  envId: EnvId;
  channel: string;
  topics: readonly string[];
  at: EpochMs;
  /** The run that published it. */
  runId?: string;
  metadata?: JsonObject;
  /** Of a stream. */
  streamId?: string;
  /** Of `data`: JSON, unless `isText`. */
  body: string;
  isText: boolean;
}

/** Of one message as it was published (sdk-protocol.md 11.1). */
export const LIVE_BYTES_MAX = 512 * 1024;
/** A stream is passed on in pieces of at most so much, and so many. */
export const CHUNK_BYTES_MAX = 1_024;
export const CHUNKS_MAX = 1_000;
/** Of what is relayed in one request. */
export const RELAY_BYTES_MAX = 1024 * 1024;
/** The topic of what is relayed. */
export const RELAY_TOPIC = '$stream';

/** How it travels between processes: what it is and whom it concerns, and the body as it is. */
export function printLive({ body, ...head }: LiveMessage): { head: string; body: string } {
  return { head: JSON.stringify(head), body };
}

/** Reverses `printLive`. Throws when the head is none. */
export function readLive({ head, body }: { head: string; body: string }): LiveMessage {
  return { ...(JSON.parse(head) as Omit<LiveMessage, 'body'>), body };
}

/** Whether a body is delivered as text: what is no JSON. */
export function isPlainText(body: string): boolean {
  return !parseJson(body).ok;
}

/** The text frame, or the data of a server-sent event, for who listens to `topic` (sdk-protocol.md 9.6.2). */
export function liveFrame(message: LiveMessage, topic: string): string {
  const { kind, envId, channel, at, runId, metadata, streamId } = message;
  const fields = {
    kind: WIRE_KINDS[kind],
    created_at: formatInstant(at),
    channel,
    env_id: envId,
    topic,
    ...(runId !== undefined && { run_id: runId }),
    ...(kind === 'stream-chunk' && { stream_id: streamId }),
    ...(metadata !== undefined && { metadata }),
  };
  // The body as it came: what it means is between publisher and subscriber, large numbers included.
  return `${JSON.stringify(fields).slice(0, -1)},"data":${dataOf(message)}}`;
}

const WIRE_KINDS: Readonly<Record<LiveKind, string>> = {
  data: 'data',
  'stream-start': 'datastream-start',
  'stream-chunk': 'chunk',
  'stream-end': 'datastream-end',
  relay: 'data',
};

function dataOf({ kind, streamId, body, isText }: LiveMessage): string {
  if (kind === 'stream-start' || kind === 'stream-end') return JSON.stringify(streamId ?? '');
  return isText ? JSON.stringify(body) : body;
}
