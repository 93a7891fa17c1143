import type { EventId, FunctionDefinition, RunId } from '@perdure/domain';
import type { ScheduleArgs, ScheduleResult } from '@perdure/store';
import type { Ports } from '../ports.ts';

/** Schedules what `plan` answers, in a span; `plan` is given the `traceparent` that the run's calls go on from, where there is one. */
export async function scheduleTraced(
  ports: Ports,
  { fn, runId, eventId, trace }: { fn: FunctionDefinition; runId: RunId; eventId: EventId; trace: string | undefined },
  plan: (trace: string | undefined) => ScheduleArgs,
): Promise<ScheduleResult> {
  const span = ports.telemetry.tracer?.start('run.schedule', {
    parent: trace,
    attributes: { 'perdure.function': fn.slug, 'perdure.run_id': runId, 'perdure.event_id': eventId },
  });
  try {
    const result = await ports.store.schedule(plan(span?.traceparent ?? trace));
    span?.set({ 'perdure.outcome': result.kind, ...('runId' in result && { 'perdure.run_id': result.runId }) });
    return result;
  } catch (error) {
    span?.end(error);
    throw error;
  } finally {
    span?.end();
  }
}
