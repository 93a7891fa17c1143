import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { commandEnv, repositoryRoot } from './bootstrap/paths.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-lint-'));
  // Its overrides name paths below the folder that it stands in.
  copyFileSync(join(repositoryRoot, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
  write('libs/x/tsconfig.json', JSON.stringify({ compilerOptions: { strict: true, types: [] }, include: ['src'] }));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** The rules that the repository's own configuration finds broken, as `file: rule`. */
async function lint(): Promise<string[]> {
  const run = promisify(execFile)('oxlint', ['--format', 'json', '.'], { cwd: folder, env: commandEnv() });
  const { stdout } = await run.catch((failure: { stdout: string }) => failure);
  const { diagnostics }: { diagnostics: { filename: string; code: string }[] } = JSON.parse(stdout);
  return diagnostics.map(({ filename, code }) => `${filename}: ${code}`).toSorted((a, b) => a.localeCompare(b));
}

test('a promise that nobody waits for is an error', async () => {
  write(
    'libs/x/src/a.ts',
    'const later = async () => { await Promise.resolve(); };\nexport const run = () => { later(); };\n',
  );

  expect(await lint()).toContain('libs/x/src/a.ts: typescript(no-floating-promises)');
});

test('a switch that forgets a case is an error', async () => {
  write('libs/x/src/a.ts', `export function f(k: 'a' | 'b') { switch (k) { case 'a': return 1; }\n return 0; }\n`);

  expect(await lint()).toEqual(['libs/x/src/a.ts: typescript(switch-exhaustiveness-check)']);
});

test('files that import each other are an error', async () => {
  write('libs/x/src/a.ts', `import { b } from './b.ts';\nexport const a = () => b;\n`);
  write('libs/x/src/b.ts', `import { a } from './a.ts';\nexport const b = () => a;\n`);

  expect(await lint()).toEqual(['libs/x/src/a.ts: import(no-cycle)', 'libs/x/src/b.ts: import(no-cycle)']);
});

test('the environment is read in libs/config and nowhere else', async () => {
  write('libs/x/src/a.ts', 'export const a = process.env;\n');
  write('libs/config/src/a.ts', 'export const a = process.env;\n');

  expect(await lint()).toEqual(['libs/x/src/a.ts: eslint(no-restricted-properties)']);
});

test('domain has no timers', async () => {
  write('libs/domain/src/a.ts', 'export const a = (f: () => void) => setTimeout(f, 1);\n');

  expect(await lint()).toEqual(['libs/domain/src/a.ts: eslint(no-restricted-globals)']);
});
