import { RouteConfig } from '@nestjs/platform-fastify';

/** For a route that wants the body of a request as bytes: a `Buffer`, absent when there is none. */
export function BinaryBody(): MethodDecorator {
  return RouteConfig({ isBinary: true });
}

/**
 * For a route that wants bodies of the types in `STREAMED_TYPES` as they come in: a `Readable`. Bodies of other types are
 * text as everywhere.
 */
export function StreamedBody(): MethodDecorator {
  return RouteConfig({ isStreamed: true });
}

/** What is sent bit by bit: `text/stream` and octets of unknown length. */
export const STREAMED_TYPES = ['text/stream', 'application/octet-stream'];

/** Whether the configuration of a route says so. */
export function wantsBytes(config: object): boolean {
  return 'isBinary' in config && config.isBinary === true;
}

/** Whether the configuration of a route says so. */
export function wantsStream(config: object): boolean {
  return 'isStreamed' in config && config.isStreamed === true;
}
