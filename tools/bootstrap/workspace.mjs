import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './paths.mjs';

/**
 * One package of the workspace.
 * @typedef {object} WorkspacePackage
 * @property {string} name as other packages import it
 * @property {string} path its folder, relative to the root: `libs/store`
 * @property {string} folder the same, absolute
 * @property {Record<string, string>} scripts
 * @property {Record<string, string>} dependencies
 * @property {Record<string, string>} devDependencies
 */

/** Every package of the workspace, in alphabetical order of folders. The globs are those of pnpm-workspace.yaml.
 * @param {string} [root]
 * @returns {WorkspacePackage[]}
 */
export function readWorkspace(root = repositoryRoot) {
  const groups = ['apps', 'libs'].flatMap((group) => subfolders(root, group));
  return [...groups, 'tests', 'bench', 'tools/simulate']
    .filter((path) => existsSync(join(root, path, 'package.json')))
    .map((path) => {
      const manifest = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'));
      return {
        name: manifest.name,
        path,
        folder: join(root, path),
        scripts: manifest.scripts ?? {},
        dependencies: { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies },
        devDependencies: manifest.devDependencies ?? {},
      };
    });
}

/** @param {string} root @param {string} group */
function subfolders(root, group) {
  if (!existsSync(join(root, group))) return [];
  return readdirSync(join(root, group), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${group}/${entry.name}`)
    .toSorted();
}
