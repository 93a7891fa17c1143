import type { IncomingHttpHeaders } from 'node:http';
import type { Ports } from '@perdure/engine';
import { isBearerAccepted, type LiveAccess, mayPublishTo, type PublishRequest, readLiveToken } from '@perdure/protocol';

/** What a request presents itself with. */
export interface Presented {
  headers: IncomingHttpHeaders;
  /** The query parameter. */
  token?: unknown;
}

/** What the token of a request allows, given as a parameter or as bearer; undefined without a valid one. */
export function accessOf({ settings, clock }: Ports, { headers, token }: Presented): LiveAccess | undefined {
  const bearer = /^Bearer +(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1];
  const text = typeof token === 'string' && token !== '' ? token : (bearer ?? '');
  return readLiveToken(text, { signingKeys: settings.signingKeys, now: clock.now() });
}

/** Whether a request may publish: with a signing key anywhere, with a token where it says. */
export function mayPublish(ports: Ports, presented: Presented, request: PublishRequest): boolean {
  if (isBearerAccepted(presented.headers.authorization, ports.settings.signingKeys)) return true;
  const access = accessOf(ports, presented);
  return access !== undefined && mayPublishTo(access, request);
}
