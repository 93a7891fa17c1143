import { z } from 'zod';
import { type ConcurrencyLimit, CONCURRENCY_LIMITS_MAX } from '@perdure/domain';

/** A limit of anything that can be counted: 0 would be for ever nothing. */
export const counted = z.int().min(1);

/** What a function's `concurrency` says: `step` limits requests in progress, `fn` runs in progress. */
export interface ConcurrencyConfig {
  step: ConcurrencyLimit[];
  fn: { limit: number; key?: string }[];
}

/** The schema of each form that `concurrency` may have: a number, one limit, some limits, or `{fn, step}`. */
export function concurrencySchemas(key: z.ZodType<string | undefined>) {
  const scope = z
    .string()
    .toLowerCase()
    .pipe(z.enum(['fn', 'env', 'account']))
    .default('fn');
  const stepLimit = z.object({ limit: counted.optional(), scope, key }).superRefine((limit, ctx) => {
    if (limit.scope === 'fn' || limit.key !== undefined) return;
    ctx.addIssue({ code: 'custom', path: ['scope'], message: `scope ${limit.scope} requires a key` });
  });
  const runScope = z.string().toLowerCase().pipe(z.literal('fn', 'expected "fn": runs are limited in one function'));
  const runLimit = z.object({ limit: counted, scope: runScope.optional(), key });
  const stepLimits = z.array(stepLimit).max(CONCURRENCY_LIMITS_MAX);

  type StepLimit = z.infer<typeof stepLimit>;
  const config = (step: StepLimit[], fn: z.infer<typeof runLimit>[] = []): ConcurrencyConfig => ({
    step: step.flatMap(toLimits).toSorted((a, b) => a.limit - b.limit),
    fn: fn.map((limit) => ({ limit: limit.limit, ...(limit.key !== undefined && { key: limit.key }) })),
  });
  return {
    number: counted.transform((limit) => config([{ limit, scope: 'fn', key: undefined }])),
    one: stepLimit.transform((limit) => config([limit])),
    many: stepLimits.transform((limits) => config(limits)),
    split: z
      .object({
        step: z.preprocess(toArray, stepLimits).optional(),
        fn: z.preprocess(toArray, z.array(runLimit).max(1)).optional(),
        limit: beside,
        scope: beside,
        key: beside,
      })
      .transform(({ step, fn }) => config(step ?? [], fn)),
  };
}

/** Of a limit that stands beside `step` and `fn`, nobody could say which of them it is. */
const beside = z.undefined('expected it in "step" or "fn"').optional();

/** Which of the forms this value has. */
export function concurrencyForm(value: unknown): 'number' | 'one' | 'many' | 'split' {
  if (Array.isArray(value)) return 'many';
  if (typeof value !== 'object' || value === null) return 'number';
  return 'fn' in value || 'step' in value ? 'split' : 'one';
}

function toArray(value: unknown): unknown {
  return value === undefined || Array.isArray(value) ? value : [value];
}

/** An entry without a limit limits nothing. */
function toLimits({
  limit,
  scope,
  key,
}: {
  limit?: number | undefined;
  scope: ConcurrencyLimit['scope'];
  key?: string | undefined;
}): ConcurrencyLimit[] {
  return limit === undefined ? [] : [{ limit, scope, ...(key !== undefined && { key }) }];
}
