import {
  type AppId,
  type EpochMs,
  type Event,
  type FunctionId,
  type FunctionSlug,
  INTERNAL_EVENTS,
  type JsonObject,
  type RunId,
  type StepHash,
} from '@perdure/domain';
import type { Op } from '../answer/sdk-answer.ts';
import { derivedUlid } from '../ids/request-id.ts';
import { canonicalJson } from '../json/canonical-json.ts';

/** Deferred runs of one run, those called off included; bytes of all their inputs (sdk-protocol.md 11.1). */
export const DEFERS_MAX = 20;
export const DEFERS_BYTES_MAX = 4 * 1024 * 1024;
const META_BYTES_MAX = 32 * 1024;

type DeferAdd = Extract<Op, { kind: 'defer-add' }>;

/** What is noted of a deferred run until it is scheduled, or why it cannot be. */
export function printDeferred({ functionSlug, input, meta }: DeferAdd): { ok: true; body: string } | { ok: false } {
  if (functionSlug === '') return { ok: false };
  const printedMeta = meta === undefined ? '' : canonicalJson(meta);
  if (Buffer.byteLength(printedMeta) > META_BYTES_MAX) return { ok: false };
  const noted: DeferredRun = { slug: functionSlug, input, ...(meta !== undefined && { meta }) };
  return { ok: true, body: canonicalJson(noted as unknown as JsonObject) };
}

interface DeferredRun {
  slug: string;
  input: JsonObject;
  meta?: JsonObject;
}

/** The run that deferred others and has ended. */
export interface DeferringRun {
  runId: RunId;
  appId: AppId;
  functionId: FunctionId;
  slug: FunctionSlug;
  endedAt: EpochMs;
}

/**
 * The events that schedule what an ended run deferred (sdk-protocol.md 8.6). IDs are derived from the run and the hash, so
 * that telling it twice schedules once. `body`: of `printDeferred`.
 */
export function deferredEvents(run: DeferringRun, defers: readonly { hash: StepHash; body: string }[]): Event[] {
  return defers.map(({ hash, body }) => {
    const { slug, input, meta } = JSON.parse(body) as DeferredRun;
    return {
      internalId: derivedUlid(run.endedAt, INTERNAL_EVENTS.deferred, run.runId, hash),
      receivedAt: run.endedAt,
      name: INTERNAL_EVENTS.deferred,
      ts: run.endedAt,
      data: {
        ...input,
        _inngest: {
          fn_slug: slug,
          parent_app_id: run.appId,
          parent_fn_id: run.functionId,
          parent_fn_slug: run.slug,
          parent_run_id: run.runId,
        },
      },
      ...(meta !== undefined && { meta }),
    };
  });
}
