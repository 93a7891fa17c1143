import { describe, expect, inject, test } from 'vitest';
import { findOnPath } from './find-on-path.ts';
import type { CfnLint } from './python-tools.ts';
import { tellLeftOut } from './tell-left-out.ts';

type Found<T> = { tool: T } | { reason: string };

/** A suite that needs the programs of ../go, which stand in `folder`. */
export function describeWithGoTools(name: string, body: (folder: string) => void): void {
  const tools = inject('goTools');
  describeWith(name, tools.kind === 'built' ? { tool: tools.folder } : tools, body);
}

/** A suite that needs Helm: that of ../go, else the one on PATH. */
export function describeWithHelm(name: string, body: (helm: string) => void): void {
  const tools = inject('goTools');
  const helm = tools.kind === 'built' ? `${tools.folder}/helm` : findOnPath('helm');
  const reason = `no helm on PATH; ${tools.kind === 'built' ? '' : tools.reason}`;
  describeWith(name, helm === undefined ? { reason } : { tool: helm }, body);
}

/** A suite that needs the linter of CloudFormation templates. */
export function describeWithCfnLint(
  name: string,
  body: (linter: Extract<CfnLint, { kind: 'installed' }>) => void,
): void {
  const linter = inject('cfnLint');
  describeWith(name, linter.kind === 'installed' ? { tool: linter } : linter, body);
}

/** Without what it needs a suite is left out, and the run says so and why; the end of `npm test` judges what CI accepts. */
function describeWith<T>(name: string, found: Found<T>, body: (tool: T) => void): void {
  describe(`deployment: ${name}`, () => {
    if ('tool' in found) {
      body(found.tool);
      return;
    }

    test('is left out', (context) => {
      expect(found.reason).not.toBe('');
      tellLeftOut(name, found.reason);
      context.skip(found.reason);
    });
  });
}
