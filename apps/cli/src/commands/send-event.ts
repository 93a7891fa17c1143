import { reasonOf } from './reason-of.ts';

const TIMEOUT_MS = 30_000;
/** Any key will do for a server that checks none, but the path needs one. */
const NO_KEY = 'none';
const UNAUTHORIZED = 401;

export interface EventInput {
  name: string;
  data?: Record<string, unknown>;
  id?: string;
}

/** `message`: one sentence for a person. */
export type SendResult = { ok: true; ids: string[] } | { ok: false; message: string };

/** Sends one event (http-api.md 2.1). A repeat is another event, unless it has an ID of its own. */
export async function sendEvent(given: {
  /** Of the server, with the path that it is served under, if any. */
  url: string;
  eventKey: string | undefined;
  event: EventInput;
}): Promise<SendResult> {
  const { eventKey, event } = given;
  const { address, headers } = placeOf(given.url);
  let response: Response;
  let body: string;
  try {
    response = await fetch(`${address}/e/${encodeURIComponent(eventKey ?? NO_KEY)}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(event),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    body = await response.text();
  } catch (error) {
    return { ok: false, message: `no server answers at ${address}: ${reasonOf(error)}` };
  }
  const answer = parseAnswer(body);
  if (response.ok && answer !== undefined) return { ok: true, ids: answer.ids };
  if (response.status === UNAUTHORIZED) return { ok: false, message: refusedKey(eventKey) };
  if (answer === undefined) {
    return { ok: false, message: `${address} is no server for events: it answered ${response.status}` };
  }
  return { ok: false, message: `the server refused the event: ${answer.error ?? response.status}` };
}

/** Where it is, which may be shown, and the login of a proxy before it, which may not. */
function placeOf(given: string): { address: string; headers: Record<string, string> } {
  const url = new URL(given);
  const login = [url.username, url.password].map(decodeURIComponent).join(':');
  const address = `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`;
  return { address, headers: login === ':' ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` } };
}

function refusedKey(eventKey: string | undefined): string {
  if (eventKey === undefined) return 'the server wants an event key: give it as --event-key or PERDURE_EVENT_KEY';
  return 'the server does not know this event key';
}

function parseAnswer(body: string): { ids: string[]; error?: string } | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof answer !== 'object' || answer === null || !('ids' in answer) || !Array.isArray(answer.ids)) {
    return undefined;
  }
  const error = 'error' in answer && typeof answer.error === 'string' ? { error: answer.error } : {};
  return { ids: answer.ids.map(String), ...error };
}
