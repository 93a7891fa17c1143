import type { FunctionDefinition, Trigger } from '@perdure/domain';

/** A function as `GET /dev` lists it (http-api.md 2.2). */
export function toDevFunction(fn: FunctionDefinition) {
  const { id, version, name, slug, triggers, url, retries, flow } = fn;
  return {
    id,
    fv: version,
    name,
    slug,
    ...(flow.priority !== undefined && { priority: { run: flow.priority } }),
    concurrency: flow.concurrency,
    triggers: triggers.map(toDevTrigger),
    steps: [{ id: 'step', name: 'step', uri: url, retries: { attempts: retries } }],
  };
}

function toDevTrigger(trigger: Trigger) {
  if (trigger.kind === 'cron') return { cron: trigger.cron };
  return { event: trigger.event, ...(trigger.expression !== undefined && { expression: trigger.expression }) };
}
