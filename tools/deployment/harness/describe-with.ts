import { describe, inject, test } from 'vitest';
import { findOnPath } from './find-on-path.ts';
import type { CfnLint } from './python-tools.ts';
import { tellLeftOut } from './tell-left-out.ts';

/** A suite that needs the programs of ../go. Without them it is left out, and the run says so and why. */
export function describeWithGoTools(name: string, body: (folder: string) => void): void {
  const tools = inject('goTools');
  if (tools.kind === 'built') describe(name, () => body(tools.folder));
  else describeLeftOut(name, tools.reason);
}

/** A suite that needs Helm: that of ../go, else the one on PATH. `folder` holds the other programs, where Go is. */
export function describeWithHelm(
  name: string,
  body: (tools: { helm: string; folder: string | undefined }) => void,
): void {
  const tools = inject('goTools');
  const helm = tools.kind === 'built' ? `${tools.folder}/helm` : findOnPath('helm');
  if (helm !== undefined)
    describe(name, () => body({ helm, folder: tools.kind === 'built' ? tools.folder : undefined }));
  else describeLeftOut(name, tools.kind === 'built' ? '' : `no helm on PATH, and ${tools.reason}`);
}

/** A suite that needs the linter of CloudFormation templates. */
export function describeWithCfnLint(
  name: string,
  body: (linter: Extract<CfnLint, { kind: 'installed' }>) => void,
): void {
  const linter = inject('cfnLint');
  if (linter.kind === 'installed') describe(name, () => body(linter));
  else describeLeftOut(name, linter.reason);
}

export function describeLeftOut(name: string, reason: string): void {
  describe(name, () => {
    test('is left out', (context) => {
      tellLeftOut(name, reason);
      context.skip(reason);
    });
  });
}
