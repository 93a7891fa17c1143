import { isBuiltin } from 'node:module';
import { dirname, join, normalize } from 'node:path/posix';
import type { WorkspacePackage } from '../bootstrap/workspace.mjs';
import type { SourceFile } from '../source-file.ts';
import { importsOf, type Import } from './imports-of.ts';
import { isForTests, isPlaced, mayImport, mayImportInTests, mayNameDrivers } from './layers.ts';

/** One broken rule and where it is broken. */
export interface Violation {
  readonly path: string;
  /** Counted from 1; absent when the whole file is meant. */
  readonly line?: number;
  readonly message: string;
}

/** What the rules are checked against, as values. */
export interface Repository {
  readonly packages: readonly WorkspacePackage[];
  /** What every test may import besides the devDependencies of its own package: those of the root. */
  readonly rootDevDependencies: Readonly<Record<string, string>>;
}

const TEST_CODE = /\.(?:test|contract|bench|config)\.ts$|\/contract\.ts$|\/(?:test|contract|fixtures|build|bench)\//;

/** What is wrong with the dependencies that a package declares. */
export function findManifestViolations(repository: Repository, owner: WorkspacePackage): Violation[] {
  const path = `${owner.path}/package.json`;
  if (!isPlaced(owner.path)) {
    return [
      {
        path,
        message: `${owner.path} has no place in the order of packages: give it one in tools/dependencies/layers.ts`,
      },
    ];
  }
  const violations: Violation[] = [];
  if (owner.path === 'libs/domain' && Object.keys(owner.dependencies).length > 0) {
    violations.push({ path, message: 'libs/domain depends on nothing, but its dependencies are not empty' });
  }
  for (const { name, path: to } of repository.packages) {
    const isShipped = name in owner.dependencies && !isForTests(owner.path);
    if (isShipped && !mayImport(owner.path, to)) {
      violations.push({ path, message: `${owner.path} may not depend on ${to}` });
    }
    if (
      !isShipped &&
      (name in owner.devDependencies || name in owner.dependencies) &&
      !mayImportInTests(owner.path, to)
    ) {
      violations.push({ path, message: `${owner.path} may not depend on ${to}, not even in tests` });
    }
  }
  return violations;
}

/** What is wrong with the imports of one file of a package. */
export function findImportViolations(repository: Repository, owner: WorkspacePackage, file: SourceFile): Violation[] {
  return importsOf(file).flatMap((found) => {
    const message = decideAboutImport(repository, { owner, file, found });
    return message === undefined ? [] : [{ path: file.path, line: found.line, message }];
  });
}

interface ImportInPlace {
  readonly owner: WorkspacePackage;
  readonly file: SourceFile;
  readonly found: Import;
}

/** @returns what is wrong with it; undefined when nothing is */
function decideAboutImport(
  repository: Repository,
  { owner, file, found: { specifier } }: ImportInPlace,
): string | undefined {
  if (specifier.startsWith('.')) return decideAboutRelative(owner, file, specifier);
  const isTest = isTestCode(owner, file.path);
  if (specifier.startsWith('node:')) {
    return owner.path === 'libs/domain' && !isTest
      ? `libs/domain does no I/O and may not import '${specifier}'`
      : undefined;
  }
  if (isBuiltin(specifier)) return `import '${specifier}' as 'node:${specifier}'`;

  const { name, subpath } = splitSpecifier(specifier);
  const target = repository.packages.find((candidate) => candidate.name === name);
  if (target === owner) return `inside a package, import the file itself, not '${specifier}'`;
  if (target !== undefined) {
    const isAllowed = isTest ? mayImportInTests : mayImport;
    if (!isAllowed(owner.path, target.path)) {
      return `${owner.path} may not import '${specifier}'${isTest ? ', not even in tests' : ''}`;
    }
    if (!isTest && subpath === 'drivers' && !mayNameDrivers(owner.path)) {
      return `only libs/boot and tests name drivers: '${specifier}'`;
    }
    if (!isTest && subpath === 'contract') return `only tests run a contract: '${specifier}'`;
  }
  const declared = isTest
    ? { ...repository.rootDevDependencies, ...owner.devDependencies, ...owner.dependencies }
    : owner.dependencies;
  if (name in declared) return undefined;
  return `'${name}' is not declared in the ${isTest ? 'devDependencies' : 'dependencies'} of ${owner.path}/package.json`;
}

function decideAboutRelative(owner: WorkspacePackage, file: SourceFile, specifier: string): string | undefined {
  const target = normalize(join(dirname(file.path), specifier));
  return target.startsWith(`${owner.path}/`)
    ? undefined
    : `'${specifier}' reaches into another package: import it by its name`;
}

/** Tests, and what builds or tests a package without being shipped: its `build` folders and everything outside its `src`. */
function isTestCode(owner: WorkspacePackage, path: string): boolean {
  return isForTests(owner.path) || TEST_CODE.test(path) || !path.startsWith(`${owner.path}/src/`);
}

/** `@perdure/store/drivers` is the package `@perdure/store` and its subpath `drivers`. */
function splitSpecifier(specifier: string): { name: string; subpath: string } {
  const parts = specifier.split('/');
  const length = specifier.startsWith('@') ? 2 : 1;
  return { name: parts.slice(0, length).join('/'), subpath: parts.slice(length).join('/') };
}
