import type { AppId } from '@perdure/domain';
import { type ErrorBody, errorBody } from '../rest/error-body.ts';
import type { ServerKind } from '../headers.ts';
import type { ConfigProblem } from './config-problem.ts';

/** The answer to a registration that was taken (sdk-protocol.md 3.5). `syncId` is a fresh UUID. */
export function registerReply(reply: { isModified: boolean; syncId: string; appId: AppId }): {
  ok: true;
  modified: boolean;
  sync_id: string;
  app_id: AppId;
} {
  return { ok: true, modified: reply.isModified, sync_id: reply.syncId, app_id: reply.appId };
}

/** The answer to a refused registration. Without the numeric status the npm SDK would report success. */
export function registerErrorReply(refused: { message: string; errors: ConfigProblem[] }): ErrorBody {
  const errors = refused.errors.map(({ functionId, ...problem }) => ({
    ...(functionId !== undefined && { function_id: functionId }),
    ...problem,
  }));
  return errorBody({ status: 400, code: 'config_invalid', error: refused.message, data: { errors } });
}

/**
 * What is wrong when an SDK expected another kind of server (`x-inngest-expected-server-kind`): it would not accept our
 * calls. Undefined when nothing is, or nothing was expected.
 */
export function serverKindMismatch(expected: string | undefined, actual: ServerKind): string | undefined {
  if (expected === undefined || expected === '' || expected === actual) return undefined;
  return `Expected server kind ${expected}, got ${actual}`;
}
