import type { JsonObject, JsonValue } from '@perdure/domain';

import { SDK_HEADER_VALUE } from './replies.ts';
import type { Script } from './scripts.ts';

/** A function of a scripted application. */
export interface ScriptedFunction {
  /** Without the app's name. */
  id: string;
  name?: string;
  /** Default: the event `test/{id}`. */
  triggers?: ({ event: string; expression?: string } | { cron: string })[];
  /** Retries after the first attempt; the server's default when absent. */
  retries?: number;
  /** More fields of the function object, as an SDK sends them (sdk-protocol.md 3.3): `concurrency`, `throttle` ... */
  options?: JsonObject;
  script: Script;
}

/** The body of `POST /fn/register` (sdk-protocol.md 3.2). */
export function registration(app: { name: string; url: string; functions: readonly ScriptedFunction[] }): JsonObject {
  return {
    url: app.url,
    deployType: 'ping',
    framework: 'scripted',
    appName: app.name,
    functions: functionObjects(app),
    sdk: SDK_HEADER_VALUE,
    v: '0.1',
    capabilities: { trust_probe: 'v1', connect: 'v1' },
  };
}

/** The answer to an in-band `PUT` (sdk-protocol.md 3.7). */
export function inBandSync(app: { name: string; url: string; functions: readonly ScriptedFunction[] }): JsonObject {
  return {
    app_id: app.name,
    url: app.url,
    sdk_author: 'inngest',
    sdk_language: 'js',
    sdk_version: SDK_HEADER_VALUE.slice('js:'.length),
    sdk: SDK_HEADER_VALUE,
    framework: 'scripted',
    env: null,
    platform: null,
    functions: functionObjects(app),
    capabilities: {},
    inspection: {},
  };
}

function functionObjects(app: { name: string; url: string; functions: readonly ScriptedFunction[] }): JsonValue {
  return app.functions.map((fn) => {
    const slug = `${app.name}-${fn.id}`;
    return {
      id: slug,
      name: fn.name ?? fn.id,
      triggers: fn.triggers ?? [{ event: `test/${fn.id}` }],
      steps: {
        step: {
          id: 'step',
          name: 'step',
          runtime: { type: 'http', url: `${app.url}?fnId=${encodeURIComponent(slug)}&stepId=step` },
          ...(fn.retries !== undefined && { retries: { attempts: fn.retries } }),
        },
      },
      ...fn.options,
    };
  });
}
