import { type AppId, DEFAULT_ACCOUNT_ID, DEFAULT_ENV_ID, type FunctionDefinition } from '@perdure/domain';
import { compileExpression } from '@perdure/expressions';
import { type ConfigProblem, parseRegisterRequest, type RegisterResult } from '@perdure/protocol';
import type { Ports } from '../ports.ts';
import { checkCron } from '../cron/cron-schedule.ts';

export type SyncResult =
  | { kind: 'synced'; modified: boolean; appId: AppId; syncId: string }
  | { kind: 'refused'; message: string; errors: ConfigProblem[] };

/**
 * Takes an application's registration: checks all of it, stores it, and makes this process and (by a hint) the others
 * use it. Nothing is stored unless every function is valid (sdk-protocol.md 3). Repeating it changes nothing.
 */
export async function syncApp(ports: Ports, body: unknown): Promise<SyncResult> {
  const parsed = parseRegisterRequest(body, {
    accountId: DEFAULT_ACCOUNT_ID,
    envId: DEFAULT_ENV_ID,
    checkExpression,
    checkCron,
  });
  if (!parsed.ok) return { kind: 'refused', message: parsed.message, errors: parsed.errors };
  return saveSync(ports, parsed);
}

function checkExpression(text: string, variables: readonly string[]): string | undefined {
  const compiled = compileExpression(text, { variables });
  return compiled.ok ? undefined : compiled.message;
}

async function saveSync(ports: Ports, request: Extract<RegisterResult, { ok: true }>): Promise<SyncResult> {
  const { registry, clock, ids, log } = ports;
  const { app, checksum, functions } = request;
  const saved = await registry.saveApp({ ...app, checksum, syncedAt: clock.now() }, functions);
  const modified = saved.kind === 'changed';
  if (modified) {
    await useFunctions(ports, saved.functions);
    log.info('an app was synced', {
      app: app.name,
      url: app.url,
      functions: saved.functions.length,
      sdk: app.sdk,
    });
  }
  return { kind: 'synced', modified, appId: app.id, syncId: ids.uuid() };
}

/** Gives this process the new functions and the store the numbers it enforces, then tells the others. */
async function useFunctions(ports: Ports, fns: FunctionDefinition[]): Promise<void> {
  const { catalog, store, bus } = ports;
  await catalog.reload();
  await Promise.all(fns.map((fn) => store.setFunction(catalog.limitsOf(fn))));
  bus.publish('functions-changed', {});
  // What a limit held back so far may be ready now.
  store.cells.forEach((_cell, cell) => bus.publish('jobs-ready', { cell }));
}
