import {
  DEFAULT_ACCOUNT_ID,
  DEFAULT_ENV_ID,
  type Event,
  type FunctionDefinition,
  INTERNAL_EVENTS,
  type SkipReason,
  ulidTimeMs,
} from '@perdure/domain';
import type { SyncedFunction } from '@perdure/history';
import {
  appIdOf,
  deliveredEventsJson,
  derivedUlid,
  type EndpointRun,
  functionIdOf,
  toStoredEvent,
} from '@perdure/protocol';
import type { ScheduleArgs } from '@perdure/store';
import { hintOfCell } from '../hints/cell-hints.ts';
import type { Ports } from '../ports.ts';
import { hash } from '../function/hash.ts';
import { runMeta } from '../run/run-meta.ts';
import { type EndpointCommit, commitEndpointOps } from './commit-endpoint-ops.ts';
import { ENDPOINT_FRAMEWORK } from './endpoint-framework.ts';
import { ENDPOINT_LEASE_MS, endpointLease } from './endpoint-lease.ts';

export type EndpointStart =
  | { kind: 'started'; fn: FunctionDefinition; commit: EndpointCommit }
  /** It has ended, or another run has its idempotency key. */
  | { kind: 'exists' }
  | { kind: 'skipped'; reason: SkipReason };

/**
 * Takes over a run that a durable endpoint began by itself (sdk-protocol.md 9.1.2): its app and function are registered where
 * they are new, the run is created under its own ID, with its start job in the hands of the SDK, and what it came to so far
 * is committed. All of it is kept when this resolves; a repeat changes nothing.
 */
export async function startEndpointRun(ports: Ports, run: EndpointRun): Promise<EndpointStart> {
  const { store, stream } = ports;
  const fn = await registerEndpoint(ports, run);
  const event = eventOf(run);
  await stream.append([{ id: event.internalId, topic: 'events', body: toStoredEvent(event) }]);
  const result = await store.schedule(planEndpointRun(ports, fn, run, event));
  switch (result.kind) {
    case 'skipped':
      return { kind: 'skipped', reason: result.reason };
    case 'rate-limited':
    case 'buffered':
    case 'exists':
    case 'duplicate':
      return { kind: 'exists' };
    case 'created':
      break;
  }
  hintOfCell(ports, 'outbox-filled', run.runId);
  // Also of a run that was created by an earlier try: it may have ended since.
  if ((await store.findRun(run.runId)) === undefined) return { kind: 'exists' };
  return { kind: 'started', fn, commit: await commitEndpointOps(ports, run.runId, run.ops) };
}

async function registerEndpoint(ports: Ports, run: EndpointRun): Promise<FunctionDefinition> {
  const { registry, catalog, store, bus, clock } = ports;
  const declared = functionOf(run);
  const known = catalog.index.findById(declared.id);
  if (known !== undefined && known.retries === declared.retries) return known;
  const { domain } = run.request;
  const app = {
    id: declared.appId,
    envId: DEFAULT_ENV_ID,
    name: domain,
    url: domain,
    sdk: '',
    framework: ENDPOINT_FRAMEWORK,
    checksum: '',
    syncedAt: clock.now(),
  };
  const fn = await registry.addFunction(app, declared);
  await catalog.reload();
  await store.setFunction(catalog.limitsOf(fn));
  bus.publish('functions-changed', {});
  return fn;
}

function functionOf({ request, retries }: EndpointRun): SyncedFunction {
  const { domain, method, path } = request;
  const name = request.fn ?? `${method} ${path}`;
  const appId = appIdOf(domain);
  const slug = `${domain}-${name}`;
  return {
    id: functionIdOf(appId, slug),
    slug,
    name,
    accountId: DEFAULT_ACCOUNT_ID,
    envId: DEFAULT_ENV_ID,
    appId,
    appName: domain,
    triggers: [],
    url: `${domain}${path}`,
    retries,
    flow: { concurrency: [], timeouts: {}, cancelOn: [] },
  };
}

/** The same whenever the SDK repeats its request. */
function eventOf({ runId, data }: EndpointRun): Event {
  const at = ulidTimeMs(runId);
  return {
    internalId: derivedUlid(at, 'http-request', runId),
    receivedAt: at,
    name: INTERNAL_EVENTS.httpRequest,
    data,
    ts: at,
  };
}

function planEndpointRun(
  { clock }: Ports,
  fn: FunctionDefinition,
  { runId, idempotency, requestVersion }: EndpointRun,
  event: Event,
): ScheduleArgs {
  return {
    runId,
    functionId: fn.id,
    accountId: fn.accountId,
    envId: fn.envId,
    appId: fn.appId,
    functionVersion: fn.version,
    dedupKey: hash('endpoint', runId),
    ...(idempotency !== undefined && { idempotencyKey: hash('endpoint', idempotency) }),
    notBefore: clock.now(),
    priority: 0,
    keys: {},
    attemptsMax: fn.retries + 1,
    events: deliveredEventsJson([event]),
    meta: runMeta({ eventIds: [event.internalId], endpoint: { requestVersion } }),
    publishesEnd: true,
    lease: { token: endpointLease(runId).token, leaseMs: ENDPOINT_LEASE_MS },
  };
}
