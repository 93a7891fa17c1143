import { type Clock, DEFAULT_ENV_ID, type FunctionDefinition, type FunctionId } from '@perdure/domain';
import type { Bus } from '@perdure/bus';
import type { HeldState, OverriddenLimits, Registry } from '@perdure/history';
import type { FunctionLimits } from '@perdure/store';
import type { Logger } from '@perdure/telemetry';
import { FunctionIndex } from './function-index.ts';
import { functionLimits } from './function-limits.ts';

/** How often the registry is asked whether it changed, should the hint be lost. */
export const CATALOG_POLL_MS = 2_000;

/** One question at most in this time: whoever asks meanwhile shares the next. */
const CONFIRM_MS = 20;
/** A database that does not answer is not asked again for this long: while it is away nothing can be registered. */
const CONFIRM_AGAIN_MS = 2_000;

export interface FunctionCatalogOptions {
  registry: Registry;
  bus: Bus;
  log: Logger;
  clock: Clock;
  /** How many there are to place functions in. */
  cells: number;
  /** Other processes register functions too. */
  isShared: boolean;
}

/**
 * The registered functions, cached in this process. Reloaded when a hint says that they changed, and when the
 * registry's revision does. When the database cannot be reached the last known functions stay in use.
 */
export class FunctionCatalog {
  private current = new FunctionIndex([], []);
  /** What the index was made of: another index means other functions to those who compare. */
  private indexed = '';
  private heldFunctions: ReadonlyMap<FunctionId, HeldState> = new Map();
  private overridden: ReadonlyMap<FunctionId, OverriddenLimits> = new Map();
  private revision = -1;
  private loading: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private unsubscribe: (() => void)[] = [];
  private readonly registry: Registry;
  private readonly bus: Bus;
  private readonly log: Logger;
  private readonly clock: Clock;
  private readonly cells: number;
  private readonly listeners = new Set<() => void>();
  private readonly isShared: boolean;
  private confirming: Promise<FunctionIndex> | undefined;
  private askAgainAt = 0;

  constructor({ registry, bus, log, clock, cells, isShared }: FunctionCatalogOptions) {
    this.clock = clock;
    this.isShared = isShared;
    this.registry = registry;
    this.bus = bus;
    this.log = log;
    this.cells = cells;
  }

  get index(): FunctionIndex {
    return this.current;
  }

  /** Functions that somebody paused or drained. */
  get held(): ReadonlyMap<FunctionId, HeldState> {
    return this.heldFunctions;
  }

  /** Those whose limits an operator overrides, or did. */
  get overrides(): ReadonlyMap<FunctionId, OverriddenLimits> {
    return this.overridden;
  }

  /** What the store is to enforce of this function. */
  limitsOf(fn: FunctionDefinition): FunctionLimits {
    return functionLimits(fn, this.overridden.get(fn.id));
  }

  /** Loads, and keeps up with changes until `stop`. Fails when the first load does. */
  async start(): Promise<void> {
    await this.reload();
    const refresh = (): void => this.refresh();
    this.unsubscribe = [this.bus.subscribe('functions-changed', refresh), this.bus.onGap(refresh)];
    this.timer = setInterval(() => this.refresh(), CATALOG_POLL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    for (const unsubscribe of this.unsubscribe.splice(0)) unsubscribe();
    await this.loading?.catch(() => undefined);
  }

  /** Calls `listen` whenever the functions have changed, until the returned function is called. */
  onChange(listen: () => void): () => void {
    this.listeners.add(listen);
    return () => this.listeners.delete(listen);
  }

  /** The index after all changes made before this call. */
  async reload(): Promise<void> {
    // A load under way may have read before the change: it is waited for, and another one made.
    await this.loading?.catch(() => undefined);
    this.loading = this.load().finally(() => (this.loading = undefined));
    await this.loading;
  }

  /**
   * The index with everything that was registered before this call, by whatever process: a hint may still be on its way.
   * While the database cannot be reached the last known one, for then nothing can be registered.
   */
  confirm(): Promise<FunctionIndex> {
    if (!this.isShared || this.clock.now() < this.askAgainAt) return Promise.resolve(this.current);
    // Begun after this call, shared by all who call before it begins.
    this.confirming ??= new Promise((resolve) => {
      setTimeout(() => {
        this.confirming = undefined;
        resolve(this.ask());
      }, CONFIRM_MS);
    });
    return this.confirming;
  }

  private async ask(): Promise<FunctionIndex> {
    try {
      await this.reload();
    } catch (error) {
      this.askAgainAt = this.clock.now() + CONFIRM_AGAIN_MS;
      this.log.debug('the registry could not be asked for changes', { error });
    }
    return this.current;
  }

  /** The function, asking the registry when it is not cached: runs may be older than this process. */
  async findFunction(id: FunctionId): Promise<FunctionDefinition | undefined> {
    const known = this.current.findById(id);
    if (known) return known;
    await this.reload();
    return this.current.findById(id);
  }

  private refresh(): void {
    if (this.loading) return;
    this.loading = this.load()
      .catch((error: unknown) => this.log.warn('functions could not be reloaded', { error }))
      .finally(() => (this.loading = undefined));
  }

  private async load(): Promise<void> {
    const revision = await this.registry.revision();
    if (revision === this.revision) return;
    const { active, archived, held, overrides } = await this.registry.listFunctions(DEFAULT_ENV_ID);
    this.replaceIndex(active, archived);
    this.heldFunctions = held;
    this.overridden = overrides;
    this.revision = revision;
    for (const listen of this.listeners) listen();
  }

  private replaceIndex(active: FunctionDefinition[], archived: FunctionDefinition[]): void {
    const indexed = `${versionsOf(active)} / ${versionsOf(archived)}`;
    if (indexed === this.indexed) return;
    this.current = new FunctionIndex(active, archived, this.cells);
    this.indexed = indexed;
  }
}

function versionsOf(fns: FunctionDefinition[]): string {
  return fns.map(({ id, version }) => `${id}@${version}`).join(' ');
}
