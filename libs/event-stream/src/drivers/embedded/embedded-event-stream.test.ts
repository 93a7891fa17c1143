import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

import { testClock } from '@perdure/testing';

import { describeEventStream } from '../../event-stream.contract.ts';
import { openEmbeddedEventStream } from './embedded-event-stream.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-stream-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describeEventStream('embedded', async (options) => {
  const clock = testClock();
  let stream = await openEmbeddedEventStream({ path: folder, clock, ...options });
  return {
    stream,
    now: () => clock.now(),
    advanceBy: (ms) => clock.advanceBy(ms),
    reopen: async () => {
      await stream.close();
      stream = await openEmbeddedEventStream({ path: folder, clock, ...options });
      return stream;
    },
  };
});
