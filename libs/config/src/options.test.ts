import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type CommandName, optionsOf } from './options.ts';

test('each command has the options that make sense for it', () => {
  const dev = optionsOf('dev').map(({ name }) => name);
  const start = optionsOf('start').map(({ name }) => name);
  const serve = optionsOf('serve').map(({ name }) => name);

  expect(dev).toEqual(expect.arrayContaining(['persist', 'no-discovery', 'no-poll', 'port', 'tick']));
  expect(dev).not.toContain('signing-key');
  expect(start).toEqual(expect.arrayContaining(['signing-key', 'event-key', 'port', 'tick']));
  expect(start).not.toContain('persist');
  expect(serve.filter((name) => name !== 'dev')).toEqual(start);
  expect(optionsOf('migrate').map(({ name }) => name)).toEqual([
    'config',
    'postgres-uri',
    'log-level',
    'verbose',
    'json',
  ]);
  expect(optionsOf('send').map(({ name }) => name)).toEqual(['config', 'event-key', 'url']);
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

test('the default that is told is the one of the command', () => {
  const hostOf = (command: CommandName) => optionsOf(command).find(({ name }) => name === 'host')?.defaultText;

  expect([hostOf('dev'), hostOf('serve'), hostOf('healthcheck')]).toEqual(['127.0.0.1', '0.0.0.0', '127.0.0.1']);
});

test('no two options of a command share a letter', () => {
  const letters = optionsOf('start').flatMap(({ short }) => (short === undefined ? [] : [short]));

  expect(new Set(letters).size).toBe(letters.length);
});

test('what has no effect is accepted, but not advertised', () => {
  const hidden = optionsOf('start').filter(({ isHidden }) => isHidden);

  expect(hidden.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['tick', 'sqlite-dir', 'connect-gateway-port']),
  );
});

test('the README has a row for every option that is advertised', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const commands: CommandName[] = ['dev', 'start', 'serve', 'migrate', 'send', 'doctor', 'healthcheck'];
  const advertised = commands.flatMap((command) => optionsOf(command).filter(({ isHidden }) => !isHidden));

  const rows = [...readme.matchAll(/^\| `([a-z-]+)`/gm)].map(([, name]) => name);

  expect(new Set(rows)).toEqual(new Set(advertised.map(({ name }) => name)));
});
