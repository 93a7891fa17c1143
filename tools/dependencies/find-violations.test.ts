import { describe, expect, test } from 'vitest';
import type { WorkspacePackage } from '../bootstrap/workspace.mjs';
import { findImportViolations, findManifestViolations, type Repository } from './find-violations.ts';

type Declared = Partial<Pick<WorkspacePackage, 'dependencies' | 'devDependencies'>>;

function aPackage(path: string, { dependencies = {}, devDependencies = {} }: Declared = {}): WorkspacePackage {
  const name = `@perdure/${path.split('/').at(-1)}`;
  return { name, path, folder: `/repository/${path}`, scripts: {}, dependencies, devDependencies };
}

const domain = aPackage('libs/domain');
const telemetry = aPackage('libs/telemetry');
const testing = aPackage('libs/testing');
const store = aPackage('libs/store');
const history = aPackage('libs/history');
const engine = aPackage('libs/engine');
const boot = aPackage('libs/boot');
const api = aPackage('apps/api');
const tests = aPackage('tests');

/** The repository of these packages, in which `owner` stands in for the one in the same folder. */
function repositoryWith(owner: WorkspacePackage): Repository {
  const others = [domain, telemetry, testing, store, history, engine, boot, api, tests];
  return {
    packages: [owner, ...others.filter(({ path }) => path !== owner.path)],
    rootDevDependencies: { vitest: '5.1.1' },
  };
}

/** What is said about a file with this one import. */
function aboutImport(owner: WorkspacePackage, path: string, specifier: string): string[] {
  const file = { path: `${owner.path}/${path}`, text: `import { a } from '${specifier}';` };
  return findImportViolations(repositoryWith(owner), owner, file).map(({ message }) => message);
}

const aboutManifest = (owner: WorkspacePackage) =>
  findManifestViolations(repositoryWith(owner), owner).map(({ message }) => message);

const workspace = (...names: string[]) => Object.fromEntries(names.map((name) => [`@perdure/${name}`, 'workspace:*']));

describe('what a package declares', () => {
  test('packages to its left and the leaves are fine', () => {
    const owner = aPackage('libs/engine', { dependencies: workspace('domain', 'store', 'telemetry') });

    expect(aboutManifest(owner)).toEqual([]);
  });

  test.each([
    ['libs/store', 'engine', 'libs/store may not depend on libs/engine'],
    ['libs/store', 'history', 'libs/store may not depend on libs/history'],
    ['libs/engine', 'api', 'libs/engine may not depend on apps/api'],
    ['apps/runner', 'api', 'apps/runner may not depend on apps/api'],
    ['libs/telemetry', 'store', 'libs/telemetry may not depend on libs/store'],
    ['libs/engine', 'testing', 'libs/engine may not depend on libs/testing'],
    ['apps/dashboard', 'engine', 'apps/dashboard may not depend on libs/engine'],
  ])('%s may not depend on %s', (path, dependency, message) => {
    expect(aboutManifest(aPackage(path, { dependencies: workspace(dependency) }))).toEqual([message]);
  });

  test('only the command line imports apps', () => {
    expect(aboutManifest(aPackage('apps/cli', { dependencies: workspace('api', 'boot') }))).toEqual([]);
  });

  test('domain depends on nothing at all', () => {
    const owner = aPackage('libs/domain', { dependencies: { zod: '4.6.7' } });

    expect(aboutManifest(owner)).toEqual(['libs/domain depends on nothing, but its dependencies are not empty']);
  });

  test('testing is a dependency of tests, but not of what it is made of itself', () => {
    const devDependencies = workspace('testing');

    expect(aboutManifest(aPackage('libs/store', { devDependencies }))).toEqual([]);
    expect(aboutManifest(aPackage('libs/domain', { devDependencies }))).toEqual([
      'libs/domain may not depend on libs/testing, not even in tests',
    ]);
  });

  test('tests of a package follow the order too', () => {
    expect(aboutManifest(aPackage('libs/store', { devDependencies: workspace('engine') }))).toEqual([
      'libs/store may not depend on libs/engine, not even in tests',
    ]);
  });

  test('whole-system tests may depend on everything', () => {
    expect(aboutManifest(aPackage('tests', { dependencies: workspace('testing', 'boot', 'api') }))).toEqual([]);
  });

  test('a new package needs a place in the order', () => {
    expect(aboutManifest(aPackage('libs/common'))).toEqual([
      'libs/common has no place in the order of packages: give it one in tools/dependencies/layers.ts',
    ]);
  });
});

describe('what a file imports', () => {
  test('a violation names the file and the line', () => {
    const file = { path: 'libs/store/src/claim.ts', text: `// why\nimport pg from 'pg';\n` };

    expect(findImportViolations(repositoryWith(store), store, file)).toEqual([
      {
        path: 'libs/store/src/claim.ts',
        line: 2,
        message: "'pg' is not declared in the dependencies of libs/store/package.json",
      },
    ]);
  });

  test('a declared dependency is fine in shipped code, a devDependency only in tests', () => {
    const owner = aPackage('libs/store', {
      dependencies: { lmdb: '3.5.6' },
      devDependencies: { 'lua-types': '2.14.1' },
    });

    expect(aboutImport(owner, 'src/a.ts', 'lmdb')).toEqual([]);
    expect(aboutImport(owner, 'src/a.test.ts', 'lua-types')).toEqual([]);
    expect(aboutImport(owner, 'src/drivers/redis/build/build.ts', 'lua-types')).toEqual([]);
    expect(aboutImport(owner, 'src/a.ts', 'lua-types')).toEqual([
      "'lua-types' is not declared in the dependencies of libs/store/package.json",
    ]);
  });

  test('tests and contracts may use what the root declares', () => {
    expect(aboutImport(store, 'src/a.test.ts', 'vitest')).toEqual([]);
    expect(aboutImport(store, 'src/store.contract.ts', 'vitest')).toEqual([]);
    expect(aboutImport(testing, 'src/builders.ts', 'vitest')).toEqual([]);
    expect(aboutImport(store, 'src/a.ts', 'vitest')).toHaveLength(1);
  });

  test('an import against the order is named even when it is declared', () => {
    const owner = aPackage('libs/store', { dependencies: workspace('engine') });

    expect(aboutImport(owner, 'src/a.ts', '@perdure/engine')).toEqual(["libs/store may not import '@perdure/engine'"]);
  });

  test('drivers are named by boot and by tests only', () => {
    const dependencies = workspace('store');

    expect(aboutImport(aPackage('libs/boot', { dependencies }), 'src/a.ts', '@perdure/store/drivers')).toEqual([]);
    expect(aboutImport(aPackage('libs/engine', { dependencies }), 'src/a.test.ts', '@perdure/store/drivers')).toEqual(
      [],
    );
    expect(aboutImport(aPackage('libs/engine', { dependencies }), 'src/a.ts', '@perdure/store/drivers')).toEqual([
      "only libs/boot and tests name drivers: '@perdure/store/drivers'",
    ]);
  });

  test('a contract is for tests only', () => {
    const owner = aPackage('libs/engine', { dependencies: workspace('store') });

    expect(aboutImport(owner, 'src/a.ts', '@perdure/store/contract')).toEqual([
      "only tests run a contract: '@perdure/store/contract'",
    ]);
  });

  test('another package is imported by its name, this one by its files', () => {
    expect(aboutImport(store, 'src/drivers/a.ts', '../store.ts')).toEqual([]);
    expect(aboutImport(store, 'src/a.ts', '../../domain/src/index.ts')).toEqual([
      "'../../domain/src/index.ts' reaches into another package: import it by its name",
    ]);
    expect(aboutImport(store, 'src/a.ts', '@perdure/store')).toEqual([
      "inside a package, import the file itself, not '@perdure/store'",
    ]);
  });

  test('domain does no I/O; elsewhere the modules of Node carry their prefix', () => {
    expect(aboutImport(domain, 'src/a.ts', 'node:fs')).toEqual([
      "libs/domain does no I/O and may not import 'node:fs'",
    ]);
    expect(aboutImport(store, 'src/a.ts', 'node:fs')).toEqual([]);
    expect(aboutImport(store, 'src/a.ts', 'fs/promises')).toEqual(["import 'fs/promises' as 'node:fs/promises'"]);
  });
});
