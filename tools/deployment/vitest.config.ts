import { defineProject } from 'vitest/config';

/** Checks of what deployments are made of: the image, Compose, the Helm chart, the stack for AWS. */
export default defineProject({
  test: {
    name: 'deployment',
    include: ['**/*.test.ts'],
    globalSetup: 'harness/global-setup.ts',
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 60_000,
    // Putting the image's tree together installs and compiles.
    hookTimeout: 300_000,
  },
});
