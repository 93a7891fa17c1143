import { expect, test } from 'vitest';
import { optionsOf } from './options.ts';

test('each command has the options that make sense for it', () => {
  const dev = optionsOf('dev').map(({ name }) => name);
  const start = optionsOf('start').map(({ name }) => name);

  expect(dev).toEqual(expect.arrayContaining(['persist', 'no-discovery', 'no-poll', 'port', 'tick']));
  expect(dev).not.toContain('signing-key');
  expect(start).toEqual(expect.arrayContaining(['signing-key', 'event-key', 'port', 'tick']));
  expect(start).not.toContain('persist');
});

test('an option is described for the command line', () => {
  const [url] = optionsOf('dev').filter(({ name }) => name === 'sdk-url');

  expect(url).toEqual({
    name: 'sdk-url',
    short: 'u',
    variables: ['PERDURE_SDK_URL', 'INNGEST_SDK_URL'],
    description: 'where an application serves its functions',
    isSwitch: false,
    isList: true,
    isHidden: false,
  });
});

test('no two options of a command share a letter', () => {
  const letters = optionsOf('start').flatMap(({ short }) => (short === undefined ? [] : [short]));

  expect(new Set(letters).size).toBe(letters.length);
});

test('what has no effect is accepted, but not advertised', () => {
  const hidden = optionsOf('start').filter(({ isHidden }) => isHidden);

  expect(hidden.map(({ name }) => name)).toEqual(expect.arrayContaining(['tick', 'redis-uri', 'connect-gateway-port']));
});
