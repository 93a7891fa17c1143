import { buildSyncCall, parseSyncAnswer, SYNC_TIMEOUT_MS, type SyncAnswer } from '@perdure/protocol';
import type { Ports } from '../ports.ts';
import { syncApp } from './sync-app.ts';

export type PutSyncResult =
  /** The application registered itself, or answered with its functions. */
  { kind: 'synced'; modified: boolean } | { kind: 'failed'; code: string; message: string };

/**
 * Asks the application at `url` to sync: in-band when there is a signing key (the answer carries the functions), else
 * out-of-band (the application then calls `/fn/register` itself before it answers).
 */
export async function putSync(ports: Ports, url: string): Promise<PutSyncResult> {
  let answer: SyncAnswer;
  try {
    answer = await put(ports, url);
  } catch (error) {
    return { kind: 'failed', code: 'unreachable', message: describe(error) };
  }
  switch (answer.kind) {
    case 'in-band':
      return takeInBand(ports, answer.register);
    case 'out-of-band':
      return { kind: 'synced', modified: answer.isModified };
    case 'failed':
      return answer;
  }
}

async function put({ settings, clock }: Ports, url: string): Promise<SyncAnswer> {
  const key = settings.signingKeys[0];
  const { body, headers } = buildSyncCall({
    url,
    serverKind: settings.serverKind,
    syncKind: key === undefined ? 'out_of_band' : 'in_band',
    ...(key !== undefined && { signing: { key, unixSeconds: Math.floor(clock.now() / 1000) } }),
  });
  const response = await fetch(url, { method: 'PUT', body, headers, signal: AbortSignal.timeout(SYNC_TIMEOUT_MS) });
  return parseSyncAnswer({
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
  });
}

async function takeInBand(ports: Ports, register: unknown): Promise<PutSyncResult> {
  const result = await syncApp(ports, register);
  if (result.kind === 'refused') return { kind: 'failed', code: 'invalid_function', message: result.message };
  return { kind: 'synced', modified: result.modified };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}
