import type { Bus } from '@perdure/bus';
import type { Clock, FunctionDefinition } from '@perdure/domain';
import type { Registry } from '@perdure/history';
import type { Invoker } from '@perdure/invoker';
import { routeCells, type Store } from '@perdure/store';
import { recordingLogger, silentTelemetry } from '@perdure/telemetry';
import { aFlowControl, aFunction, testIds } from '@perdure/testing';
import { FunctionCatalog } from '../../function/function-catalog.ts';
import type { Ports } from '../../ports.ts';
import { functionLimits } from '../../function/function-limits.ts';
import { childSlug } from './answer-call.ts';
import type { Actor, Gates } from './gates.ts';
import { SimulatedStream } from './simulated-stream.ts';
import type { Graph, Story } from './step-graph.ts';
import { Witness } from './witness.ts';

export const LEASE_MS = 30_000;

export interface PlatformOptions {
  story: Story;
  cells: readonly Store[];
  clock: Clock;
  gates: Gates;
  call: Invoker['call'];
}

/** The ports that actors act through. Everything is real but the stream and the application; each operation has a gate. */
export class Platform {
  readonly stream: SimulatedStream;
  readonly witness: Witness;
  readonly log = recordingLogger();
  readonly ids = testIds();
  readonly #options: PlatformOptions;
  readonly #functions: readonly { fn: FunctionDefinition; graph: Graph }[];
  readonly #catalog: FunctionCatalog;

  constructor(options: PlatformOptions) {
    const { story, cells, clock } = options;
    this.#options = options;
    this.#functions = [
      ...story.graphs.map((graph, i) => define(`graphs-main-${i}`, graph, [startOf(i)])),
      ...story.children.map((graph, i) => define(childSlug(i), graph, [])),
    ];
    this.stream = new SimulatedStream(() => clock.now());
    this.witness = new Witness((id) => this.#functions.find(({ fn }) => fn.id === id)?.graph);
    this.#catalog = new FunctionCatalog({
      registry: registryOf(this.#functions.map(({ fn }) => fn)),
      bus: NO_BUS,
      log: this.log,
      clock,
      cells: cells.length,
      isShared: false,
    });
  }

  async open(): Promise<void> {
    await this.#catalog.reload();
    for (const { fn } of this.#functions) {
      for (const cell of this.#options.cells) await cell.setFunction(functionLimits(fn));
    }
  }

  graphOf(slug: string): Graph | undefined {
    return this.#functions.find(({ fn }) => fn.slug === slug)?.graph;
  }

  portsOf(actor: Actor): Ports {
    const { clock, cells, gates, call } = this.#options;
    const ports: Partial<Ports> = {
      clock,
      ids: this.ids,
      stream: {
        append: (messages) => gates.enter(actor, 'append', () => this.stream.append(messages)),
      } as Ports['stream'],
      store: routeCells(cells.map((cell) => this.#gated(actor, cell))),
      invoker: {
        call: async (request) => {
          await gates.enter(actor, 'call', async () => undefined);
          const answer = await call(request);
          return gates.enter(actor, 'answer', async () => answer);
        },
        close: async () => undefined,
      },
      bus: NO_BUS,
      log: this.log,
      telemetry: silentTelemetry,
      catalog: this.#catalog,
      settings: SETTINGS,
    };
    return ports as Ports;
  }

  #gated(actor: Actor, cell: Store): Store {
    return new Proxy(cell, {
      get:
        (target, name: keyof Store) =>
        (...args: unknown[]) =>
          this.#options.gates.enter(actor, name, () => this.witness.watch(target, name, args)),
    });
  }
}

/** The event that starts the run of a graph. */
export function startOf(graph: number): string {
  return `graph/start-${graph}`;
}

function define(slug: string, graph: Graph, events: string[]): { fn: FunctionDefinition; graph: Graph } {
  const fn = aFunction({
    id: `id-of-${slug}`,
    slug,
    triggers: events.map((event) => ({ kind: 'event', event })),
    url: `http://127.0.0.1:1/api/inngest?fnId=${slug}`,
    retries: graph.retries,
    flow: aFlowControl(graph.isSerial ? { concurrency: [{ limit: 1, scope: 'fn' }] } : {}),
  });
  return { fn, graph };
}

function registryOf(active: FunctionDefinition[]): Registry {
  const registry: Partial<Registry> = {
    revision: async () => 1,
    listFunctions: async () => ({ active, archived: [], held: new Map(), overrides: new Map() }),
  };
  return registry as Registry;
}

const NO_BUS: Bus = {
  publish: () => undefined,
  subscribe: () => () => undefined,
  onGap: () => () => undefined,
  close: async () => undefined,
};

const SETTINGS: Ports['settings'] = {
  serverKind: 'dev',
  signingKeys: [],
  eventKeys: [],
  eventBytesMax: 1_000_000,
  stepsMax: 1000,
  stateBytesMax: 1_000_000,
  executorConcurrency: 10,
  leaseMs: LEASE_MS,
  callTimeoutMs: 10_000,
  backoff: {},
  drainMs: 0,
  retentionMs: 1_000_000,
};
