import { expect, test } from 'vitest';

import { readOptions } from './options.ts';

test('without options the server is started, and everything is measured', () => {
  expect(readOptions([])).toMatchObject({ eventKey: 'bench', isQuick: false, only: [] });
});

test('a server elsewhere than on this machine is refused', () => {
  expect(readOptions(['--url', 'http://127.0.0.1:8288/some/path'])).toMatchObject({ url: 'http://127.0.0.1:8288' });
  expect(() => readOptions(['--url', 'http://example.com'])).toThrow('must be a loopback address');
});

test('a command of one kind may name several scenarios and its placeholders are kept', () => {
  const options = readOptions(['--only', 'steps', '--only', 'ingest', '--server', 'my  server -p {port}']);

  expect(options).toMatchObject({ only: ['steps', 'ingest'], serverCommand: ['my', 'server', '-p', '{port}'] });
});
