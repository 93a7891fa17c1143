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
  const stream = new LiveStream(ports, request);
  const outcome = await each(source, (bytes) => stream.write(bytes));
  const rest = stream.end();
  return outcome === 'published' ? rest : outcome;
}

/** One stream that is published bit by bit; it has begun when this exists. */
export class LiveStream {
  readonly #ports: Ports;
  readonly #request: PublishRequest;
  readonly #streamId: string;
  readonly #decoder = textDecoder();
  #chunks = 0;

  constructor(ports: Ports, request: PublishRequest) {
    this.#ports = ports;
    this.#request = request;
    this.#streamId = ports.ids.ulid(ports.clock.now());
    this.#tell('stream-start');
  }

  /** UTF-8; a character may come in parts. Beyond `CHUNKS_MAX` chunks nothing is passed on. */
  write(bytes: Uint8Array): 'published' | 'too-large' {
    return this.#pass(this.#decoder.decode(bytes, { stream: true }));
  }

  end(): 'published' | 'too-large' {
    const outcome = this.#pass(this.#decoder.decode());
    this.#tell('stream-end');
    return outcome;
  }

  #pass(text: string): 'published' | 'too-large' {
    for (const body of splitText(text, CHUNK_BYTES_MAX)) {
      if (++this.#chunks > CHUNKS_MAX) return 'too-large';
      this.#tell('stream-chunk', body);
    }
    return 'published';
  }

  #tell(kind: LiveMessage['kind'], body = ''): void {
    tell(this.#ports, this.#request, { kind, streamId: this.#streamId, body });
  }
}

/** Relays text as it comes in; `onText` is given it, too. */
export async function relayStream(
  ports: Ports,
  request: PublishRequest,
  source: ByteSource,
  onText: (text: string) => void,
): Promise<StreamOutcome> {
  const decoder = textDecoder();
  let bytes = 0;
  const relay = (text: string): StreamOutcome => {
    bytes += Buffer.byteLength(text);
    if (bytes > RELAY_BYTES_MAX) return 'too-large';
    for (const body of splitText(text, LIVE_BYTES_MAX)) tell(ports, request, { kind: 'relay', body });
    onText(text);
    return 'published';
  };
  const outcome = await each(source, (chunk) => relay(decoder.decode(chunk, { stream: true })));
  return outcome === 'published' ? relay(decoder.decode()) : outcome;
}

/** Stops when `use` says anything but 'published'. */
async function each(source: ByteSource, use: (bytes: Uint8Array) => StreamOutcome): Promise<StreamOutcome> {
  try {
    for await (const bytes of source) {
      const outcome = use(bytes);
      if (outcome !== 'published') return outcome;
    }
    return 'published';
  } catch {
    // Its cause is with the sender, who is gone.
    return 'broken';
  }
}

/** Nothing of a text is left out, also what some take for a mark of its encoding. */
function textDecoder(): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true });
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
