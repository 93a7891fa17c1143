import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bus } from '@perdure/bus';
import type { EnvId, EpochMs, FunctionDefinition, FunctionId, LimitOverrides } from '@perdure/domain';
import { openEmbeddedEventStream } from '@perdure/event-stream/drivers';
import type { OverriddenLimits, Registry } from '@perdure/history';
import { routeCells, type Store } from '@perdure/store';
import { openEmbeddedStore } from '@perdure/store/drivers';
import { recordingLogger, silentTelemetry } from '@perdure/telemetry';
import { testClock, type TestClock, testIds } from '@perdure/testing';
import { onTestFinished } from 'vitest';
import { FunctionCatalog } from '../function/function-catalog.ts';
import type { Ports } from '../ports.ts';

const NO_BUS: Bus = {
  publish: () => undefined,
  subscribe: () => () => undefined,
  onGap: () => () => undefined,
  close: async () => undefined,
};

/** What a test of the engine acts on. */
export interface EmbeddedPorts {
  ports: Ports;
  /** The only one. */
  cell: Store;
  clock: TestClock;
  /** Registers these in place of those before, and tells everybody. */
  register: (...functions: FunctionDefinition[]) => Promise<void>;
}

/** Ports over an embedded store and an embedded stream, gone after the test. Time is the test's; there is no history. */
export async function openEmbeddedPorts({ at }: { at?: EpochMs } = {}): Promise<EmbeddedPorts> {
  const folder = await mkdtemp(join(tmpdir(), 'perdure-engine-'));
  const clock = testClock(at);
  const cell = await openEmbeddedStore({ path: join(folder, 'store'), clock });
  const stream = await openEmbeddedEventStream({ path: join(folder, 'stream'), clock });
  onTestFinished(async () => {
    await stream.close();
    await cell.close();
    await rm(folder, { recursive: true, force: true });
  });
  let active: FunctionDefinition[] = [];
  let revision = 0;
  const overrides = new Map<FunctionId, OverriddenLimits>();
  const registry = {
    revision: async () => revision,
    listFunctions: async () => ({ active, archived: [], held: new Map(), overrides: new Map(overrides) }),
    overrideLimits: async (_envId: EnvId, id: FunctionId, limits: LimitOverrides | undefined) => {
      if (!active.some((fn) => fn.id === id)) return undefined;
      const next = (overrides.get(id)?.revision ?? 0) + 1;
      overrides.set(id, { revision: next, ...(limits && { limits }) });
      revision += 1;
      return next;
    },
  } as unknown as Registry;
  const log = recordingLogger();
  const catalog = new FunctionCatalog({ registry, bus: NO_BUS, log, clock, cells: 1, isShared: false });
  const ports = {
    clock,
    ids: testIds(),
    stream,
    store: routeCells([cell]),
    catalog,
    registry,
    log,
    telemetry: silentTelemetry,
    bus: NO_BUS,
  } as unknown as Ports;
  return {
    ports,
    cell,
    clock,
    register: async (...functions) => {
      active = functions;
      revision += 1;
      await catalog.reload();
    },
  };
}
