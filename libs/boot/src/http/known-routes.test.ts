import { expect, test } from 'vitest';
import { KnownRoutes } from './known-routes.ts';

const routes = new KnownRoutes();
routes.add('/e/:eventKey', ['POST']);
routes.add('/v1/runs/:runId', ['GET', 'HEAD']);
routes.add('/v1/runs/:runId', ['DELETE']);
routes.add('/v1/events.all', ['GET']);

test.each([
  ['/e/key', ['POST']],
  ['/v1/runs/01ABC', ['DELETE', 'GET', 'HEAD']],
  ['/v1/runs/', []],
  ['/v1/runs/a/b', []],
  ['/v1/events.all', ['GET']],
  ['/v1/eventsXall', []],
  ['/', []],
])('%s is there for %j', (path, methods) => {
  expect(routes.methodsOf(path)).toEqual(methods);
});
