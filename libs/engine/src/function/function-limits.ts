import type { FlowControl, FunctionDefinition, LimitOverrides } from '@perdure/domain';
import type { OverriddenLimits } from '@perdure/history';
import { FUNCTION_CONCURRENCY_DEFAULT, type FunctionLimits } from '@perdure/store';
import { keyedLimits, keysIdOf } from './constraint-keys.ts';

/** The numbers of a function that the store enforces at each claim: those of its registration, but for what an operator put in their place. */
export function functionLimits(fn: FunctionDefinition, overridden?: OverriddenLimits): FunctionLimits {
  const { flow } = fn;
  const { limits: overrides = {}, revision = 0 } = overridden ?? {};
  const throttle = flow.throttle && { ...numbersOf(flow.throttle), ...overrides.throttle };
  return {
    functionId: fn.id,
    accountId: fn.accountId,
    version: fn.version,
    ...(revision > 0 && { revision }),
    keysId: keysIdOf(fn),
    weight: overrides.weight ?? 1,
    concurrency: overrides.concurrency ?? registeredConcurrency(flow),
    keyed: keyedNumbers(flow, overrides.keyed),
    ...(flow.runConcurrency && { run: overrides.run ?? flow.runConcurrency.limit }),
    ...(throttle && { throttle }),
    ...(overrides.backlogMax !== undefined && { backlogMax: overrides.backlogMax }),
    ...(flow.timeouts.startMs !== undefined && { startTimeoutMs: flow.timeouts.startMs }),
    ...(flow.timeouts.finishMs !== undefined && { finishTimeoutMs: flow.timeouts.finishMs }),
  };
}

/** Of the whole function. What applications ask for is capped; an operator may go beyond. */
function registeredConcurrency({ concurrency }: FlowControl): number {
  const plain = concurrency.filter((limit) => limit.key === undefined).map((limit) => limit.limit);
  return Math.min(FUNCTION_CONCURRENCY_DEFAULT, ...plain);
}

function numbersOf({
  limit,
  burst,
  periodMs,
}: NonNullable<FlowControl['throttle']>): NonNullable<FunctionLimits['throttle']> {
  return { limit, burst, periodMs };
}

function keyedNumbers(flow: FlowControl, overrides: LimitOverrides['keyed'] = []): number[] {
  return keyedLimits(flow).map(
    ({ scope, key, limit }) =>
      overrides.find((override) => override.scope === scope && override.key === key)?.limit ?? limit,
  );
}
