/** `$${` is a plain `${`; everything else between braces should name a variable. */
const PLACEHOLDER = /\$\$\{|\$\{([^}]*)\}/g;
const VARIABLE = /^([A-Za-z_]\w*)(?::-(.*))?$/s;

export interface Interpolated {
  value: unknown;
  /** Each the end of a sentence that begins with the name of the option; none of them quotes a value. */
  faults: string[];
}

/**
 * Replaces `${NAME}` and `${NAME:-default}` by variables in texts, also those of a list. As in a shell, the default holds
 * for an empty variable too.
 */
export function interpolate(value: unknown, env: Readonly<Record<string, string | undefined>>): Interpolated {
  if (Array.isArray(value)) {
    const items = value.map((item) => interpolate(item, env));
    return { value: items.map((item) => item.value), faults: items.flatMap(({ faults }) => faults) };
  }
  if (typeof value !== 'string') return { value, faults: [] };
  const faults: string[] = [];
  const text = value.replaceAll(PLACEHOLDER, (whole, inner: string | undefined) => {
    if (inner === undefined) return '${';
    const [, name, byDefault] = VARIABLE.exec(inner) ?? [];
    if (name === undefined) {
      faults.push('holds a ${...} that names no variable: write ${NAME}, ${NAME:-default}, or $${ for a plain ${');
      return whole;
    }
    const found = env[name];
    if (found === undefined && byDefault === undefined) faults.push(`needs the variable ${name}, which is not set`);
    return found === undefined || found === '' ? (byDefault ?? '') : found;
  });
  return { value: text, faults };
}
