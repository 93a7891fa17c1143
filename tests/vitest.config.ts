import { defineProject } from 'vitest/config';

/**
 * Tests run the sources of the libraries they use: `perdure-source` is the export condition that names them. There is no
 * other, because Vitest hands all of them to Node: with `import`, the `require` of express would get ES modules.
 */
const conditions = ['perdure-source', 'node'];

export default defineProject({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    name: 'system',
    include: ['src/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests of a file mostly wait, for backoffs and sleeps: they share a server, and all of them run at once.
    maxConcurrency: 100,
    // Every file has a server of its own: more at a time than this measure the machine.
    maxWorkers: 2,
  },
});
