import { expect, test } from 'vitest';
import { appIdOf, functionIdOf, uuidV5 } from './name-uuid.ts';

test('a name-based UUID is that of RFC 9562, appendix A.4', () => {
  const dnsNamespace = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

  expect(uuidV5(dnsNamespace, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
});

test('an app has the ID of its name, a function that of its slug inside the app', () => {
  const app = appIdOf('probe');

  expect(appIdOf('probe')).toBe(app);
  expect(appIdOf('other')).not.toBe(app);
  expect(functionIdOf(app, 'probe-simple')).toBe(functionIdOf(app, 'probe-simple'));
  expect(functionIdOf(app, 'probe-simple')).not.toBe(functionIdOf(appIdOf('other'), 'probe-simple'));
});
