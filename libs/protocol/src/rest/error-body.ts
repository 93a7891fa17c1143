import type { JsonValue } from '@perdure/domain';

/** The body of an error on `/v0`, `/v1` and `/fn` (http-api.md 1.5). `status` is that of the response. */
export interface ErrorBody {
  code?: string;
  error: string;
  data: JsonValue;
  status: number;
}

export function errorBody(failure: { status: number; error: string; code?: string; data?: JsonValue }): ErrorBody {
  const { status, error, code, data = null } = failure;
  return { ...(code !== undefined && { code }), error, data, status };
}

/** An error on `/v2` (http-api.md 1.5). */
export function errorBodyV2(...errors: { code: string; message: string }[]): {
  errors: { code: string; message: string }[];
} {
  return { errors };
}
