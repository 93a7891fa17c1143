import { expect, test } from 'vitest';

import { topSelfTimes } from './summarise-profile.ts';

test('self time is summed by function, idle time is left out, the largest comes first', () => {
  const frame = (functionName: string, url = '', lineNumber = -1) => ({ functionName, url, lineNumber });
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('(idle)') },
      { id: 2, callFrame: frame('claim', 'file:///home/me/perdure/libs/store/dist/claim.js', 9) },
      { id: 3, callFrame: frame('write', 'file:///x/node_modules/.pnpm/lmdb@3/node_modules/lmdb/write.js', 4) },
      { id: 4, callFrame: frame('(garbage collector)') },
      { id: 5, callFrame: frame('claim', 'file:///home/me/perdure/libs/store/dist/claim.js', 9) },
    ],
    samples: [1, 2, 3, 3, 4, 5],
    timeDeltas: [5_000, 1_000, 3_000, 3_000, 1_000, 2_000],
  };

  expect(topSelfTimes(profile, 2)).toEqual([
    { where: 'write lmdb/write.js:5', ms: 6, share: 0.6 },
    { where: 'claim store/dist/claim.js:10', ms: 3, share: 0.3 },
  ]);
});
