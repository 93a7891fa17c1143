import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** A process of Perdure as docker-compose.yml starts it. */
export interface ComposeService {
  readonly name: string;
  /** Arguments of `perdure`: `['serve', 'runner']`. */
  readonly command: string[];
  readonly environment: Record<string, string>;
}

interface Service {
  build?: unknown;
  command?: string[];
  environment?: Record<string, string | number | boolean>;
}

/** `${NAME}`, `${NAME:-default}`, `${NAME:?message}`; Compose knows more forms, the file uses these. */
const VARIABLE = /\$\{(?<name>\w+)(?::(?<operator>[-?])(?<text>[^}]*))?\}/g;

/**
 * The services of a Compose file that run Perdure's image (those with a `build`), so that tests start what Compose starts.
 * Variables are replaced by `variables`, else by their defaults; one that is required and not given is an error, in the
 * words of the file. Addresses of other services stay as they are: `redis://redis:6379`.
 */
export function readComposeServices(path: string, variables: Record<string, string> = {}): ComposeService[] {
  const file = parse(readFileSync(path, 'utf8'), { merge: true }) as { services: Record<string, Service> };
  return Object.entries(file.services)
    .filter(([, { build }]) => build !== undefined)
    .map(([name, { command = [], environment = {} }]) => {
      const [program, ...args] = command;
      if (program !== 'perdure') throw new Error(`${path}: ${name} runs '${String(program)}', expected 'perdure'`);
      const values = Object.entries(environment).map(
        ([key, value]) => [key, replaceVariables(String(value), variables)] as const,
      );
      return {
        name,
        command: args.map((arg) => replaceVariables(arg, variables)),
        environment: Object.fromEntries(values),
      };
    });
}

function replaceVariables(text: string, variables: Record<string, string>): string {
  return text.replaceAll(VARIABLE, (...match) => {
    const { name = '', operator, text: other = '' } = match.at(-1) as Record<string, string | undefined>;
    const given = variables[name] ?? '';
    if (given !== '' || operator === undefined) return given;
    if (operator === '?') throw new Error(`${name} ${other}`);
    return other;
  });
}
