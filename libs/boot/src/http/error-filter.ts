import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { JsonValue } from '@perdure/domain';
import { isOutage } from '@perdure/engine';
import { errorBody } from '@perdure/protocol';
import type { Logger } from '@perdure/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { KnownRoutes } from './known-routes.ts';

const NOT_FOUND = 404;
const WRONG_METHOD = 405;
const UNAVAILABLE = 503;
/** What a failure that is ours says; its cause is in the log. */
const TEXTS: Readonly<Record<number, string>> = {
  [UNAVAILABLE]: 'A service that this server needs is away; nothing was accepted, try again.',
};

/** A failure with the body that its family of endpoints answers (sdk-protocol.md 11.2). */
export class HttpFailure extends Error {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body: unknown) {
    super(`HTTP ${status}`);
    this.status = status;
    this.body = body;
  }
}

/** A failure in the shape of `/fn`, `/v0` and `/v1`. */
export function apiFailure(status: number, error: string, data: JsonValue = null): HttpFailure {
  return new HttpFailure(status, errorBody({ status, error, data }));
}

/** The one place where an exception becomes an HTTP status. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly log: Logger;
  private readonly routes: KnownRoutes;

  constructor(log: Logger, routes: KnownRoutes) {
    this.log = log;
    this.routes = routes;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const request = http.getRequest<FastifyRequest>();
    const { status, body } = this.answer(error, request);
    if (status === NOT_FOUND && !(error instanceof HttpFailure)) {
      const methods = this.routes.methodsOf(pathOf(request));
      if (methods.length > 0) return void reply.status(WRONG_METHOD).header('allow', methods.join(', ')).send();
    }
    void reply.status(status).send(body);
  }

  private answer(error: unknown, request: FastifyRequest): { status: number; body: unknown } {
    if (error instanceof HttpFailure) return { status: error.status, body: error.body };
    const status = statusOf(error);
    const message = error instanceof Error ? error.message : String(error);
    if (status >= 500) this.log.error('a request failed', { method: request.method, path: pathOf(request), error });
    const text = status >= 500 ? (TEXTS[status] ?? 'The server could not handle the request; try again.') : message;
    if (pathOf(request).startsWith('/e/')) return { status, body: { ids: [], status, error: text } };
    return { status, body: errorBody({ status, error: text }) };
  }
}

function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  // Fastify's own refusals (body too large, bad URL) carry a status.
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === 'number') return status;
  return isOutage(error) ? UNAVAILABLE : 500;
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '/';
}
