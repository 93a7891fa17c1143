import type { RoleName } from './config.ts';
import type { OptionName } from './options.ts';
import type { Problem } from './problem.ts';
import { problemOf, type ReadOptions } from './read-sources.ts';

const PREFIX = /^signkey-\w+-/;

/**
 * What servers outside of `dev` ask of keys, in the words that scripts know (http-api.md 4.4). Values are never quoted.
 * Event keys are asked for where events come in: without any, whoever knows the address could send some.
 */
export function keyProblems(read: ReadOptions, roles: readonly RoleName[]): Problem[] {
  const { values } = read;
  const problem = (path: OptionName, message: string): Problem => problemOf(read, path, message);
  const problems: Problem[] = [];
  const signingKey = values['signing-key'];
  if (signingKey === undefined) {
    if (!read.isBad('signing-key')) problems.push(problem('signing-key', 'signing-key is required'));
  } else {
    problems.push(...hexFaults(signingKey).map((fault) => problem('signing-key', `signing-key ${fault}`)));
  }
  for (const fallback of values['signing-key-fallback'] ?? []) {
    const faults = hexFaults(fallback);
    problems.push(...faults.map((fault) => problem('signing-key-fallback', `signing-key-fallback ${fault}`)));
  }
  if (roles.includes('event-api') && values['event-key'] === undefined && !read.isBad('event-key')) {
    problems.push(problem('event-key', 'at least one event-key is required'));
  }
  return problems;
}

/** The prefix is no part of the secret: keys of the documented form would otherwise have odd lengths. */
function hexFaults(key: string): string[] {
  const digits = key.replace(PREFIX, '');
  const stranger = /[^0-9a-f]/i.exec(digits);
  if (stranger !== null) {
    const place = stranger.index + 1 + key.length - digits.length;
    return [`must be valid hex string: character ${place} is no hexadecimal digit`];
  }
  if (digits === '') return ['must be valid hex string: there are no digits'];
  return digits.length % 2 === 0 ? [] : ['must be hex string with even number of chars'];
}
