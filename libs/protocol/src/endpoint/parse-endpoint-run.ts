import { isUlid, type JsonObject, type JsonValue, RETRIES_MAX, type RunId } from '@perdure/domain';
import { readOp } from '../answer/read-op.ts';
import type { Op } from '../answer/sdk-answer.ts';
import { asJsonObject, jsonTypeOf, parseJson } from '../json/parse-json.ts';
import { CHECKPOINT_BYTES_MAX } from '../checkpoint/parse-checkpoint.ts';

const OPS_MAX = 1000;
const RETRIES_DEFAULT = 3;

/** The request of a client that a durable endpoint answers (sdk-protocol.md 8.7). */
export interface EndpointRequest {
  /** `http://host:port`. */
  domain: string;
  method: string;
  path: string;
  /** Without `?`. */
  query: string;
  contentType: string;
  /** As it came, whatever it holds. */
  body: string;
  /** The endpoint's own name, where it has one. */
  fn?: string;
}

/** A run that an SDK began by itself, and what it came to so far. */
export interface EndpointRun {
  runId: RunId;
  request: EndpointRequest;
  /** `data` of the event that it is triggered by. */
  data: JsonObject;
  ops: Op[];
  requestVersion: number;
  retries: number;
  idempotency?: string;
}

export type EndpointRunResult = ({ ok: true } & EndpointRun) | { ok: false; status: 400 | 413; error: string };

/** The body of `POST /v1/checkpoint` (sdk-protocol.md 9.1.2). */
export function parseEndpointRun(body: string): EndpointRunResult {
  const read = readBody(body);
  if (!read.ok) return read;
  const { fields, ops } = read;
  const runId = fields['run_id'];
  if (typeof runId !== 'string' || !isUlid(runId)) return refuse('run_id: expected a ULID');
  const data = asJsonObject(asJsonObject(fields['event'])?.['data']);
  const request = data && readRequest(data);
  if (data === undefined || request === undefined) return refuse('event: expected the event of an HTTP request');
  const version = fields['request_version'] ?? -1;
  if (typeof version !== 'number' || !Number.isInteger(version)) return refuse('request_version: expected an integer');
  const retries = fields['retries'] ?? RETRIES_DEFAULT;
  if (typeof retries !== 'number' || !Number.isInteger(retries) || retries < 0) {
    return refuse('retries: expected an integer from 0');
  }
  const idempotency = fields['idempotency'];
  return {
    ok: true,
    runId,
    request,
    data,
    ops,
    requestVersion: version,
    retries: Math.min(retries, RETRIES_MAX),
    ...(typeof idempotency === 'string' && idempotency !== '' && { idempotency }),
  };
}

/** The request as an event's data has it; undefined when it could not be sent again. */
export function readRequest(data: JsonObject): EndpointRequest | undefined {
  const text = (name: string): string => {
    const value = data[name];
    return typeof value === 'string' ? value : '';
  };
  const domain = text('domain').replace(/\/+$/, '');
  const isHttp = /^https?:$/.test(URL.parse(domain)?.protocol ?? '');
  const method = text('method').toUpperCase();
  if (!isHttp || !/^[A-Z]+$/.test(method)) return undefined;
  return {
    domain,
    method,
    path: text('path'),
    query: text('query_params').replace(/^\?/, ''),
    contentType: text('content_type'),
    body: text('body'),
    ...(text('fn') !== '' && { fn: text('fn') }),
  };
}

export type EndpointStepsResult = { ok: true; ops: Op[] } | { ok: false; status: 400 | 413; error: string };

/** The body of `POST /v1/checkpoint/{runId}/steps` (sdk-protocol.md 9.1.3). */
export function parseEndpointSteps(body: string, runId: RunId): EndpointStepsResult {
  const read = readBody(body);
  if (!read.ok) return read;
  if ((read.fields['run_id'] ?? runId) !== runId) return refuse('run_id: it is not the run of the path');
  return { ok: true, ops: read.ops };
}

function readBody(
  body: string,
): { ok: true; fields: JsonObject; ops: Op[] } | Extract<EndpointRunResult, { ok: false }> {
  if (Buffer.byteLength(body) > CHECKPOINT_BYTES_MAX) {
    return { ok: false, status: 413, error: 'The checkpoint is over 4 MiB' };
  }
  const parsed = parseJson(body);
  if (!parsed.ok) return refuse(`Invalid request body: ${parsed.message}`);
  const fields = asJsonObject(parsed.value);
  if (fields === undefined) return refuse(`expected an object, found ${jsonTypeOf(parsed.value)}`);
  const ops = readOps(fields['steps'] ?? []);
  return ops.ok ? { ok: true, fields, ops: ops.ops } : ops;
}

function readOps(steps: JsonValue): { ok: true; ops: Op[] } | Extract<EndpointRunResult, { ok: false }> {
  if (!Array.isArray(steps)) return refuse(`steps: expected an array of ops, found ${jsonTypeOf(steps)}`);
  if (steps.length > OPS_MAX) return refuse(`steps: expected at most ${OPS_MAX} ops, found ${steps.length}`);
  const ops: Op[] = [];
  for (const [index, step] of steps.entries()) {
    const op = readOp(step);
    if (op.kind === 'malformed') return refuse(`steps[${index}]: ${op.message}`);
    ops.push(op);
  }
  return { ok: true, ops };
}

function refuse(error: string): Extract<EndpointRunResult, { ok: false }> {
  return { ok: false, status: 400, error };
}
