import type { JsonObject } from '@perdure/domain';
import { completes, startScriptedApp, type CallEvent, type ScriptedApp } from '@perdure/testing';

import { until } from './poll.ts';
import type { PerdureServer } from './server.ts';

const FENCES = 2;

/** An internal event about the end of a run, as its triggered functions get it. */
export interface EndEvent extends CallEvent {
  data: JsonObject & {
    function_id: string;
    run_id: string;
    event: JsonObject;
    events: JsonObject[];
    result?: unknown;
    error?: { name: string; message: string; error: string };
    _inngest: { status: string };
  };
}

/** What is observed: one server, or the front of a cluster. */
export type Observed = Pick<PerdureServer, 'api' | 'keys' | 'url'>;

/** An application that is triggered by the end of every run of a server and keeps what it is told. */
export class Observer {
  readonly #server: Observed;
  readonly #app: ScriptedApp;
  readonly #finished = new Map<string, EndEvent[]>();
  readonly #failed = new Map<string, EndEvent[]>();

  private constructor(server: Observed, app: ScriptedApp) {
    this.#server = server;
    this.#app = app;
  }

  static async start(server: Observed): Promise<Observer> {
    const app = await startScriptedApp({
      name: 'observer',
      functions: [],
      ...(server.keys !== undefined && { bearer: server.keys.signingKey }),
    });
    const observer = new Observer(server, app);
    app.setFunctions([
      observer.#collector('finished', observer.#finished),
      observer.#collector('failed', observer.#failed),
      { id: 'fence', triggers: [{ event: 'observer/fence' }], script: completes() },
    ]);
    await app.register(server.url);
    return observer;
  }

  /** The finished events of a run, once there is one. */
  finishedOf(runId: string, waitMs?: number): Promise<EndEvent[]> {
    return this.#eventsOf(this.#finished, 'finished', runId, waitMs);
  }

  /** The failed events of a run, once there is one. */
  failedOf(runId: string, waitMs?: number): Promise<EndEvent[]> {
    return this.#eventsOf(this.#failed, 'failed', runId, waitMs);
  }

  /** What is known of a run now, without waiting. */
  endsOf(runId: string): { finished: EndEvent[]; failed: EndEvent[] } {
    return { finished: this.#finished.get(runId) ?? [], failed: this.#failed.get(runId) ?? [] };
  }

  /**
   * Resolves when events sent after everything that happened so far have run through the whole server: what has not
   * happened by then, does not happen.
   */
  async fence(): Promise<void> {
    for (let i = 0; i < FENCES; i += 1) {
      const eventId = await this.#server.api.sendOne({ name: 'observer/fence' });
      const run = await this.#server.api.waitForRun(eventId);
      await this.finishedOf(run.run_id);
      await this.#server.api.waitForEvent(eventId);
    }
  }

  stop(): Promise<void> {
    return this.#app.stop();
  }

  #collector(kind: 'finished' | 'failed', into: Map<string, EndEvent[]>) {
    const script = completes();
    return {
      id: kind,
      triggers: [{ event: `inngest/function.${kind}` }],
      script: (call: Parameters<typeof script>[0]) => {
        const event = call.event as EndEvent;
        const runId = event.data.run_id;
        into.set(runId, [...(into.get(runId) ?? []), event]);
        return script(call);
      },
    };
  }

  #eventsOf(from: Map<string, EndEvent[]>, kind: string, runId: string, waitMs?: number): Promise<EndEvent[]> {
    return until(`the ${kind} event of run ${runId}`, () => from.get(runId), waitMs === undefined ? {} : { waitMs });
  }
}
