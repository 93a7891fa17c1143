import { RouteConfig } from '@nestjs/platform-fastify';

/** For a route that wants the body of a request as bytes: a `Buffer`, absent when there is none. */
export function BinaryBody(): MethodDecorator {
  return RouteConfig({ isBinary: true });
}

/** Whether the configuration of a route says so. */
export function wantsBytes(config: object): boolean {
  return 'isBinary' in config && config.isBinary === true;
}
