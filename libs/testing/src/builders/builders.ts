import {
  DEFAULT_ACCOUNT_ID,
  DEFAULT_ENV_ID,
  encodeUlid,
  RETRIES_DEFAULT,
  type Event,
  type FlowControl,
  type FunctionDefinition,
} from '@perdure/domain';

import { TEST_START_AT } from '../time/test-clock.ts';

let made = 0;

/** An event as received at the start of test time. Each call gives another internal ID. */
export function anEvent(facts: Partial<Event> = {}): Event {
  const receivedAt = facts.receivedAt ?? TEST_START_AT;
  return {
    internalId: encodeUlid(receivedAt, counterBytes(++made)),
    receivedAt,
    name: 'test/happened',
    data: {},
    ts: receivedAt,
    ...facts,
  };
}

/** A function `test-app-do-it` triggered by `test/happened`, with default retries and nothing that holds it back. */
export function aFunction(facts: Partial<FunctionDefinition> = {}): FunctionDefinition {
  return {
    id: '11111111-1111-5111-9111-111111111111',
    slug: 'test-app-do-it',
    name: 'Do it',
    accountId: DEFAULT_ACCOUNT_ID,
    envId: DEFAULT_ENV_ID,
    appId: '22222222-2222-5222-9222-222222222222',
    appName: 'test-app',
    version: 1,
    triggers: [{ kind: 'event', event: 'test/happened' }],
    url: 'http://127.0.0.1:1/api/inngest?fnId=test-app-do-it',
    retries: RETRIES_DEFAULT,
    flow: aFlowControl(),
    ...facts,
  };
}

/** Nothing that holds a run back. */
export function aFlowControl(facts: Partial<FlowControl> = {}): FlowControl {
  return { concurrency: [], timeouts: {}, cancelOn: [], ...facts };
}

/** A number as the ten bytes of entropy of a ULID: unique within the process, and the same in every process. */
function counterBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(10);
  new DataView(bytes.buffer).setUint32(6, count);
  return bytes;
}
