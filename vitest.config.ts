import { defineConfig } from 'vitest/config';

/** Tests run the sources: `perdure-source` is the export condition that names them. */
const conditions = ['perdure-source', 'node', 'import', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    pool: 'forks',
    // A machine of two cores also runs the services that the tests talk to.
    maxWorkers: 2,
    // Starts real services, each when the first test asks for it.
    globalSetup: 'libs/testing/src/services/global-setup.ts',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{libs,apps}/*/{src,test,build}/**/*.test.ts', 'bench/src/**/*.test.ts', 'tools/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['tests/**/*.test.ts'],
          // Each test has the machine to itself: it starts whole servers, loads them and kills them.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
