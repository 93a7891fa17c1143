import type { FunctionId, JsonObject, JsonValue, RunId, StepHash } from '@perdure/domain';
import { readOp } from '../answer/read-op.ts';
import type { Op } from '../answer/sdk-answer.ts';
import { parseQueueItemRef, type QueueItemRef } from '../call/queue-item-ref.ts';
import { asJsonObject, jsonTypeOf } from '../json/parse-json.ts';
import type { OpMetadata } from '../told/read-op-metadata.ts';

/** Larger bodies are refused with 413. */
export const CHECKPOINT_BYTES_MAX = 4 * 1024 * 1024;
const STEPS_MAX = 1000;

export interface Checkpoint {
  runId: RunId;
  /** As the SDK was told; absent when it did not echo it. */
  functionId?: FunctionId;
  /** The job and lease under which the call goes on. */
  lease: QueueItemRef;
  /** Absent over Connect and from older SDKs. */
  generation?: number;
  /** In order of completion. */
  saves: { hash: StepHash; memo: string; isRace: boolean }[];
  /** Deferred runs added or aborted. */
  defers: Extract<Op, { kind: 'defer-add' | 'defer-abort' }>[];
  /** What the SDK says about the steps. */
  metadata: OpMetadata[];
}

export type CheckpointResult =
  | ({ ok: true } & Checkpoint)
  /** `field` is such as `steps[0].op`; `error` is for people. */
  | { ok: false; status: 400 | 413; error: string; field: string };

/**
 * Reads the body of `POST /v1/checkpoint/{runId}/async` (sdk-protocol.md 9.1.1): progress that is saved while the call goes
 * on. Only ops that are done with may be in it, beside planned ones, which change nothing.
 */
export function parseCheckpoint(body: unknown, runId: RunId): CheckpointResult {
  const fields = asJsonObject(body);
  if (fields === undefined) return refuse('', `expected an object, found ${jsonTypeOf(body)}`);
  const sentRunId = fields['run_id'] ?? runId;
  if (sentRunId !== runId) return refuse('run_id', 'it is not the run of the path');
  const lease = typeof fields['qi_id'] === 'string' ? parseQueueItemRef(fields['qi_id']) : undefined;
  if (lease === undefined) return refuse('qi_id', 'expected the qi_id of the call');
  const generation = fields['generation_id'] ?? undefined;
  if (generation !== undefined && !Number.isInteger(generation)) {
    return refuse('generation_id', `expected an integer, found ${jsonTypeOf(generation)}`);
  }
  const steps = readSteps(fields['steps']);
  if (!steps.ok) return steps;
  return {
    ok: true,
    runId,
    ...optionalId(fields),
    lease,
    ...(typeof generation === 'number' && { generation }),
    saves: steps.saves,
    defers: steps.defers,
    metadata: steps.metadata,
  };
}

type ReadSteps =
  | ({ ok: true } & Pick<Checkpoint, 'saves' | 'defers' | 'metadata'>)
  | Extract<CheckpointResult, { ok: false }>;

function readSteps(steps: JsonValue | undefined): ReadSteps {
  if (!Array.isArray(steps)) return refuse('steps', `expected an array of ops, found ${jsonTypeOf(steps)}`);
  if (steps.length > STEPS_MAX) return refuse('steps', `expected at most ${STEPS_MAX} ops, found ${steps.length}`);
  const read: ReadSteps = { ok: true, saves: [], defers: [], metadata: [] };
  for (const [index, step] of steps.entries()) {
    const at = `steps[${index}]`;
    const op = readOp(step);
    if (op.kind !== 'none' && op.kind !== 'malformed') read.metadata.push(...(op.metadata ?? []));
    switch (op.kind) {
      case 'malformed':
        return refuse(op.field === '' ? at : `${at}.${op.field}`, op.message);
      case 'step-done':
        read.saves.push({ hash: op.hash, memo: op.memo, isRace: op.isRace });
        break;
      case 'defer-add':
      case 'defer-abort':
        read.defers.push(op);
        break;
      case 'none':
      case 'step-planned':
        break;
      default:
        if (isDoneStep(step))
          return { ok: false, status: 413, error: 'the output of a step is too large', field: `${at}.data` };
        return refuse(`${at}.op`, `the op "${op.kind}" cannot be saved while the call goes on`);
    }
  }
  return read;
}

/** A finished step that was read as a failed one, for its output is too large. */
function isDoneStep(step: JsonValue): boolean {
  const op = asJsonObject(step)?.['op'];
  return typeof op === 'string' && ['steprun', 'step'].includes(op.toLowerCase());
}

function optionalId(fields: JsonObject): { functionId?: FunctionId } {
  const id = fields['fn_id'];
  return typeof id === 'string' && id !== '' ? { functionId: id } : {};
}

function refuse(field: string, error: string): Extract<CheckpointResult, { ok: false }> {
  return { ok: false, status: 400, error: field === '' ? error : `${field}: ${error}`, field };
}
