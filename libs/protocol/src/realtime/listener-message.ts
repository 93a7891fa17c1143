import { asJsonObject, parseJson } from '../json/parse-json.ts';

/** What a subscriber may say: listen to the topics of another token, or to some no longer. */
export type ListenerMessage = { kind: 'subscribe'; token: string } | { kind: 'unsubscribe'; topics: string[] };

/** A frame of a client (sdk-protocol.md 9.6.2); undefined for one that is not understood, which is nothing to answer. */
export function readListenerMessage(frame: string): ListenerMessage | undefined {
  const parsed = parseJson(frame);
  const fields = parsed.ok ? asJsonObject(parsed.value) : undefined;
  const data = fields?.['data'];
  if (fields?.['kind'] === 'sub' && typeof data === 'string') return { kind: 'subscribe', token: data };
  if (fields?.['kind'] !== 'unsub' || !Array.isArray(data)) return undefined;
  return { kind: 'unsubscribe', topics: data.filter((topic) => typeof topic === 'string') };
}
