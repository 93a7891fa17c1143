import { fileURLToPath } from 'node:url';

import type { TestProjectInlineConfiguration } from 'vitest/config';

/**
 * Tests run the sources of the libraries they use: `perdure-source` is the export condition that names them. There is no
 * other, because Vitest hands all of them to Node: with `import`, the `require` of express would get ES modules.
 */
const conditions = ['perdure-source', 'node'];

/** What is about the command line and the folder of one process: nothing of it changes with real services. */
const EMBEDDED_ONLY = ['src/cli.test.ts', 'src/crash.test.ts', 'src/secrets.test.ts'];

/** What a server must do wherever its state lives: shown on one process with services as well as on a cluster. */
const FOUNDATION = 'api auth checkpoint ingest malformed registration retries sdk-v3 sdk-v4 sleep steps'.split(' ');

/**
 * Files at a time, of all projects together: each has a server of its own and mostly waits. More than this on the two cores that
 * the tests are made for measure the machine. Projects with another number would run one after the other.
 */
export const WORKERS = 3;

function project(name: string, test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration {
  return {
    root: fileURLToPath(new URL('.', import.meta.url)),
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: conditions } },
    test: {
      name,
      pool: 'forks',
      testTimeout: 120_000,
      hookTimeout: 120_000,
      // Tests of a file mostly wait, for backoffs and sleeps: they share a server, and all of them run at once.
      maxConcurrency: 100,
      maxWorkers: WORKERS,
      ...test,
    },
  };
}

/** Starts nothing by itself: the first test that asks for a shared service does. */
const onServices = {
  globalSetup: fileURLToPath(new URL('../libs/testing/src/services/global-setup.ts', import.meta.url)),
  setupFiles: ['src/harness/leave-out-without-services.ts'],
};

/** The whole system: the same tests in three topologies, and what only several processes or real services can show. */
export const systemProjects: TestProjectInlineConfiguration[] = [
  project('system', { include: ['src/*.test.ts', 'src/harness/**/*.test.ts'] }),
  project('system-services', {
    ...onServices,
    include: FOUNDATION.map((file) => `src/${file}.test.ts`),
    env: { PERDURE_TEST_TOPOLOGY: 'services' },
  }),
  project('system-cluster', {
    ...onServices,
    include: ['src/*.test.ts'],
    exclude: EMBEDDED_ONLY,
    env: { PERDURE_TEST_TOPOLOGY: 'cluster' },
  }),
  project('system-faults', {
    ...onServices,
    include: ['src/{deployment,faults}/*.test.ts'],
    env: { PERDURE_TEST_TOPOLOGY: 'cluster' },
  }),
  // What one process can show: the SDKs do not see which it is.
  project('system-languages', {
    include: ['src/languages/*.test.ts'],
    globalSetup: fileURLToPath(new URL('../tools/languages/global-setup.ts', import.meta.url)),
  }),
];
