import type { EpochMs, FunctionDefinition, Trigger } from '@perdure/domain';
import { formatInstant } from './rest-v1.ts';

export interface FunctionV2 {
  /** The ID that the user gave it, without the app's. */
  id: string;
  name: string;
  slug: string;
  isPaused?: true;
  app: { id: string };
  triggers: (
    | { type: 'EVENT'; value: string; if?: string }
    /** `nextRunAt` is an extension: when the schedule is due next, without jitter; absent when it is never due again. */
    | { type: 'CRON'; value: string; nextRunAt?: string }
  )[];
}

/** A function as the REST API lists it (http-api.md 2.7), so far without its configuration. `nextRunAt`: of a schedule. */
export function toFunctionV2(
  fn: FunctionDefinition,
  facts: { isPaused: boolean; nextRunAt: (cron: string) => EpochMs | undefined },
): FunctionV2 {
  const prefix = `${fn.appName}-`;
  return {
    id: fn.slug.startsWith(prefix) ? fn.slug.slice(prefix.length) : fn.slug,
    name: fn.name,
    slug: fn.slug,
    ...(facts.isPaused && { isPaused: true }),
    app: { id: fn.appName },
    triggers: fn.triggers.map((trigger) => toTrigger(trigger, facts.nextRunAt)),
  };
}

function toTrigger(trigger: Trigger, nextRunAt: (cron: string) => EpochMs | undefined): FunctionV2['triggers'][number] {
  if (trigger.kind === 'event') {
    return {
      type: 'EVENT',
      value: trigger.event,
      ...(trigger.expression !== undefined && { if: trigger.expression }),
    };
  }
  const next = nextRunAt(trigger.cron);
  return { type: 'CRON', value: trigger.cron, ...(next !== undefined && { nextRunAt: formatInstant(next) }) };
}

export type PageRequest =
  | { ok: true; limit: number; after?: string }
  | { ok: false; code: 'invalid_field_format'; message: string };

/** `limit` and `cursor` of a list (http-api.md 2.6). `after`: the name of the last item of the page before. */
export function parsePage(
  query: { limit?: string; cursor?: string },
  { limitDefault, limitMax }: { limitDefault: number; limitMax: number },
): PageRequest {
  const given = Number(query.limit ?? 0);
  if (!Number.isInteger(given)) return refuse('Limit must be a whole number');
  if (given < 0) return refuse('Limit must be at least 1');
  if (given > limitMax) return refuse(`Limit cannot exceed ${limitMax}`);
  const limit = given === 0 ? limitDefault : given;
  if (query.cursor === undefined || query.cursor === '') return { ok: true, limit };
  const after = Buffer.from(query.cursor, 'base64url').toString();
  if (cursorOf(after) !== query.cursor) return refuse('Cursor is invalid');
  return { ok: true, limit, after };
}

function refuse(message: string): PageRequest {
  return { ok: false, code: 'invalid_field_format', message };
}

/** Where the page after the item of this name begins. */
export function cursorOf(name: string): string {
  return Buffer.from(name).toString('base64url');
}
