import { defineConfig } from 'vitest/config';

import { LongestFirst } from './tests/longest-first.ts';
import { systemProjects } from './tests/projects.ts';

/**
 * Tests run the sources: `perdure-source` is the export condition that names them. There is no other but Node's own,
 * because Vitest hands all of them to Node: with `import`, the `require` of CommonJS packages would get ES modules.
 */
const conditions = ['perdure-source', 'node'];

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        resolve: { conditions },
        ssr: { resolve: { conditions, externalConditions: conditions } },
        test: {
          name: 'unit',
          include: ['{libs,apps}/*/{src,test}/**/*.test.ts', 'bench/src/**/*.test.ts', 'tools/**/*.test.ts'],
          // A project of its own.
          exclude: ['**/node_modules/**', 'tools/deployment/**'],
          // Starts real services, each when the first test asks for it.
          globalSetup: 'libs/testing/src/services/global-setup.ts',
          pool: 'forks',
          // A machine of two cores also runs the services that the tests talk to.
          maxWorkers: 3,
          testTimeout: 30_000,
          hookTimeout: 120_000,
        },
      },
      ...systemProjects,
      // What deployments are made of.
      'tools/deployment',
    ],
  },
});
