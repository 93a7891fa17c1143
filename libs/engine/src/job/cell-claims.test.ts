import { aFlowControl, aFunction, anEvent, testSignal } from '@perdure/testing';
import { expect, onTestFinished, test } from 'vitest';
import { handleEvent } from '../event/handle-event.ts';
import { openEmbeddedPorts } from '../test/embedded-ports.ts';
import { CellClaims } from './cell-claims.ts';

test('whoever drains the outbox is told when a claim came at an instant at which something was due', async () => {
  const { ports, cell, clock, register } = await openEmbeddedPorts();
  await register(aFunction({ flow: aFlowControl({ debounce: { periodMs: 60_000 } }) }));
  await handleEvent(ports, anEvent());
  const hints = testSignal<string>('a hint');
  const claimed = testSignal('a claim');
  const claims = new CellClaims(
    {
      ...ports,
      bus: { ...ports.bus, publish: (topic) => hints.emit(topic) },
      settings: { ...ports.settings, leaseMs: 30_000 },
    },
    {
      cell: 0,
      store: cell,
      slots: { reserve: (wanted) => wanted, release: () => claimed.emit(), execute: () => undefined },
      workerId: 'w',
    },
  );
  onTestFinished(() => claims.stop());

  claims.start();
  await claimed.next();
  await clock.advanceBy(59_999);
  claims.nudge();
  await claimed.next();
  expect(hints.pending()).toEqual([]);
  await clock.advanceBy(1);
  claims.nudge();

  expect(await hints.next()).toBe('outbox-filled');
  expect(await cell.readOutbox(10)).toMatchObject([{ kind: 'buffer-closed' }]);
});
