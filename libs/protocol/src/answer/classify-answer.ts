import { type EpochMs, type JsonObject, type JsonValue, STEP_OUTPUT_BYTES_MAX } from '@perdure/domain';
import { HEADERS } from '../headers.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { isLargerThan } from '../json/json-bytes.ts';
import { asJsonObject, parseJson } from '../json/parse-json.ts';
import { meansFinalBy4xx } from './legacy-sdk.ts';
import { parseRetryAfter } from './parse-retry-after.ts';
import { readOp } from './read-op.ts';
import type { Op, RawAnswer, SdkAnswer } from './sdk-answer.ts';
import { ANSWER_CODES, errorJson, functionErrorOf } from './sdk-error.ts';

type FailedAnswer = Extract<SdkAnswer, { kind: 'failed' }>;

const STATUS_OPS = 206;
const STATUS_STREAM = 201;
/** Of a foreign answer, shown to people. */
const QUOTED_CHARS_MAX = 8 * 1024;

/**
 * What an HTTP answer of an application means (sdk-protocol.md 7.1 to 7.5). Whatever the answer, the result is a value: an
 * application that answers nonsense costs an attempt, never more.
 */
export function classifyAnswer(raw: RawAnswer, now: EpochMs): SdkAnswer {
  const isOfSdk = raw.headers[HEADERS.sdk] !== undefined;
  if (raw.status < 200 || raw.status >= 300) return isOfSdk ? functionFailure(raw, now) : foreignFailure(raw);
  if (!isOfSdk) {
    return platformFailure(ANSWER_CODES.notSdk, 'The response did not come from an Inngest SDK');
  }
  if (raw.status === STATUS_STREAM) return classifyStream(raw, now);
  if (raw.status === STATUS_OPS) return classifyOps(raw, now);
  return { kind: 'completed', output: canonicalJson(parseResult(raw.body)) };
}

/** The answer of an attempt that got none: `code` is one of `ANSWER_CODES`, `message` is for people. */
export function transportFailure(code: string, message: string): FailedAnswer {
  // A body above the limit is as large the next time (execution.md PD-25); all else may pass.
  return { ...platformFailure(code, message), isRetriable: code !== ANSWER_CODES.outputTooLarge };
}

// ------------------------------------------------------------------------------------------------------- failures

function platformFailure(code: string, message: string, more: { name?: string; stack?: string } = {}): FailedAnswer {
  const error = { name: more.name ?? code, message, ...(more.stack !== undefined && { stack: more.stack }) };
  const output = canonicalJson({ ...error, code, error: message });
  return { kind: 'failed', code, error, output, isRetriable: true };
}

/** Something in front of the SDK answered: a proxy, a framework, a crashed server. */
function foreignFailure(raw: RawAnswer): FailedAnswer {
  const message = `Your server returned HTTP ${raw.status} before the SDK responded.`;
  const contentType = raw.headers[HEADERS.contentType] ?? 'no content type';
  const stack = `${message}\nUpstream response (${contentType}):\n${raw.body.slice(0, QUOTED_CHARS_MAX)}`;
  // npm takes its headers off when it refuses a signature, all but this one.
  const isRefusal = raw.status === 401 && raw.headers[HEADERS.sdkHandled] !== undefined;
  const code = isRefusal ? ANSWER_CODES.signatureRefused : ANSWER_CODES.httpNotOk;
  return platformFailure(code, message, { name: 'Server returned a fatal error', stack });
}

/** The function threw, or the SDK itself failed. */
function functionFailure(raw: RawAnswer, now: EpochMs): FailedAnswer {
  const body = parseResult(raw.body);
  const error = functionErrorOf(body);
  return {
    kind: 'failed',
    error,
    output: asJsonObject(body) === undefined ? errorJson(error) : canonicalJson(body),
    isRetriable: isRetriable(raw),
    ...retryAtOf(raw, now),
  };
}

/** The header wins over the status. */
function isRetriable(raw: RawAnswer): boolean {
  if ((raw.headers[HEADERS.noRetry] ?? '') !== '') return !isNoRetry(raw);
  const isClientError = raw.status >= 400 && raw.status < 500;
  return !(isClientError && meansFinalBy4xx(raw.headers[HEADERS.sdk] ?? ''));
}

function isNoRetry(raw: RawAnswer): boolean {
  return raw.headers[HEADERS.noRetry]?.trim().toLowerCase() === 'true';
}

function retryAtOf(raw: RawAnswer, now: EpochMs): { retryAt?: EpochMs } {
  const retryAt = parseRetryAfter(raw.headers[HEADERS.retryAfter] ?? '', now);
  return retryAt === undefined ? {} : { retryAt };
}

// -------------------------------------------------------------------------------------------------------- results

/** JSON, or else the text itself. A JSON string that holds an object or array was encoded twice: it is unwrapped once. */
function parseResult(body: string): JsonValue {
  if (body === '') return null;
  const parsed = parseJson(body);
  if (!parsed.ok) return body;
  if (typeof parsed.value !== 'string' || !/^\s*[{[]/.test(parsed.value)) return parsed.value;
  const inner = parseJson(parsed.value);
  return inner.ok ? inner.value : parsed.value;
}

// ------------------------------------------------------------------------------------------------------------ ops

function classifyOps(raw: RawAnswer, now: EpochMs): SdkAnswer {
  if (raw.body.trim() === '') return platformFailure(ANSWER_CODES.answerInvalid, 'no response data');
  const parsed = parseJson(raw.body);
  if (!parsed.ok) return platformFailure(ANSWER_CODES.answerInvalid, `error parsing ops: ${parsed.message}`);
  const ops = readOps(parsed.value, isLargerThan(raw.body, STEP_OUTPUT_BYTES_MAX));
  if (!ops.ok) return platformFailure(ANSWER_CODES.answerInvalid, `error parsing ops: ${ops.message}`);
  const requestVersion = Number(raw.headers[HEADERS.requestVersion]);
  return {
    kind: 'ops',
    ops: ops.ops,
    ...(Number.isInteger(requestVersion) && requestVersion > 0 && { requestVersion }),
    noRetry: isNoRetry(raw),
    ...retryAtOf(raw, now),
  };
}

function readOps(body: JsonValue, mayBeLarge: boolean): { ok: true; ops: Op[] } | { ok: false; message: string } {
  // An answer without ops means that all there is to do is under way: look again.
  if (body === null) return { ok: true, ops: [{ kind: 'none' }] };
  const values = Array.isArray(body) ? body : [body];
  const ops: Op[] = [];
  for (const [index, value] of values.entries()) {
    const op = readOp(value, mayBeLarge);
    if (op.kind === 'malformed') {
      return { ok: false, message: `[${index}]${op.field === '' ? '' : `.${op.field}`}: ${op.message}` };
    }
    ops.push(op);
  }
  return { ok: true, ops: ops.length === 0 ? [{ kind: 'none' }] : ops };
}

// --------------------------------------------------------------------------------------------------------- stream

/**
 * The SDK kept the connection alive with whitespace and then sent the real answer as one object. Its headers win over
 * those that went out first, when nothing was known yet.
 */
function classifyStream(raw: RawAnswer, now: EpochMs): SdkAnswer {
  const parsed = parseJson(raw.body.trim());
  const envelope = parsed.ok ? asJsonObject(parsed.value) : undefined;
  if (envelope === undefined) return streamFailure(parsed.ok ? 'it is not an object' : parsed.message);
  const { status, body, error } = envelope;
  if (error !== undefined && error !== null && error !== '') {
    return platformFailure(ANSWER_CODES.answerInvalid, typeof error === 'string' ? error : canonicalJson(error));
  }
  if (typeof status !== 'number' || status === STATUS_STREAM) return streamFailure('it has no status of its own');
  const inner: RawAnswer = {
    status,
    headers: { ...raw.headers, ...controlsOf(envelope), ...innerHeaders(envelope['headers']) },
    body: typeof body === 'string' ? body : body === undefined ? '' : canonicalJson(body),
  };
  return classifyAnswer(inner, now);
}

function streamFailure(reason: string): FailedAnswer {
  return platformFailure(ANSWER_CODES.answerInvalid, `error parsing stream: ${reason}`);
}

function innerHeaders(headers: JsonValue | undefined): Record<string, string> {
  const entries = Object.entries(asJsonObject(headers) ?? {}).filter(([, value]) => value !== null);
  return Object.fromEntries(
    entries.map(([name, value]) => [name.toLowerCase(), typeof value === 'string' ? value : canonicalJson(value)]),
  );
}

/** Go has these beside the headers. */
function controlsOf({ noRetry, retryAt }: JsonObject): Record<string, string> {
  return {
    ...(typeof noRetry === 'boolean' && { [HEADERS.noRetry]: String(noRetry) }),
    ...(typeof retryAt === 'string' && { [HEADERS.retryAfter]: retryAt }),
  };
}
