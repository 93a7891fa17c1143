import { z } from 'zod';
import {
  CANCEL_ON_MAX,
  isTriggerPattern,
  parseDuration,
  parseInstant,
  RETRIES_MAX,
  TRIGGERS_MAX,
  WAIT_MS_MAX,
} from '@perdure/domain';
import { concurrencySchemas, counted } from './concurrency-schemas.ts';

/** What registration needs and cannot decide: both answer what is wrong, or nothing. */
export interface ConfigChecks {
  /** `variables` are those that the expression may use. */
  checkExpression: (text: string, variables: readonly ('event' | 'async')[]) => string | undefined;
  checkCron: (text: string) => string | undefined;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 86_400 * SECOND;
/** Of a trigger, a wait or a cancelling event; shorter than what ingestion takes. */
const TRIGGER_EVENT_CHARS_MAX = 255;
const CRON_CHARS_MAX = 255;
const BATCH_SIZE_MAX = 1000;
const BATCH_TIMEOUT_MS_MAX = 10 * MINUTE;

/** A duration between two bounds, as milliseconds; the bounds are named as a person writes them. */
function duration(bounds: { min: [number, string]; max: [number, string]; wholeSeconds?: boolean }): z.ZodType<number> {
  return z.string().transform((text, ctx) => {
    const ms = parseDuration(text);
    const problem =
      ms === undefined
        ? `expected a duration such as "30s" or "1h30m", found "${text}"`
        : ms < bounds.min[0] || ms > bounds.max[0]
          ? `expected ${bounds.min[1]} to ${bounds.max[1]}, found "${text}"`
          : bounds.wholeSeconds === true && ms % SECOND !== 0
            ? `expected whole seconds, found "${text}"`
            : undefined;
    if (ms !== undefined && problem === undefined) return Math.ceil(ms);
    ctx.addIssue({ code: 'custom', message: problem ?? '' });
    return z.NEVER;
  });
}

export const throttlePeriod = duration({ min: [SECOND, '1s'], max: [7 * DAY, '7d'], wholeSeconds: true });
export const throttleBurst = z.int().min(0);

/** Every option of a function in its wire form, with all rules that concern it alone (execution.md 4). Build it once. */
export function configSchemas({ checkExpression, checkCron }: ConfigChecks) {
  const expression = (...variables: ('event' | 'async')[]): z.ZodType<string> =>
    z.string().superRefine((text, ctx) => {
      const problem =
        text.trim() === '' ? 'expected an expression, found an empty text' : checkExpression(text, variables);
      if (problem !== undefined) ctx.addIssue({ code: 'custom', message: problem });
    });
  const key = expression('event').optional();

  return {
    triggers: z
      .array(triggerSchema({ expression: expression('event'), checkCron }))
      .max(TRIGGERS_MAX)
      .superRefine(noDuplicates),
    idempotency: expression('event'),
    throttle: z.object({
      limit: counted,
      period: throttlePeriod,
      burst: throttleBurst.default(0),
      key,
    }),
    rateLimit: z.object({ limit: counted, period: duration({ min: [SECOND, '1s'], max: [DAY, '24h'] }), key }),
    debounce: z
      .object({
        period: duration({ min: [SECOND, '1s'], max: [7 * DAY, '7d'] }),
        timeout: duration({ min: [SECOND, '1s'], max: [WAIT_MS_MAX, '366d'] }).optional(),
        key,
      })
      .superRefine(({ period, timeout }, ctx) => {
        if (timeout === undefined || timeout >= period) return;
        ctx.addIssue({ code: 'custom', path: ['timeout'], message: 'expected at least the period' });
      }),
    batchEvents: z.object({
      maxSize: z.int().min(2).max(BATCH_SIZE_MAX),
      timeout: duration({ min: [SECOND, '1s'], max: [BATCH_TIMEOUT_MS_MAX, '10m'] }),
      key,
      if: key,
    }),
    priority: z.object({
      run: expression('event').refine(isNoTextLiteral, 'expected a number, found a text').optional(),
    }),
    singleton: z.object({ mode: z.enum(['skip', 'cancel']), key }),
    timeouts: z.object({ start: runTimeout.optional(), finish: runTimeout.optional() }),
    cancel: z.array(cancelSchema(expression('event', 'async'))).max(CANCEL_ON_MAX),
    concurrency: concurrencySchemas(key),
    retries: z.int().min(0).max(RETRIES_MAX),
  };
}

export type ConfigSchemas = ReturnType<typeof configSchemas>;

const runTimeout = duration({ min: [SECOND, '1s'], max: [WAIT_MS_MAX, '366d'] });

/** Only what can be seen without evaluating: `"high"`, not an expression that happens to give a text. */
function isNoTextLiteral(text: string): boolean {
  return !/^\s*("[^"\\]*"|'[^'\\]*')\s*$/.test(text);
}

// ------------------------------------------------------------------------------------------------------- triggers

function triggerSchema({
  expression,
  checkCron,
}: {
  expression: z.ZodType<string>;
  checkCron: ConfigChecks['checkCron'];
}) {
  const event = z
    .string()
    .min(1)
    .max(TRIGGER_EVENT_CHARS_MAX)
    .refine(isTriggerPattern, 'expected a "*" only at the end, after "/" or "."');
  const cron = z
    .string()
    .min(1)
    .max(CRON_CHARS_MAX)
    .superRefine((text, ctx) => {
      const problem = checkCron(text);
      if (problem !== undefined) ctx.addIssue({ code: 'custom', message: problem });
    });
  return z
    .object({
      event: event.optional(),
      expression: expression.optional(),
      cron: cron.optional(),
      jitter: duration({ min: [SECOND, '1s'], max: [5 * MINUTE, '5m'] }).optional(),
    })
    .superRefine((trigger, ctx) => {
      if ((trigger.event === undefined) === (trigger.cron === undefined)) {
        ctx.addIssue({ code: 'custom', message: 'expected either an event or a cron schedule' });
      } else if (trigger.cron === undefined && trigger.jitter !== undefined) {
        ctx.addIssue({ code: 'custom', path: ['jitter'], message: 'expected a cron schedule beside it' });
      } else if (trigger.event === undefined && trigger.expression !== undefined) {
        ctx.addIssue({ code: 'custom', path: ['expression'], message: 'expected an event beside it' });
      }
    });
}

function noDuplicates(
  triggers: { event?: string | undefined; expression?: string | undefined; cron?: string | undefined }[],
  ctx: z.RefinementCtx,
): void {
  const seen = new Set<string>();
  for (const [index, { event, expression, cron }] of triggers.entries()) {
    const id = JSON.stringify([event, expression, cron]);
    if (seen.has(id)) ctx.addIssue({ code: 'custom', path: [index], message: 'the same trigger is listed twice' });
    seen.add(id);
  }
}

// --------------------------------------------------------------------------------------------------- cancellation

/** A property path such as `data.id`, or `data["my id"][0]`. */
const MATCH_PATH = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*|\[("[^"\\]*"|'[^'\\]*'|\d+)\])*$/;

function cancelSchema(condition: z.ZodType<string>) {
  return z
    .object({
      event: z
        .string()
        .min(1)
        .max(TRIGGER_EVENT_CHARS_MAX)
        .refine((name) => !name.includes('*'), 'expected an exact event name'),
      if: condition.optional(),
      match: z.string().regex(MATCH_PATH, 'expected a path such as "data.id"').optional(),
      timeout: z.string().refine(isTimeout, 'expected a duration or an instant').optional(),
    })
    .transform(({ match, ...cancel }) => {
      const matched = match === undefined ? undefined : `event.${match} == async.${match}`;
      return { ...cancel, if: cancel.if ?? matched };
    });
}

function isTimeout(text: string): boolean {
  const ms = parseDuration(text);
  return ms === undefined ? parseInstant(text) !== undefined : ms >= 0;
}
