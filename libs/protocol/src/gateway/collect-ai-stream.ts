import type { JsonObject, JsonValue } from '@perdure/domain';
import { asJsonObject, parseJson } from '../json/parse-json.ts';
import type { AiFormat } from './read-outbound.ts';

export type CollectedStream = { ok: true; value: JsonValue } | { ok: false; reason: string };

const ENDED_EARLY: CollectedStream = { ok: false, reason: 'the stream ended before its end' };

/**
 * Puts a provider's stream of server-sent events together to what it would have answered without streaming, which is
 * what SDKs give to the function. A stream that breaks off, or that reports an error midway, is a failed request.
 */
export function collectAiStream(format: AiFormat, body: string): CollectedStream {
  const messages = dataOf(body);
  const isDone = messages.at(-1) === '[DONE]';
  const events: JsonObject[] = [];
  for (const message of messages) {
    if (message === '[DONE]') continue;
    const parsed = parseJson(message);
    const event = parsed.ok ? asJsonObject(parsed.value) : undefined;
    if (event === undefined) return { ok: false, reason: 'the stream holds something that is not a JSON object' };
    const error = errorIn(event);
    if (error !== undefined) return { ok: false, reason: `the stream reports an error: ${error}` };
    events.push(event);
  }
  switch (format) {
    case 'openai-chat':
      return collectChat(events, isDone);
    case 'openai-responses':
      return collectResponses(events);
    case 'anthropic':
      return collectMessage(events);
    case 'gemini':
    case 'bedrock':
      return collectCandidates(events);
    default:
      return format satisfies never;
  }
}

/** The data of each event, by the rules of the HTML standard as far as providers use them. */
function dataOf(body: string): string[] {
  const messages: string[] = [];
  for (const block of body.replaceAll('\r\n', '\n').split('\n\n')) {
    const lines = block.split('\n').filter((line) => line.startsWith('data:'));
    if (lines.length > 0) messages.push(lines.map((line) => line.slice('data:'.length).replace(/^ /, '')).join('\n'));
  }
  return messages;
}

function errorIn(event: JsonObject): string | undefined {
  const error = event['type'] === 'error' ? (event['error'] ?? event) : event['error'];
  if (error === undefined || error === null) return undefined;
  const message = asJsonObject(error)?.['message'];
  return typeof message === 'string' ? message : JSON.stringify(error);
}

// --------------------------------------------------------------------------------------------------------- openai

/** Chunks of `chat.completion.chunk`. */
function collectChat(events: JsonObject[], isDone: boolean): CollectedStream {
  let head: JsonObject = {};
  const choices = new Map<number, JsonObject>();
  for (const { choices: deltas, ...rest } of events) {
    head = { ...head, ...withoutNulls(rest) };
    for (const delta of objectsIn(deltas)) addChoice(choices, delta);
  }
  const collected = [...choices.values()];
  const isFinished = collected.length > 0 && collected.every((choice) => choice['finish_reason'] !== null);
  if (!isDone && !isFinished) return ENDED_EARLY;
  return { ok: true, value: { ...head, object: 'chat.completion', choices: inOrder(choices) } };
}

function addChoice(choices: Map<number, JsonObject>, { index, delta, ...rest }: JsonObject): void {
  const at = typeof index === 'number' ? index : 0;
  const choice = choices.get(at) ?? { index: at, message: { role: 'assistant', content: null }, finish_reason: null };
  const message = mergeDelta(asJsonObject(choice['message']) ?? {}, asJsonObject(delta) ?? {});
  choices.set(at, { ...choice, ...withoutNulls(rest), message });
}

/** Texts grow, lists are merged by the index that their items name, all else is replaced. */
function mergeDelta(into: JsonObject, delta: JsonObject): JsonObject {
  const merged: JsonObject = { ...into };
  for (const [name, value] of Object.entries(delta)) {
    const before = merged[name];
    if (value === null || value === undefined) continue;
    if (typeof value === 'string' && typeof before === 'string' && GROWING.has(name)) merged[name] = before + value;
    else if (Array.isArray(value)) merged[name] = mergeItems(Array.isArray(before) ? before : [], value);
    else if (asJsonObject(value) !== undefined && asJsonObject(before) !== undefined) {
      merged[name] = mergeDelta(asJsonObject(before) ?? {}, asJsonObject(value) ?? {});
    } else merged[name] = value;
  }
  return merged;
}

const GROWING: ReadonlySet<string> = new Set([
  'content',
  'refusal',
  'arguments',
  'reasoning_content',
  'reasoning',
  'transcript',
]);

function mergeItems(before: JsonValue[], items: JsonValue[]): JsonValue[] {
  const merged = [...before];
  for (const item of items) {
    const { index, ...rest } = asJsonObject(item) ?? {};
    const at = typeof index === 'number' ? index : merged.length;
    merged[at] = asJsonObject(item) === undefined ? item : mergeDelta(asJsonObject(merged[at]) ?? {}, rest);
  }
  return merged.map((item) => item ?? {});
}

/** The last event carries the whole answer. */
function collectResponses(events: JsonObject[]): CollectedStream {
  const last = events.findLast(({ type }) => typeof type === 'string' && FINAL_RESPONSES.has(type));
  const response = last?.['response'];
  return response === undefined ? ENDED_EARLY : { ok: true, value: response };
}

const FINAL_RESPONSES: ReadonlySet<string> = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
  'response.cancelled',
]);

// ------------------------------------------------------------------------------------------------------ anthropic

function collectMessage(events: JsonObject[]): CollectedStream {
  let message: JsonObject = {};
  const blocks = new Map<number, JsonObject>();
  const inputs = new Map<number, string>();
  for (const event of events) {
    const index = typeof event['index'] === 'number' ? event['index'] : 0;
    const delta = asJsonObject(event['delta']) ?? {};
    switch (event['type']) {
      case 'message_start':
        message = { ...asJsonObject(event['message']) };
        break;
      case 'content_block_start':
        blocks.set(index, { ...asJsonObject(event['content_block']) });
        break;
      case 'content_block_delta':
        if (delta['type'] === 'input_json_delta') {
          inputs.set(index, (inputs.get(index) ?? '') + textOf(delta['partial_json']));
        } else blocks.set(index, withBlockDelta(blocks.get(index) ?? {}, delta));
        break;
      case 'message_delta':
        message = {
          ...message,
          ...delta,
          usage: { ...asJsonObject(message['usage']), ...asJsonObject(event['usage']) },
        };
        break;
      default:
        break;
    }
  }
  if (events.at(-1)?.['type'] !== 'message_stop') return ENDED_EARLY;
  for (const [index, text] of inputs) {
    const input = parseJson(text === '' ? '{}' : text);
    blocks.set(index, { ...blocks.get(index), input: input.ok ? input.value : text });
  }
  return { ok: true, value: { ...message, content: inOrder(blocks) } };
}

function withBlockDelta(block: JsonObject, delta: JsonObject): JsonObject {
  switch (delta['type']) {
    case 'text_delta':
      return { ...block, text: textOf(block['text']) + textOf(delta['text']) };
    case 'thinking_delta':
      return { ...block, thinking: textOf(block['thinking']) + textOf(delta['thinking']) };
    case 'signature_delta':
      return { ...block, signature: textOf(delta['signature']) };
    case 'citations_delta': {
      const citations = Array.isArray(block['citations']) ? block['citations'] : [];
      return { ...block, citations: [...citations, delta['citation'] ?? null] };
    }
    default:
      return block;
  }
}

// --------------------------------------------------------------------------------------------------------- gemini

/** Each event is an answer by itself, with the next parts of its candidates. */
function collectCandidates(events: JsonObject[]): CollectedStream {
  if (events.length === 0) return ENDED_EARLY;
  let head: JsonObject = {};
  const candidates = new Map<number, JsonObject>();
  for (const { candidates: parts, ...rest } of events) {
    head = { ...head, ...rest };
    for (const part of objectsIn(parts)) addCandidate(candidates, part);
  }
  return { ok: true, value: candidates.size === 0 ? head : { ...head, candidates: inOrder(candidates) } };
}

function addCandidate(candidates: Map<number, JsonObject>, { content, ...rest }: JsonObject): void {
  const at = typeof rest['index'] === 'number' ? rest['index'] : 0;
  const candidate = candidates.get(at) ?? {};
  const before = asJsonObject(candidate['content']) ?? {};
  const added = asJsonObject(content) ?? {};
  const parts = joinTexts([...objectsIn(before['parts']), ...objectsIn(added['parts'])]);
  candidates.set(at, { ...candidate, ...rest, content: { ...before, ...added, parts } });
}

/** Neighbours that are nothing but text, and both thoughts or both not, are one. */
function joinTexts(parts: JsonObject[]): JsonObject[] {
  const joined: JsonObject[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (last !== undefined && isPlainText(last) && isPlainText(part) && last['thought'] === part['thought']) {
      joined[joined.length - 1] = { ...last, text: textOf(last['text']) + textOf(part['text']) };
    } else joined.push(part);
  }
  return joined;
}

function isPlainText(part: JsonObject): boolean {
  return typeof part['text'] === 'string' && Object.keys(part).every((name) => name === 'text' || name === 'thought');
}

// ---------------------------------------------------------------------------------------------------------- common

function objectsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.map(asJsonObject).filter((item) => item !== undefined) : [];
}

function inOrder(items: Map<number, JsonObject>): JsonObject[] {
  return [...items].toSorted(([a], [b]) => a - b).map(([, item]) => item);
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}
