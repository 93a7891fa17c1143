import type { JsonObject } from '@perdure/domain';
import type { RawAnswer } from '../answer/sdk-answer.ts';
import { HEADERS, type ServerKind, SYNC_KIND } from '../headers.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { asJsonObject, parseJson } from '../json/parse-json.ts';
import { signBody } from '../signature/sign-body.ts';

/** Longer, and the application counts as unreachable. */
export const SYNC_TIMEOUT_MS = 10_000;

export interface SyncCall {
  url: string;
  serverKind: ServerKind;
  syncKind: 'in_band' | 'out_of_band';
  /** Signs the request; absent without keys. */
  signing?: { key: string; unixSeconds: number };
}

/** The PUT that asks an application for its functions (sdk-protocol.md 3.1, 3.7). */
export function buildSyncCall(call: SyncCall): { body: string; headers: Record<string, string> } {
  const body = canonicalJson({ url: call.url });
  const headers = {
    [HEADERS.contentType]: 'application/json',
    [HEADERS.userAgent]: 'Perdure',
    [HEADERS.serverKind]: call.serverKind,
    ...(call.syncKind === SYNC_KIND.inBand && { [HEADERS.syncKind]: SYNC_KIND.inBand }),
    ...(call.signing && { [HEADERS.signature]: signBody(call.signing.key, body, call.signing.unixSeconds) }),
  };
  return { body, headers };
}

export type SyncAnswer =
  /** The functions came back: `register` is what `parseRegisterRequest` reads. */
  | { kind: 'in-band'; register: JsonObject }
  /** The SDK went to the register endpoint itself, with this outcome as it tells it. */
  | { kind: 'out-of-band'; isModified: boolean }
  /** `code` as sdk-protocol.md 3.8 lists them. */
  | { kind: 'failed'; code: string; message: string };

/** What an application answered to the PUT. */
export function parseSyncAnswer(answer: RawAnswer): SyncAnswer {
  const parsed = parseJson(answer.body);
  const body = (parsed.ok ? asJsonObject(parsed.value) : undefined) ?? {};
  if (answer.status < 200 || answer.status >= 300) return refusal(answer, body);
  if (answer.headers[HEADERS.syncKind] === SYNC_KIND.inBand) return { kind: 'in-band', register: toRegister(body) };
  if (answer.headers[HEADERS.sdk] === undefined && answer.headers[HEADERS.sdkHandled] === undefined) {
    return { kind: 'failed', code: 'not_sdk', message: 'The response did not come from an Inngest SDK' };
  }
  return { kind: 'out-of-band', isModified: body['modified'] === true };
}

/** The fields that both flows have, under the names of the register endpoint. */
function toRegister(body: JsonObject): JsonObject {
  const { app_id: appName, url, framework = null, appVersion = null, functions = null, capabilities = null } = body;
  const { sdk, sdk_language: language, sdk_version: version } = body;
  return {
    appName: appName ?? null,
    url: url ?? null,
    framework,
    appVersion,
    functions,
    capabilities,
    sdk: typeof sdk === 'string' ? sdk : `${textOr(language, 'unknown')}:v${textOr(version, '0').replace(/^v/, '')}`,
  };
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}

const CODES: Readonly<Record<number, string>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'url_not_found',
  500: 'internal_server_error',
};

function refusal(answer: RawAnswer, body: JsonObject): SyncAnswer {
  const own = typeof body['code'] === 'string' ? body['code'] : undefined;
  const text = [body['message'], body['error']].find((value) => typeof value === 'string');
  const code = own ?? CODES[answer.status] ?? (answer.status >= 500 ? 'internal_server_error' : 'http_not_ok');
  const message = `The application answered the sync with HTTP ${answer.status}${text === undefined ? '' : `: ${text}`}`;
  return { kind: 'failed', code, message };
}
