/**
 * Lists every numbered statement of the specifications with the tests that show it, by the numbers in their titles. The
 * last line counts them. Exits 1 while one is missing, or when a title cites a number that does not exist.
 */
import { repositoryRoot } from './bootstrap/paths.mjs';
import { assessRepository } from './conformance/assess-repository.ts';
import { countsLine, describeConformance } from './conformance/report.ts';

const conformance = assessRepository(repositoryRoot);

for (const line of describeConformance(conformance)) console.log(line);
console.log(`\n${countsLine(conformance)}`);
if (conformance.missing.length > 0 || conformance.unknown.length > 0) process.exitCode = 1;
