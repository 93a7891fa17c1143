import type { TestProject } from 'vitest/node';
import type { PythonPackages } from '../deployment/harness/python-packages.ts';
import { installPythonSdk } from './python-sdk.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    pythonPackages: PythonPackages;
  }
}

/** Has the SDKs of other languages, once for all test files; `npm test` has begun to install them long before. */
export async function setup(project: TestProject): Promise<void> {
  project.provide('pythonPackages', await installPythonSdk());
}
