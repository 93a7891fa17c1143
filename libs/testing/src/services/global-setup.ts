import type { TestProject } from 'vitest/node';

import { openSharedServices } from './shared-services.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where test files ask for real services. */
    sharedServicesUrl: string;
  }
}

/**
 * Named by the root's vitest config as `globalSetup`. Starts nothing by itself: the first test file that needs a service
 * does. Ends with a line for each service that was used or had to be left out.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const services = await openSharedServices();
  project.provide('sharedServicesUrl', services.url);

  return async () => {
    for (const line of await services.summary()) process.stdout.write(`service ${line}\n`);
    await services.stop();
  };
}
