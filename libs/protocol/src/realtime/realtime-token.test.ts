import { DEFAULT_ACCOUNT_ID, DEFAULT_ENV_ID } from '@perdure/domain';
import { expect, test } from 'vitest';
import { signToken } from '../signature/token.ts';
import { LIVE_TOPICS_MAX, type LiveAccess, parseLiveTopics, readLiveToken, signLiveToken } from './realtime-token.ts';

const NOW = 1_795_215_794_500;
const TOPIC = { kind: 'run', envId: DEFAULT_ENV_ID, channel: 'chan', name: 'top' };

function sign(access: LiveAccess, signingKey = 'key'): string {
  const identity = { accountId: DEFAULT_ACCOUNT_ID, envId: DEFAULT_ENV_ID, id: '01KAZZZZZZZZZZZZZZZZZZZZZZ' };
  return signLiveToken(access, { ...identity, signingKey, now: NOW, lifetimeS: 60 });
}

const read = (token: string, now = NOW) => readLiveToken(token, { signingKeys: ['new', 'key'], now });

test('a token allows what it was signed for, until it expires, under each key', () => {
  const access = { topics: [TOPIC, { ...TOPIC, name: 'other' }], mayPublish: false };
  const token = sign(access);

  expect(read(token)).toEqual(access);
  expect(read(token, NOW + 59_000)).toEqual(access);
  expect(read(token, NOW + 60_000)).toBeUndefined();
  expect(read(sign({ topics: [TOPIC], mayPublish: true }))?.mayPublish).toBe(true);
  expect(read(sign(access, 'unknown'))).toBeUndefined();
});

test('a token that was signed for something else is none', () => {
  const exp = NOW / 1_000 + 60;
  const topics = [{ kind: 'run', env_id: DEFAULT_ENV_ID, channel: 'chan', name: 'top' }];

  expect(read(signToken({ iss: 'api.inngest.com', sub: 'run-claim', exp, topics }, 'key'))).toBeUndefined();
  expect(read(signToken({ iss: 'rt.inngest.com', exp }, 'key'))).toBeUndefined();
  expect(read(signToken({ iss: 'rt.inngest.com', exp, topics }, 'key'))).toEqual({
    topics: [TOPIC],
    mayPublish: false,
  });
});

test('topics are those of the environment of the server, whatever they say', () => {
  const body = JSON.stringify([{ channel: 'chan', name: 'top', env_id: 'elsewhere' }]);

  expect(parseLiveTopics(body, DEFAULT_ENV_ID)).toEqual([TOPIC]);
});

test.each(['', '{', '{}', '[]', '[7]', '[{"channel":"","name":"n"}]', '[{"channel":"c","name":null}]'])(
  'no list of topics: %s',
  (body) => {
    expect(parseLiveTopics(body, DEFAULT_ENV_ID)).toBeUndefined();
  },
);

test('a list of topics has an end', () => {
  const list = (count: number) =>
    JSON.stringify(Array.from({ length: count }, (_, index) => ({ ...TOPIC, name: `${index}` })));

  expect(parseLiveTopics(list(LIVE_TOPICS_MAX), DEFAULT_ENV_ID)).toHaveLength(LIVE_TOPICS_MAX);
  expect(parseLiveTopics(list(LIVE_TOPICS_MAX + 1), DEFAULT_ENV_ID)).toBeUndefined();
});
