import { isUlid } from '@perdure/domain';
import { expect, test } from 'vitest';

import { aFunction, anEvent } from './builders.ts';

test('events differ in their internal ID, and take facts that a test cares about', () => {
  const events = Array.from({ length: 100 }, () => anEvent({ name: 'app/paid', receivedAt: 5 }));

  expect(new Set(events.map((event) => event.internalId)).size).toBe(100);
  expect(events.every((event) => isUlid(event.internalId))).toBe(true);
  expect(events[0]).toMatchObject({ name: 'app/paid', receivedAt: 5, ts: 5, data: {} });
});

test('a function keeps defaults for what is not given', () => {
  expect(aFunction({ slug: 'app-other' })).toMatchObject({ slug: 'app-other', retries: 4, flow: { concurrency: [] } });
});
