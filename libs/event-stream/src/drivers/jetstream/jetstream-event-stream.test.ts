import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { describeWithService } from '@perdure/testing/services/vitest';
import { onTestFinished } from 'vitest';

import { describeEventStream } from '../../event-stream.contract.ts';
import { openJetStreamEventStream } from './jetstream-event-stream.ts';

const TIMES = { ackWaitMs: 800, dedupWindowMs: 1_500, precisionMs: 400 };

describeWithService('nats', 'event stream', ({ url }) => {
  /** Removed when the test ends. */
  function aPrefix(): string {
    const namePrefix = `TEST_${randomUUID()}`;
    onTestFinished(async () => {
      const connection = await connect({ servers: url.replace('nats://', '') });
      const { streams } = await jetstreamManager(connection);
      for (const name of [namePrefix, `${namePrefix}_PARTS`, `${namePrefix}_DEAD`]) {
        await streams.delete(name).catch(() => undefined);
      }
      await connection.close();
    });
    return namePrefix;
  }

  describeEventStream('jetstream', TIMES, async (times) => {
    const options = { servers: [url], replicas: 1, retentionMs: 3_600_000, namePrefix: aPrefix(), ...times };
    let stream = await openJetStreamEventStream(options);
    return {
      stream,
      now: () => Date.now(),
      advanceBy: (ms) => delay(ms),
      settle: () => delay(100),
      reopen: async () => {
        await stream.close();
        stream = await openJetStreamEventStream(options);
        return stream;
      },
    };
  });
});
