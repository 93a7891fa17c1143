import { appendFileSync } from 'node:fs';

import { describe, expect, inject, test } from 'vitest';

/** The packages of an application in Python, found by PYTHONPATH; or why there are none. */
export type PythonPackages = { kind: 'installed'; folder: string } | { kind: 'unavailable'; reason: string };

declare module 'vitest' {
  export interface ProvidedContext {
    /** What tools/languages/global-setup.ts installed. */
    pythonPackages: PythonPackages;
  }
}

/** A suite that needs the packages of ../../languages/python. Without them it is left out, and the run says so and why. */
export function describeWithPython(name: string, body: (packages: string) => void): void {
  const packages = inject('pythonPackages');
  describe(`SDK of another language: ${name}`, () => {
    if (packages.kind === 'installed') {
      body(packages.folder);
      return;
    }

    test('is left out', (context) => {
      expect(packages.reason).not.toBe('');
      const path = process.env['PERDURE_LEFT_OUT_FILE'];
      if (path !== undefined) appendFileSync(path, `SDK of ${name}: ${packages.reason.replaceAll('\n', ' ')}\n`);
      context.skip(packages.reason);
    });
  });
}
