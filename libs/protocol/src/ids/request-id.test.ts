import { expect, test } from 'vitest';
import { isUlid } from '@perdure/domain';
import { requestIdOf } from './request-id.ts';

const CALL = { runId: '01M7XK68F0ZKFAGN56BY890HZ8', jobId: 'job-1', generation: 1 };

test('a dispatch has one request ID, another dispatch another', () => {
  expect(isUlid(requestIdOf(CALL))).toBe(true);
  expect(requestIdOf({ ...CALL })).toBe(requestIdOf(CALL));
  expect(requestIdOf({ ...CALL, generation: 2 })).not.toBe(requestIdOf(CALL));
  expect(requestIdOf({ ...CALL, jobId: 'job-2' })).not.toBe(requestIdOf(CALL));
});
