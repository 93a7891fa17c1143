import { isUlid } from '@perdure/domain';
import { completed, completes, failed, startScriptedApp } from '@perdure/testing';
import { describe, expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';
import { hasEnded, type EventInput } from './harness/server-api.ts';

const system = useServer();

describe('from an event to its runs', () => {
  test.concurrent('[E1] an event starts one run, which is Scheduled, then Running, then Completed', async (ctx) => {
    const released = Promise.withResolvers<void>();
    const app = await system.scriptedApp(ctx, 'e1', {
      id: 'one',
      script: async () => {
        await released.promise;
        return completed('done');
      },
    });

    const eventId = await system.api.sendOne({ name: 'test/one', ts: Date.now() + 1_500 });
    const scheduled = await system.api.waitForRun(eventId, { isWanted: () => true });
    expect(scheduled).toMatchObject({ status: 'Scheduled', ended_at: null, event_id: eventId });
    await app.nextCall();
    expect(await system.api.waitForRun(eventId, { isWanted: (run) => run.status !== 'Scheduled' })).toMatchObject({
      run_id: scheduled.run_id,
      status: 'Running',
    });
    released.resolve();
    const ended = await system.api.waitForRun(eventId);

    expect(ended).toMatchObject({ run_id: scheduled.run_id, status: 'Completed', output: 'done' });
    expect(ended.ended_at).not.toBeNull();
    expect(app.callCount).toBe(1);
  });

  test.concurrent('[E2][H9][P1] one event or a list: internal IDs come back in order, own IDs or not', async () => {
    const one = await system.api.postEvents({ name: 'e2/one', id: 'mine' });
    const list = await system.api.postEvents([
      { name: 'e2/list', id: 'own-1' },
      { name: 'e2/list' },
      { name: 'e2/list', id: 'own-3' },
    ]);

    expect(one).toMatchObject({ status: 200, body: { status: 200, ids: [expect.any(String)] } });
    expect(list).toMatchObject({ status: 200, body: { status: 200 } });
    const ids = list.body['ids'] as string[];
    expect(ids).toHaveLength(3);
    expect(ids.every(isUlid)).toBe(true);
    expect(ids).toEqual(ids.toSorted());
    const events = await Promise.all(ids.map((id) => system.api.waitForEvent(id)));
    expect(events).toMatchObject([{ id: 'own-1' }, { id: ids[1] }, { id: 'own-3' }]);
  });

  test.concurrent('[E3] three functions of one event run apart: one that fails does not touch the others', async (ctx) => {
    const on = [{ event: 'e3/all' }];
    await system.scriptedApp(
      ctx,
      'e3',
      { id: 'good', triggers: on, script: completes('good') },
      { id: 'bad', triggers: on, retries: 0, script: () => failed('bad luck') },
      { id: 'fine', triggers: on, script: completes('fine') },
    );

    const runs = await system.api.waitForRuns(await system.api.sendOne({ name: 'e3/all' }), 3);

    expect(new Set(runs.map((run) => run.run_id)).size).toBe(3);
    expect(new Set(runs.map((run) => run.function_id)).size).toBe(3);
    expect(runs.map((run) => run.status).toSorted()).toEqual(['Completed', 'Completed', 'Failed']);
    expect(runs.filter((run) => run.status === 'Completed').map((run) => run.output)).toEqual(
      expect.arrayContaining(['good', 'fine']),
    );
  });

  test.concurrent('[E4][E5][E6][P6][H14] an event ID starts each function once, also after the first run ended', async (ctx) => {
    const on = [{ event: 'e4/paid' }];
    const app = await system.scriptedApp(
      ctx,
      'e4',
      { id: 'ship', triggers: on, script: completes() },
      { id: 'thank', triggers: on, script: completes() },
    );
    const event = { name: 'e4/paid', id: 'order-77' };

    const [first = '', second = ''] = await system.api.send(event, event);
    // Of two that come at once either may be the first to be looked at.
    await until('the runs', async () => {
      const runs = await Promise.all([first, second].map((id) => system.api.runsOf(id)));
      return runs.flat().filter(hasEnded).length === 2 || undefined;
    });
    const third = await system.api.sendOne(event);
    await system.observer.fence();

    expect(app.calls('e4-ship')).toHaveLength(1);
    expect(app.calls('e4-thank')).toHaveLength(1);
    expect(app.calls('e4-ship')[0]?.event.id).toBe('order-77');
    expect(new Set([first, second, third]).size).toBe(3);
    const stored = await system.api.request('GET', '/v1/events?name=e4/paid');
    expect(stored.body['data']).toMatchObject([
      { internal_id: third },
      { internal_id: second },
      { internal_id: first },
    ]);
    expect(await system.api.runsOf(third)).toEqual([]);
  });

  test.concurrent('[E7][P7] an event of the future starts its run then, not earlier and at most a second later', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'e7', { id: 'later', script: completes() });
    const startAt = Date.now() + 5_000;

    await system.api.send({ name: 'test/later', ts: startAt });
    const call = await app.nextCall();

    const late = Date.now() - startAt;
    expectWithin(late, [0, 1_000]);
    expect(call.event.ts).toBe(startAt);
  });

  test.concurrent('[E8] an event of the past starts its run at once', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'e8', { id: 'past', script: completes() });
    const ts = Date.now() - 86_400_000;

    await system.api.send({ name: 'test/past', ts });

    expect((await app.nextCall(2_000)).event.ts).toBe(ts);
  });

  test.concurrent('[E9][E10][P10] a wildcard receives what stands below its prefix and nothing beside it', async (ctx) => {
    const app = await system.scriptedApp(
      ctx,
      'wild',
      { id: 'all', triggers: [{ event: 'wild/*' }], script: completes() },
      { id: 'user', triggers: [{ event: 'wild/user.*' }], script: completes() },
    );

    const names = ['wild/a', 'wild/a.b', 'wild/a/b', 'wilds/a', 'wild/user.x', 'wild/user.x.y', 'wild/users', 'wild'];
    await system.api.send(...names.map((name) => ({ name })));
    await app.waitForCalls(8);
    await system.observer.fence();

    const received = (slug: string) =>
      app
        .calls(slug)
        .map((call) => call.event.name)
        .toSorted();
    expect(received('wild-all')).toEqual([
      'wild/a',
      'wild/a.b',
      'wild/a/b',
      'wild/user.x',
      'wild/user.x.y',
      'wild/users',
    ]);
    expect(received('wild-user')).toEqual(['wild/user.x', 'wild/user.x.y']);
  });

  test.concurrent('[E11][P10] a function with two matching triggers runs once', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'e11', {
      id: 'twice',
      triggers: [{ event: 'e11/thing' }, { event: 'e11/*' }],
      script: completes(),
    });

    const run = await system.api.waitForRun(await system.api.sendOne({ name: 'e11/thing' }));
    await system.observer.fence();

    expect(run.status).toBe('Completed');
    expect(app.callCount).toBe(1);
  });

  test.concurrent('[E13][P10] the expression of a trigger decides: true runs, false and a missing field do not', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'e13', {
      id: 'big',
      triggers: [{ event: 'e13/order', expression: 'event.data.total > 100' }],
      script: completes(),
    });

    await system.api.send(
      { name: 'e13/order', data: { total: 99 } },
      { name: 'e13/order', data: { other: 1 } },
      { name: 'e13/order', data: { total: 101 } },
    );
    await app.nextCall();
    await system.observer.fence();

    expect(app.calls().map((call) => call.event.data)).toEqual([{ total: 101 }]);
  });

  test.concurrent('[E15][P2][P4][H16] names of the system are refused, its data is taken out of events', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'e15', { id: 'data', script: completes() });

    for (const name of ['inngest/anything', 'INNGEST/function.finished']) {
      const answer = await system.api.postEvents({ name });
      expect(answer).toMatchObject({ status: 400, body: { status: 400, ids: expect.any(Array) } });
      expect(answer.body['error']).toBe(`event name is reserved for internal use: ${name}`);
    }
    await system.api.send({ name: 'test/data', data: { kept: 1, _inngest: { fn_id: 'e15-data' } } });

    expect((await app.nextCall()).event.data).toEqual({ kept: 1 });
  });

  test.concurrent('[P3] what an event leaves out is filled in on delivery, its own ID is kept', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p3', { id: 'bare', script: completes() });
    const before = Date.now();

    const bareId = await system.api.sendOne({ name: 'test/bare' });
    const bare = await app.nextCall();
    await system.api.send({ name: 'test/bare', id: 'my-id', ts: 1_500_000_000_000, user: { name: 'Ada' }, v: '2' });
    const full = await app.nextCall();

    expect(bare.event).toMatchObject({ id: bareId, name: 'test/bare', data: {}, user: {} });
    expect(bare.event.ts).toBeGreaterThanOrEqual(before);
    expect(bare.event.ts).toBeLessThanOrEqual(Date.now());
    expect(full.event).toEqual({
      id: 'my-id',
      name: 'test/bare',
      data: {},
      ts: 1_500_000_000_000,
      user: { name: 'Ada' },
      v: '2',
    });
    expect(full.events).toEqual([full.event]);
  });

  test.concurrent('[P5][H15] a request repeated with its seed gives the same IDs and no second run', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'p5', { id: 'seeded', script: completes() });
    const seed = { 'x-inngest-event-id-seed': `${Date.now()},${Buffer.alloc(10, 7).toString('base64')}` };
    const events = [{ name: 'test/seeded' }, { name: 'test/seeded' }];

    const first = await system.api.postEvents(events, seed);
    const again = await system.api.postEvents(events, seed);
    await app.waitForCalls(2);
    await system.observer.fence();

    expect(again.body).toEqual(first.body);
    expect(new Set(first.body['ids'] as string[]).size).toBe(2);
    expect(app.callCount).toBe(2);
    await until('both receipts of both events in history', async () => {
      const stored = await system.api.request('GET', '/v1/events?name=test/seeded');
      return (stored.body['data'] as unknown[]).length === 4 || undefined;
    });
  });

  test.concurrent('[P5] a seed that is none is passed over', async () => {
    const answers = await Promise.all(
      ['', 'x', '0,AAAAAAAAAAAAAA==', '1700000000000,AAAA', '1,2,3'].map((seed) =>
        system.api.postEvents({ name: 'p5/unseeded' }, { 'x-inngest-event-id-seed': seed }),
      ),
    );

    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200]);
    expect(new Set(answers.map((answer) => JSON.stringify(answer.body['ids']))).size).toBe(5);
  });
});

describe('what is refused', () => {
  test.concurrent('[E16][P8][H11] 5,000 events go in one request, 5,001 do not', async () => {
    const events = Array.from({ length: 5_001 }, (_, i) => ({ name: 'e16/many', data: { i } }));

    const most = await system.api.postEvents(events.slice(1));
    const tooMany = await system.api.postEvents(events);

    expect(most).toMatchObject({ status: 200 });
    expect(most.body['ids']).toHaveLength(5_000);
    expect(tooMany).toMatchObject({
      status: 400,
      body: { status: 400, ids: expect.any(Array), error: 'Cannot have more than 5000 events in a batch' },
    });
  });

  test.concurrent('[E17][P8][H11] an event above 3 MiB is refused and starts nothing, one just below runs', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'e17', {
      id: 'big',
      script: (call) => completed(call.event.data['n'] ?? null),
    });
    const sized = (n: number, bytes: number) => ({ name: 'test/big', data: { n, text: 'x'.repeat(bytes) } });

    const tooBig = await system.api.postEvents(sized(1, 3 * 1024 * 1024));
    const fits = await system.api.sendOne(sized(2, 3 * 1024 * 1024 - 1_000));

    expect(tooBig).toMatchObject({ status: 400, body: { status: 400, ids: expect.any(Array) } });
    expect(tooBig.body['error']).toMatch(/^Event is over the max size/);
    expect(await system.api.waitForRun(fits)).toMatchObject({ status: 'Completed', output: 2 });
    expect(app.callCount).toBe(1);
  });

  test.concurrent('[P2][H8][H10] a bad event in a list: those before it are accepted and named, those after it are not', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'h10', { id: 'listed', script: completes() });

    const answer = await system.api.postEvents([
      { name: 'test/listed', data: { n: 1 } },
      { name: '' },
      { name: 'test/listed', data: { n: 3 } },
    ]);
    const call = await app.nextCall();
    await system.observer.fence();

    expect(answer).toMatchObject({
      status: 400,
      body: { status: 400, error: expect.stringContaining('event name is empty') },
    });
    const ids = (answer.body['ids'] as string[]).filter((id) => id !== '');
    expect(ids).toEqual([call.event.id]);
    expect(app.callCount).toBe(1);
    expect(call.event.data).toEqual({ n: 1 });
  });

  test.concurrent.for([
    { what: 'no name', body: { data: {} }, error: /^event name is empty/ },
    { what: 'an empty name', body: { name: '' }, error: /^event name is empty/ },
    { what: 'a name that is no text', body: { name: 5 }, error: /name/ },
    { what: 'a name of 513 characters', body: { name: 'n'.repeat(513) }, error: /name/ },
    { what: 'a time before 1980', body: { name: 'a', ts: 1_000 }, error: /^timestamp is before Jan 1, 1980/ },
    { what: 'a time after 2100', body: { name: 'a', ts: 4_200_000_000_000 }, error: /^timestamp is after Jan 1, 2100/ },
    { what: 'a time that is no number', body: { name: 'a', ts: 'now' }, error: /\bts\b/ },
    { what: 'a time with a fraction', body: { name: 'a', ts: 1_700_000_000_000.5 }, error: /\bts\b/ },
    { what: 'data that is text', body: { name: 'a', data: 'x' }, error: /\bdata\b/ },
    { what: 'data that is a list', body: { name: 'a', data: [] }, error: /\bdata\b/ },
    { what: 'an ID that is no text', body: { name: 'a', id: 7 }, error: /\bid\b/ },
    { what: 'a user that is no object', body: { name: 'a', user: 'x' }, error: /\buser\b/ },
    { what: 'a version that is no text', body: { name: 'a', v: 1 }, error: /\bv\b/ },
  ])(
    '[H8][H10][P2] an event with $what is refused with 400 and a body that names the field',
    async ({ body, error }) => {
      const answer = await system.api.postEvents(body);

      expect(answer).toMatchObject({ status: 400, body: { status: 400, ids: expect.any(Array) } });
      expect(answer.headers.get('content-type')).toContain('application/json');
      expect(answer.body['error']).toMatch(error);
    },
  );

  test.concurrent.for(['5', '"text"', 'null', 'true', 'name=a', '{"name":', '[{"name":"a"}', '[5]', '[null]'])(
    '[H8][H10] the body %s is refused with 400 and JSON',
    async (body) => {
      const answer = await system.api.postEvents(body);

      expect(answer).toMatchObject({
        status: 400,
        body: { status: 400, ids: expect.any(Array), error: expect.any(String) },
      });
      expect(answer.body['error']).toMatch(/.{10}/);
    },
  );

  test.concurrent('[H12] form bodies are refused', async () => {
    const form = new FormData();
    form.set('name', 'a');
    const answers = await Promise.all(
      [new URLSearchParams({ name: 'a' }), form].map((body) =>
        fetch(`${system.server.url}/e/key`, { method: 'POST', body }),
      ),
    );

    for (const answer of answers) {
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ status: 400, ids: expect.any(Array), error: expect.any(String) });
    }
  });

  test.concurrent('[H13] JSON is read whatever its content type says', async () => {
    const answer = await system.api.postEvents('\n {"name":"h13/plain"}', { 'content-type': 'text/plain' });

    expect(answer).toMatchObject({ status: 200, body: { ids: [expect.any(String)] } });
  });

  test.concurrent('an empty list is accepted and has no IDs', async () => {
    expect(await system.api.postEvents([])).toMatchObject({ status: 200, body: { ids: [], status: 200 } });
  });

  test.concurrent('GET of the event route is 405, and a missing key is no page', async () => {
    expect((await system.api.request('GET', '/e/some-key')).status).toBe(405);
    const noKey = await system.api.request('POST', '/e/', { body: { name: 'a' } });
    expect([401, 404]).toContain(noKey.status);
  });

  test.concurrent('a JSON bomb of nested lists costs a 400 at most', async () => {
    const deep = `{"name":"deep","data":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`;

    const answer = await system.api.postEvents(deep);

    expect([200, 400]).toContain(answer.status);
    expect(await system.api.postEvents({ name: 'deep/after' })).toMatchObject({ status: 200 });
  });
});

describe('invoking by slug', () => {
  test.concurrent('[H17] POST /invoke/{slug} runs that function with the data', async (ctx) => {
    const app = await system.scriptedApp(ctx, 'h17/app', { id: 'asked', script: completes() });

    const answer = await system.api.request('POST', '/invoke/h17%2Fapp-asked', { body: { data: { n: 42 } } });
    const broken = await system.api.request('POST', '/invoke/h17%2Fapp-asked', { body: '{"data":' });

    expect(answer).toMatchObject({ status: 200, body: { status: 200, id: expect.any(String) } });
    expect((await app.nextCall()).event).toMatchObject({ name: 'inngest/function.invoked', data: { n: 42 } });
    expect(broken).toMatchObject({ status: 400, body: { status: 400, error: 'Unable to read post data request' } });
  });
});

describe('who may send', () => {
  test.concurrent('[H6][P9][P11] without keys any event key and any bearer are accepted', async (ctx) => {
    const event: EventInput = { name: 'h6/any' };
    const events = await Promise.all(
      ['NO_EVENT_KEY_SET', 'x', 'a%20b'].map((key) =>
        system.api.request('POST', `/e/${key}`, { body: event as never }),
      ),
    );
    const bearers = [undefined, 'Bearer undefined', 'Bearer ', 'Bearer some-key'];
    const reads = await Promise.all(
      bearers.map((bearer) =>
        system.api.request('GET', '/v1/events', { headers: bearer === undefined ? {} : { authorization: bearer } }),
      ),
    );
    const registrations = [];
    for (const bearer of ['undefined', '', 'some-key']) {
      const app = await startScriptedApp({
        name: `p11-${bearer}`,
        functions: [{ id: 'f', script: completes() }],
        bearer,
      });
      ctx.onTestFinished(() => app.stop());
      registrations.push(await app.register(system.server.url));
    }

    expect(events.map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(reads.map((answer) => answer.status)).toEqual([200, 200, 200, 200]);
    expect(registrations).toMatchObject([{ ok: true }, { ok: true }, { ok: true }]);
  });
});
