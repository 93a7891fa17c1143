import { parse as parseYaml } from 'yaml';
import { CueError, parseCue } from './parse-cue.ts';

export type Format = 'JSON' | 'CUE' | 'YAML';
export type ParsedText = { ok: true; value: unknown } | { ok: false; message: string };

/**
 * From the strictest to the one that takes almost anything for a text: what is valid in two of them means the same in
 * both then.
 */
export const FORMATS: readonly Format[] = ['JSON', 'CUE', 'YAML'];

const PARSERS: Readonly<Record<Format, (text: string) => unknown>> = {
  JSON: (text) => JSON.parse(text),
  CUE: parseCue,
  YAML: (text) => parseYaml(text, { prettyErrors: false }),
};

/** The first of `formats` that the text is valid in. The message of a failure does not quote the text: it may hold keys. */
export function parseText(text: string, formats: readonly Format[]): ParsedText {
  const faults: string[] = [];
  for (const format of formats) {
    try {
      return { ok: true, value: PARSERS[format](text.replace(/^\uFEFF/, '')) };
    } catch (error) {
      faults.push(`${format}${placeOf(error, text)}`);
    }
  }
  return { ok: false, message: `the file is not valid ${faults.join(', nor ')}` };
}

/** Where the error is, but not what stands there. Our own parser also says what it is. */
function placeOf(error: unknown, text: string): string {
  if (error instanceof CueError) return ` (line ${error.line}: ${error.message})`;
  const position = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
  const at =
    typeof error === 'object' && error !== null && 'pos' in error && Array.isArray(error.pos) ? error.pos[0] : position;
  if (at === undefined) return '';
  return ` (line ${text.slice(0, Number(at)).split('\n').length})`;
}
