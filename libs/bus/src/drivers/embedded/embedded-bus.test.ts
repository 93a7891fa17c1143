import { expect, test } from 'vitest';

import { describeBus } from '../../bus.contract.ts';
import { openEmbeddedBus } from './embedded-bus.ts';

describeBus('embedded', (onError) => Promise.resolve(openEmbeddedBus({ onError })));

test('the topic of a message whose receiver threw is reported with the error', async () => {
  const topics: string[] = [];
  const bus = openEmbeddedBus({ onError: (_error, topic) => topics.push(topic) });
  bus.subscribe('outbox-filled', () => {
    throw new Error('receiver broke');
  });

  bus.publish('outbox-filled', { cell: 0 });
  await Promise.resolve();

  expect(topics).toEqual(['outbox-filled']);
});
