import type { JsonObject } from '@perdure/domain';
import { startScriptedApp, type ScriptedApp, type ScriptedFunction } from '@perdure/testing';
import { afterAll, beforeAll, beforeEach, type TestContext } from 'vitest';

import { servicesObstacle } from './backing-services.ts';
import { Observer } from './observer.ts';
import { startSdkApp, type SdkApp, type SdkAppOptions } from './sdk-app.ts';
import { startServer, type PerdureServer, type ServerOptions } from './server.ts';
import type { ServerApi } from './server-api.ts';
import { topology } from './topology.ts';

/** A server that the tests of a file share, and what they start beside it. */
export interface Fixture {
  readonly server: PerdureServer;
  readonly api: ServerApi;
  readonly observer: Observer;
  /** An application that answers by script, registered, and stopped when the test ends. */
  scriptedApp(ctx: TestContext, name: string, ...functions: ScriptedFunction[]): Promise<ScriptedApp>;
  /** An application of a real SDK, registered, and stopped when the test ends. */
  sdkApp(ctx: TestContext, options: Omit<SdkAppOptions, 'baseUrl' | 'keys'>): Promise<SdkApp>;
}

/** Starts one server for the tests of this file; the server's log is printed when one of them fails. */
export function useServer(options: ServerOptions = {}): Fixture {
  let server: PerdureServer | undefined;
  let observer: Observer | undefined;
  const started = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the server of this file has not been started');
    return value;
  };

  beforeAll(async () => {
    // The setup file leaves the tests out.
    if (topology !== 'embedded' && (await servicesObstacle()) !== undefined) return;
    server = await startServer(options);
    observer = await Observer.start(server);
  });
  beforeEach((ctx) => {
    ctx.onTestFailed(() => console.error(`the log of the server, its end:\n${server?.log ?? '(none)'}`));
  });
  afterAll(async () => {
    await server?.stop();
    await observer?.stop();
  });

  return {
    get server() {
      return started(server);
    },
    get api() {
      return started(server).api;
    },
    get observer() {
      return started(observer);
    },
    scriptedApp: async (ctx, name, ...functions) => {
      const { url, keys } = started(server);
      const app = await startScriptedApp({ name, functions, ...(keys !== undefined && { bearer: keys.signingKey }) });
      ctx.onTestFinished(() => app.stop());
      await app.register(url);
      return app;
    },
    sdkApp: async (ctx, appOptions) => {
      const { url, keys } = started(server);
      const app = await startSdkApp({ ...appOptions, baseUrl: url, keys });
      ctx.onTestFinished(() => app.stop());
      await app.sync();
      return app;
    },
  };
}

/** How often something happened, by name. */
export class Tally {
  readonly #counts = new Map<string, number>();

  /** Counts one more and answers the count before. */
  hit(name: string): number {
    const before = this.#counts.get(name) ?? 0;
    this.#counts.set(name, before + 1);
    return before;
  }

  get counts(): JsonObject {
    return Object.fromEntries(this.#counts);
  }
}
