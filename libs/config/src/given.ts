import type { CommandName, OptionName } from './options.ts';

export interface Sources {
  command: CommandName;
  /** By name, in kebab or camel case; undefined is not given. */
  flags: Readonly<Record<string, unknown>>;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  homeDir: string;
}

/** What was given for an option, and where. */
export interface Found {
  source: string;
  raw: unknown;
}

/** `--no-x` may come as `no-x: true`, `noX: true` or, as commander has it, `x: false`. */
export function inFlags(name: OptionName, flags: Readonly<Record<string, unknown>>): Found | undefined {
  const source = `--${name}`;
  const raw = flags[name] ?? flags[camelCase(name)];
  if (isGiven(raw)) return { source, raw };
  if (name.startsWith('no-') && flags[camelCase(name.slice('no-'.length))] === false) return { source, raw: true };
  return undefined;
}

/** Empty is not given: compose files pass on variables that nobody set. */
export function isGiven(raw: unknown): boolean {
  if (raw === undefined || raw === null) return false;
  if (typeof raw === 'string') return raw.trim() !== '';
  return !Array.isArray(raw) || raw.some(isGiven);
}

export function textOf(variable: string | undefined): string | undefined {
  return isGiven(variable) ? variable : undefined;
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_match, letter: string) => letter.toUpperCase());
}
