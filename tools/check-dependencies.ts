/**
 * Checks the direction of dependencies: what each package declares and what each file imports, against the order of
 * packages in dependencies/layers.ts. Prints each violation with its place; exits 1 when there is one.
 * Cycles between files are the linter's (`import/no-cycle`); between packages the order leaves none.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './bootstrap/paths.mjs';
import { readWorkspace } from './bootstrap/workspace.mjs';
import { findImportViolations, findManifestViolations, type Repository } from './dependencies/find-violations.ts';
import { readSourceFiles } from './source-file.ts';

const rootManifest: { devDependencies?: Record<string, string> } = JSON.parse(
  readFileSync(join(repositoryRoot, 'package.json'), 'utf8'),
);
const repository: Repository = {
  packages: readWorkspace(),
  rootDevDependencies: rootManifest.devDependencies ?? {},
};

const violations = repository.packages.flatMap((owner) => [
  ...findManifestViolations(repository, owner),
  ...readSourceFiles(repositoryRoot, owner.folder).flatMap((file) => findImportViolations(repository, owner, file)),
]);

for (const { path, line, message } of violations) {
  console.log(`${path}${line === undefined ? '' : `:${line}`}: ${message}`);
}
if (violations.length > 0) {
  console.log(`${violations.length} broken rules of dependency`);
  process.exitCode = 1;
}
