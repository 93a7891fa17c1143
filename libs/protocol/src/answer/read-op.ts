import { type JsonObject, type JsonValue, STEP_OUTPUT_BYTES_MAX } from '@perdure/domain';
import { readAiRequest, readGatewayRequest } from '../gateway/read-outbound.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { isLargerThan } from '../json/json-bytes.ts';
import { asJsonObject, jsonTypeOf } from '../json/parse-json.ts';
import { readOpMetadata } from '../told/read-op-metadata.ts';
import type { Op } from './sdk-answer.ts';
import { errorMemo, outputTooLargeError, toSdkError } from './sdk-error.ts';

/** An op that cannot be carried out; the whole answer is then a failed attempt. */
export interface MalformedOp {
  kind: 'malformed';
  /** Such as `opts.event`. */
  field: string;
  message: string;
}

type StepOp = Exclude<Op, { kind: 'none' }>;
type OpBase = Pick<StepOp, 'hash' | 'displayName' | 'isRace' | 'metadata'>;

interface WireOp {
  base: OpBase;
  fields: JsonObject;
  opts: JsonObject;
}

const SIGNAL_TIMEOUT_DEFAULT = '365d';

/** By the name of the op in lower case: names are compared so (sdk-protocol.md 7.4, 7.5). */
const READERS: Readonly<Record<string, (op: WireOp) => Op | MalformedOp>> = {
  steprun: readStepDone,
  step: readLegacyStep,
  steperror: (op) => readStepFailure('step-error', op),
  stepfailed: (op) => readStepFailure('step-failed', op),
  stepplanned: ({ base }) => ({ kind: 'step-planned', ...base }),
  sleep: readSleep,
  waitforevent: readWaitForEvent,
  invokefunction: readInvoke,
  waitforsignal: readWaitForSignal,
  aigateway: readAiGateway,
  gateway: readGateway,
  runcomplete: readRunComplete,
  syncruncomplete: readRunComplete,
  discoveryrequest: ({ base }) => ({ kind: 'discover', ...base }),
  deferadd: readDeferAdd,
  deferabort: readDeferAbort,
};

/**
 * One op as an SDK sent it, checked and in our words. Unknown fields are ignored, `null` counts as absent. The size of its
 * input is only looked at when `mayBeLarge`: when the whole answer is small, so is each part.
 */
export function readOp(value: JsonValue, mayBeLarge = true): Op | MalformedOp {
  const fields = asJsonObject(value);
  if (fields === undefined) return malformed('', `expected an op, found ${jsonTypeOf(value)}`);
  const { op, id } = fields;
  if (typeof op !== 'string') return malformed('op', `expected the name of an op, found ${jsonTypeOf(op)}`);
  if (op.toLowerCase() === 'none') return { kind: 'none' };
  const read = Object.hasOwn(READERS, op.toLowerCase()) ? READERS[op.toLowerCase()] : undefined;
  if (read === undefined) return malformed('op', `"${op}" is not a known op`);
  if (typeof id !== 'string' || id === '') return malformed('id', `op ${op} has no step ID`);
  const opts = asJsonObject(fields['opts']) ?? {};
  if (mayBeLarge && isStep(op) && isLargerThan(JSON.stringify(opts['input'] ?? null), STEP_OUTPUT_BYTES_MAX)) {
    return malformed('opts.input', `the input of step "${id}" is larger than ${STEP_OUTPUT_BYTES_MAX} bytes`);
  }
  const displayName = firstText(fields['displayName'], fields['name']) ?? id;
  const metadata = fields['metadata'] === undefined ? [] : readOpMetadata(fields, displayName);
  const isRace = opts['parallelMode'] === 'race';
  return read({
    base: { hash: id, displayName, isRace, ...(metadata.length > 0 && { metadata }) },
    fields,
    opts,
  });
}

/** The data of a deferred run has limits of its own, which fail nobody. */
function isStep(op: string): boolean {
  return op.toLowerCase() !== 'deferadd';
}

function malformed(field: string, message: string): MalformedOp {
  return { kind: 'malformed', field, message };
}

/** The first that is a text with something in it. */
function firstText(...values: (JsonValue | undefined)[]): string | undefined {
  return values.find((value): value is string => typeof value === 'string' && value !== '');
}

function readStepDone(op: WireOp): Op {
  return stepDone(op, `{"data":${canonicalJson(op.fields['data'] ?? null)}}`);
}

/** Older SDKs save the bare output. */
function readLegacyStep(op: WireOp): Op {
  return stepDone(op, canonicalJson(op.fields['data'] ?? null));
}

function stepDone({ base }: WireOp, memo: string): Op {
  if (!isLargerThan(memo, STEP_OUTPUT_BYTES_MAX + '{"data":}'.length)) return { kind: 'step-done', ...base, memo };
  const error = outputTooLargeError(base.displayName);
  return { kind: 'step-failed', ...base, error, memo: errorMemo(error) };
}

function readStepFailure(kind: 'step-error' | 'step-failed', { base, fields }: WireOp): Op | MalformedOp {
  const sent = asJsonObject(fields['error']);
  if (sent === undefined) return malformed('error', `a ${kind} has no error`);
  const error = toSdkError(sent, { name: '', message: '' });
  const memo = errorMemo(error);
  if (!isLargerThan(memo, STEP_OUTPUT_BYTES_MAX)) return { kind, ...base, error, memo };
  const tooLarge = outputTooLargeError(base.displayName);
  return { kind: 'step-failed', ...base, error: tooLarge, memo: errorMemo(tooLarge) };
}

/** Go and Kotlin have the duration in `opts` and the step's ID in `name`; the others have it in `name` alone. */
function readSleep({ base, fields, opts }: WireOp): Op {
  return { kind: 'sleep', ...base, duration: firstText(opts['duration'], fields['name']) ?? '' };
}

function readWaitForEvent({ base, fields, opts }: WireOp): Op | MalformedOp {
  const event = firstText(opts['event'], fields['name']);
  if (event === undefined) return malformed('opts.event', 'WaitForEvent names no event');
  const condition = firstText(opts['if']);
  return {
    kind: 'wait-for-event',
    ...base,
    event,
    timeout: firstText(opts['timeout']) ?? '',
    ...(condition !== undefined && { if: condition }),
  };
}

function readInvoke({ base, opts }: WireOp): Op | MalformedOp {
  const functionId = firstText(opts['function_id']);
  if (functionId === undefined) return malformed('opts.function_id', 'InvokeFunction names no function');
  const timeout = firstText(opts['timeout']);
  const payload = opts['payload'] ?? {};
  if (asJsonObject(payload) === undefined)
    return malformed('opts.payload', 'the payload of an invoke must be an object');
  return { kind: 'invoke', ...base, functionId, payload, ...(timeout !== undefined && { timeout }) };
}

function readWaitForSignal({ base, opts }: WireOp): Op | MalformedOp {
  const signal = firstText(opts['signal']);
  if (signal === undefined) return malformed('opts.signal', 'WaitForSignal names no signal');
  const timeout = typeof opts['timeout'] === 'string' ? opts['timeout'] : SIGNAL_TIMEOUT_DEFAULT;
  const conflict = opts['conflict'] === 'replace' ? 'replace' : 'fail';
  return { kind: 'wait-for-signal', ...base, signal, timeout, conflict };
}

function readGateway({ base, opts }: WireOp): Op | MalformedOp {
  const read = readGatewayRequest(opts);
  if (!read.ok) return malformed(read.field, read.message);
  const { ok: _, ...request } = read;
  return { kind: 'gateway', ...base, ...request };
}

function readAiGateway({ base, opts }: WireOp): Op | MalformedOp {
  const read = readAiRequest(opts);
  if (!read.ok) return malformed(read.field, read.message);
  const { ok: _, ...request } = read;
  return { kind: 'ai-gateway', ...base, ...request };
}

function readRunComplete({ base, fields }: WireOp): Op {
  return { kind: 'run-complete', ...base, output: canonicalJson(fields['data'] ?? null) };
}

/** One that cannot be carried out is passed over: a deferred run never fails the run that asks for it (sdk-protocol.md 7.5). */
function readDeferAdd({ base, opts }: WireOp): Op {
  const meta = asJsonObject(opts['meta']);
  return {
    kind: 'defer-add',
    ...base,
    functionSlug: firstText(opts['fn_slug']) ?? '',
    input: asJsonObject(opts['input']) ?? {},
    ...(meta !== undefined && { meta }),
  };
}

function readDeferAbort({ base, opts }: WireOp): Op | MalformedOp {
  const targetHash = firstText(opts['target_hashed_id']);
  if (targetHash === undefined) return malformed('opts.target_hashed_id', 'DeferAbort names no deferred run');
  return { kind: 'defer-abort', ...base, targetHash };
}
