import { z } from 'zod';
import type { ConcurrencyScope, FlowControl, FunctionDefinition, LimitOverrides } from '@perdure/domain';
import { asJsonObject, jsonTypeOf } from '../json/parse-json.ts';
import { counted } from './concurrency-schemas.ts';
import { codeOfPath, type ConfigProblem, formatPath } from './config-problem.ts';
import { throttleBurst, throttlePeriod } from './config-schemas.ts';

export type LimitOverridesResult = { ok: true; overrides: LimitOverrides } | { ok: false; errors: ConfigProblem[] };

/** Whose numbers they are. */
type LimitedFunction = Pick<FunctionDefinition, 'slug' | 'flow'>;

/** The store counts in thousandths. */
const WEIGHT_MIN = 0.001;
const WEIGHT_MAX = 1_000;

const overridesSchema = z.strictObject({
  concurrency: counted.optional(),
  keyed: z
    .array(
      z.strictObject({
        scope: z
          .string()
          .toLowerCase()
          .pipe(z.enum(['fn', 'env', 'account']))
          .default('fn'),
        key: z.string().min(1),
        limit: counted,
      }),
    )
    .optional(),
  runConcurrency: counted.optional(),
  throttle: z
    .strictObject({ limit: counted.optional(), period: throttlePeriod.optional(), burst: throttleBurst.optional() })
    .optional(),
  backlog: counted.optional(),
  weight: z.number().min(WEIGHT_MIN).max(WEIGHT_MAX).optional(),
});

type Overrides = z.infer<typeof overridesSchema>;

/**
 * Numbers that an operator puts in place of those that `fn` was registered with, with all that is wrong with them, one problem a
 * field as in a registration: `{concurrency, keyed: [{scope, key, limit}], runConcurrency, throttle: {limit, period, burst},
 * backlog, weight}`, all optional. What the function does not limit by itself cannot be overridden: its runs have no key for it.
 */
export function parseLimitOverrides(body: unknown, fn: LimitedFunction): LimitOverridesResult {
  if (asJsonObject(body) === undefined) {
    return { ok: false, errors: [problemOf(fn, [], `expected an object, found ${jsonTypeOf(body)}`)] };
  }
  const parsed = overridesSchema.safeParse(body);
  if (!parsed.success) {
    return { ok: false, errors: parsed.error.issues.flatMap((issue) => problemsOf(fn, issue)) };
  }
  const errors = unlimited(parsed.data, fn.flow).map(({ path, message }) => problemOf(fn, path, message));
  return errors.length > 0 ? { ok: false, errors } : { ok: true, overrides: toOverrides(parsed.data) };
}

/** A field that nobody knows is a problem of its own: whoever misspells one would believe it to be in force. */
function problemsOf(fn: LimitedFunction, issue: z.core.$ZodIssue): ConfigProblem[] {
  if (issue.code !== 'unrecognized_keys') return [problemOf(fn, issue.path, issue.message)];
  return issue.keys.map((key) => problemOf(fn, [...issue.path, key], 'there is no such limit'));
}

function problemOf(fn: LimitedFunction, at: readonly PropertyKey[], message: string): ConfigProblem {
  const path = formatPath(at);
  return { functionId: fn.slug, path, code: codeOfPath(path), message };
}

function unlimited(overrides: Overrides, flow: FlowControl): { path: PropertyKey[]; message: string }[] {
  const { keyed = [], throttle, runConcurrency } = overrides;
  const isDeclared = ({ scope, key }: { scope: ConcurrencyScope; key: string }): boolean =>
    flow.concurrency.some((limit) => limit.scope === scope && limit.key === key);
  return [
    ...keyed.flatMap((limit, i) =>
      isDeclared(limit)
        ? []
        : [{ path: ['keyed', i, 'key'], message: `the function has no limit of scope ${limit.scope} with this key` }],
    ),
    ...(throttle && !flow.throttle ? [{ path: ['throttle'], message: 'the function has no throttle' }] : []),
    ...(runConcurrency !== undefined && !flow.runConcurrency
      ? [{ path: ['runConcurrency'], message: 'the function does not limit its runs' }]
      : []),
  ];
}

function toOverrides({ concurrency, keyed, runConcurrency, throttle, backlog, weight }: Overrides): LimitOverrides {
  return {
    ...(concurrency !== undefined && { concurrency }),
    ...(keyed && { keyed }),
    ...(runConcurrency !== undefined && { run: runConcurrency }),
    ...(throttle && {
      throttle: {
        ...(throttle.limit !== undefined && { limit: throttle.limit }),
        ...(throttle.burst !== undefined && { burst: throttle.burst }),
        ...(throttle.period !== undefined && { periodMs: throttle.period }),
      },
    }),
    ...(backlog !== undefined && { backlogMax: backlog }),
    ...(weight !== undefined && { weight }),
  };
}
