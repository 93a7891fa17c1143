import { join } from 'node:path';
import { readSourceFiles } from '../source-file.ts';
import { assess, type Conformance } from './report.ts';
import { titlesOf } from './titles-of.ts';

const FOLDERS_WITH_TESTS = ['libs', 'apps', 'tests', 'tools/simulate'];
const TEST_FILE = /\.(?:test|contract)\.ts$/;

/** Reads the titles of all tests and contracts below `root`. */
export function assessRepository(root: string): Conformance {
  const files = FOLDERS_WITH_TESTS.flatMap((folder) => readSourceFiles(root, join(root, folder)));
  return assess(files.filter(({ path }) => TEST_FILE.test(path)).flatMap(titlesOf));
}
