import { expect, test } from 'vitest';
import { deferredEvents, printDeferred } from './deferred-events.ts';

const ADD = { kind: 'defer-add' as const, hash: 'h', displayName: 'd', isRace: false, functionSlug: 'app-later' };
const RUN = { runId: 'run-1', appId: 'app-id', functionId: 'fn-id', slug: 'app-parent', endedAt: 1_800_000_000_000 };

function bodyOf(add: Parameters<typeof printDeferred>[0]): string {
  const printed = printDeferred(add);
  if (!printed.ok) throw new Error('it must be printable');
  return printed.body;
}

test('[P73] what is deferred is scheduled by an event with its input and where it comes from', () => {
  const body = bodyOf({ ...ADD, input: { b: 1, a: 'é' }, meta: { m: 1 } });

  const [event] = deferredEvents(RUN, [{ hash: 'h', body }]);

  expect(event).toEqual({
    internalId: expect.stringMatching(/^[0-9A-Z]{26}$/) as string,
    receivedAt: RUN.endedAt,
    ts: RUN.endedAt,
    name: 'inngest/deferred.schedule',
    data: {
      b: 1,
      a: 'é',
      _inngest: {
        fn_slug: 'app-later',
        parent_app_id: 'app-id',
        parent_fn_id: 'fn-id',
        parent_fn_slug: 'app-parent',
        parent_run_id: 'run-1',
      },
    },
    meta: { m: 1 },
  });
});

test('[P73] the ID of the event is the same for the same run and hash', () => {
  const body = bodyOf({ ...ADD, input: {} });
  const idsOf = (hash: string): string[] => deferredEvents(RUN, [{ hash, body }]).map((event) => event.internalId);

  expect(idsOf('h')).toEqual(idsOf('h'));
  expect(idsOf('h')).not.toEqual(idsOf('other'));
});

test('one without a function, or with a meta above 32 KiB, cannot be deferred', () => {
  expect(printDeferred({ ...ADD, functionSlug: '', input: {} })).toEqual({ ok: false });
  const meta = (chars: number) => ({ m: 'x'.repeat(chars) });
  expect(printDeferred({ ...ADD, input: {}, meta: meta(32 * 1024 - '{"m":""}'.length) })).toMatchObject({ ok: true });
  expect(printDeferred({ ...ADD, input: {}, meta: meta(32 * 1024) })).toEqual({ ok: false });
});
