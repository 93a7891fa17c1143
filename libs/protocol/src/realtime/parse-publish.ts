import type { JsonObject } from '@perdure/domain';
import { asJsonObject, parseJson } from '../json/parse-json.ts';
import { LIVE_TOPICS_MAX, type LiveAccess } from './realtime-token.ts';

/** Where to and on whose behalf something is published. */
export interface PublishRequest {
  channel: string;
  topics: string[];
  runId?: string;
  metadata?: JsonObject;
}

export type PublishRequestResult = ({ ok: true } & PublishRequest) | { ok: false; error: string };

/** The query of `POST /v1/realtime/publish` (sdk-protocol.md 9.6.4); without topics those of `fallback`, if any. */
export function parsePublish(query: Record<string, unknown>, fallback: readonly string[] = []): PublishRequestResult {
  const channel = textsOf(query['channel'])[0];
  const given = [...new Set(textsOf(query['topic']))];
  const topics = given.length > 0 ? given : [...fallback];
  const [runId] = textsOf(query['run_id']);
  const [metadataText] = textsOf(query['metadata']);
  const parsed = metadataText === undefined ? undefined : parseJson(metadataText);
  const metadata = parsed?.ok === true ? asJsonObject(parsed.value) : undefined;
  if (channel === undefined) return { ok: false, error: 'Invalid request: must provide a channel' };
  if (topics.length === 0) return { ok: false, error: 'Invalid request: must provide a topic' };
  if (topics.length > LIVE_TOPICS_MAX)
    return { ok: false, error: `Invalid request: more than ${LIVE_TOPICS_MAX} topics` };
  if (parsed !== undefined && metadata === undefined) {
    return { ok: false, error: 'Invalid request: metadata must be a JSON object' };
  }
  return { ok: true, channel, topics, ...(runId !== undefined && { runId }), ...(metadata && { metadata }) };
}

/** Whether the token lets its bearer publish there. */
export function mayPublishTo(access: LiveAccess, { channel, topics }: PublishRequest): boolean {
  const isAllowed = (name: string): boolean =>
    access.topics.some((topic) => topic.channel === channel && topic.name === name);
  return access.mayPublish && topics.every(isAllowed);
}

/** The texts of a parameter that may be given several times; empty ones count as absent. */
function textsOf(value: unknown): string[] {
  return [value].flat().filter((text) => typeof text === 'string' && text !== '') as string[];
}
