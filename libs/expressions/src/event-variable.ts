import type { Event, JsonObject } from '@perdure/domain';

/** An event as the variables `event` and `async` show it (execution.md 6.1); a sender that gave no ID is shown ours. */
export function eventVariable(event: Event): JsonObject {
  const variable: JsonObject = { id: event.id ?? event.internalId, name: event.name, data: event.data, ts: event.ts };
  if (event.user !== undefined) variable['user'] = event.user;
  if (event.v !== undefined) variable['v'] = event.v;
  return variable;
}
