import { DEFAULT_ENV_ID } from '@perdure/domain';
import {
  CHUNK_BYTES_MAX,
  CHUNKS_MAX,
  isPlainText,
  LIVE_BYTES_MAX,
  type LiveMessage,
  printLive,
  type PublishRequest,
  RELAY_BYTES_MAX,
  splitText,
} from '@perdure/protocol';
import type { Ports } from '../ports.ts';

/** Bytes as they come in; ends with an exception when the sender breaks off. */
export type ByteSource = AsyncIterable<Uint8Array>;

/** `broken`: the sender broke off. Listeners have had what came before. */
export type StreamOutcome = 'published' | 'too-large' | 'broken';

/**
 * Shows a message to those who listen now, in any process (sdk-protocol.md 9.6.4). Best effort, as the bus is: it is kept for
 * nobody, and a repeat is shown again.
 */
export function publishLive(ports: Ports, request: PublishRequest, body: string): 'published' | 'too-large' {
  if (Buffer.byteLength(body) > LIVE_BYTES_MAX) return 'too-large';
  tell(ports, request, { kind: 'data', body, isText: isPlainText(body) });
  return 'published';
}

/** Passes text on while it comes in: a start, chunks, and an end however it ends. */
export async function publishStream(ports: Ports, request: PublishRequest, source: ByteSource): Promise<StreamOutcome> {
  const streamId = ports.ids.ulid(ports.clock.now());
  let chunks = 0;
  tell(ports, request, { kind: 'stream-start', streamId });
  const outcome = await eachText(source, (text) => {
    for (const body of splitText(text, CHUNK_BYTES_MAX)) {
      if (++chunks > CHUNKS_MAX) return 'too-large';
      tell(ports, request, { kind: 'stream-chunk', streamId, body, isText: true });
    }
    return 'published';
  });
  tell(ports, request, { kind: 'stream-end', streamId });
  return outcome;
}

/** Relays text as it comes in; `onText` is given it, too. */
export function relayStream(
  ports: Ports,
  request: PublishRequest,
  source: ByteSource,
  onText: (text: string) => void,
): Promise<StreamOutcome> {
  let bytes = 0;
  return eachText(source, (text) => {
    bytes += Buffer.byteLength(text);
    if (bytes > RELAY_BYTES_MAX) return 'too-large';
    for (const body of splitText(text, LIVE_BYTES_MAX)) tell(ports, request, { kind: 'relay', body, isText: true });
    onText(text);
    return 'published';
  });
}

/** Characters that come in two parts are put together. Stops when `use` says anything but 'published'. */
async function eachText(source: ByteSource, use: (text: string) => StreamOutcome): Promise<StreamOutcome> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  try {
    for await (const bytes of source) {
      const outcome = use(decoder.decode(bytes, { stream: true }));
      if (outcome !== 'published') return outcome;
    }
  } catch {
    // Its cause is with the sender, who is gone.
    return 'broken';
  }
  return use(decoder.decode());
}

function tell(
  { bus, clock }: Ports,
  { channel, topics, runId, metadata }: PublishRequest,
  message: Pick<LiveMessage, 'kind' | 'streamId'> & Partial<Pick<LiveMessage, 'body' | 'isText'>>,
): void {
  const head = { envId: DEFAULT_ENV_ID, channel, topics, at: clock.now() };
  const about = { ...(runId !== undefined && { runId }), ...(metadata !== undefined && { metadata }) };
  bus.publish('realtime', printLive({ body: '', isText: true, ...head, ...about, ...message }));
}
