import { anchorsOf, compileResidual, evaluateBoolean, hashAt, type Residual } from '@perdure/expressions';
import type { EpochMs, JsonObject } from '@perdure/domain';
import type { PauseSpec } from '@perdure/store';

/**
 * The part of a pause by which events find it: the event's name, what is left of the expression, and the equalities it is
 * indexed by (execution.md 6.7).
 */
export function pauseForEvent({
  event,
  residual,
}: {
  event: string;
  residual?: Residual;
}): Pick<PauseSpec, 'event' | 'expression' | 'anchors'> {
  if (residual === undefined) return { event };
  const found = anchorsOf(residual);
  return {
    event,
    expression: JSON.stringify(residual),
    ...(found.kind === 'anchors' && {
      anchors: found.anchors.map(({ path, hash }) => ({ path, valueHash: hash })),
    }),
  };
}

/** What an event is looked up by at these paths. Lists and maps are at no anchor. */
export function anchorsAt(delivered: JsonObject, paths: readonly string[]): { path: string; valueHash: string }[] {
  return paths.flatMap((path) => {
    const valueHash = hashAt(delivered, path);
    return valueHash === undefined ? [] : [{ path, valueHash }];
  });
}

/** Whether an event fits a pause's expression; what fails to evaluate does not fit, and says why. */
export function fits(
  expression: string | undefined,
  delivered: JsonObject,
  now: EpochMs,
): { kind: 'yes' | 'no' } | { kind: 'error'; message: string } {
  if (expression === undefined) return { kind: 'yes' };
  const residual = JSON.parse(expression) as Residual;
  const compiled = compileResidual(residual);
  if (!compiled.ok) return { kind: 'error', message: compiled.message };
  const result = evaluateBoolean(compiled.expression, { async: delivered, vars: residual.vars }, { now });
  if (result.kind === 'error') return result;
  return { kind: result.kind === 'true' ? 'yes' : 'no' };
}
