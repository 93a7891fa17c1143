import type { TestProject } from 'vitest/node';
import { type GoTools, buildGoTools } from './go-tools.ts';
import { type CfnLint, installCfnLint } from './python-tools.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    goTools: GoTools;
    cfnLint: CfnLint;
  }
}

/** Has what the checks need, once for all test files; `npm test` has begun to build it long before. */
export async function setup(project: TestProject): Promise<void> {
  const [goTools, cfnLint] = await Promise.all([buildGoTools(), installCfnLint()]);
  project.provide('goTools', goTools);
  project.provide('cfnLint', cfnLint);
}
