import { BareCaller } from '../client/bare-caller.ts';
import { eventObject } from '../client/event-client.ts';
import type { Figure } from '../report/figure.ts';
import { perSecond } from '../report/statistics.ts';
import { repeatAtOnce } from './repeat-at-once.ts';
import type { Bench, Scenario } from './scenario.ts';

const NAME = 'ingest';
const AT_ONCE = 32;
const BATCH_EVENTS = 100;
const WARM_UP_SHARE = 0.1;
/** Triggers nothing: what is measured is receiving. */
const EVENT_NAME = 'bench/unheard';

/** Requests acknowledged a second, each of one event or of a batch. */
export const ingest: Scenario = {
  name: NAME,
  measures: 'events acknowledged a second, alone and in batches of 100',
  async run(bench): Promise<Figure[]> {
    const single = await measure(bench, bench.isQuick ? 4_000 : 20_000, JSON.stringify(someEvent()));
    const batch = JSON.stringify(Array.from({ length: BATCH_EVENTS }, someEvent));
    const batches = await measure(bench, bench.isQuick ? 200 : 1_000, batch);
    return [
      { scenario: NAME, name: 'requests of one event, 32 at once', unit: '1/s', ...single },
      { scenario: NAME, name: 'requests of 100 events, 32 at once', unit: '1/s', ...batches },
      { scenario: NAME, name: 'events in batches of 100', unit: '1/s', value: batches.value * BATCH_EVENTS },
    ];
  },
};

/** Requests a second with this body, to the server and to an application that only answers. */
async function measure(
  { client, application }: Bench,
  requests: number,
  body: string,
): Promise<{ value: number; ceiling: number }> {
  const [warmUp, load] = [Math.ceil(requests * WARM_UP_SHARE), requests].map((times) => ({ times, atOnce: AT_ONCE }));
  if (warmUp === undefined || load === undefined) throw new RangeError('two loads');
  await repeatAtOnce(warmUp, () => client.sendRaw(body));
  const served = await repeatAtOnce(load, () => client.sendRaw(body));
  const caller = new BareCaller(application.url, AT_ONCE);
  await repeatAtOnce(warmUp, () => caller.callWith('echo', body));
  const bare = await repeatAtOnce(load, () => caller.callWith('echo', body));
  await caller.close();
  return { value: perSecond(requests, served), ceiling: perSecond(requests, bare) };
}

function someEvent(): ReturnType<typeof eventObject> {
  return eventObject(EVENT_NAME, { orderId: 'order-4711', amount: 1299, currency: 'EUR', note: 'a line of text' });
}
