import { RE2JS, RE2JSException } from 're2js';
import { BoundedCache } from './bounded-cache.ts';
import type { Meter } from './meter.ts';
import { Failure } from './value.ts';

const PATTERN_LENGTH_MAX = 1024;
/** Instructions of a compiled pattern; `x{1000}` is short to write and long to run. */
const PROGRAM_SIZE_MAX = 2000;
/** Compiled patterns kept; patterns may come out of events, so the number is bounded. */
const PATTERNS_KEPT = 200;
/** Matching this many characters by instructions costs one unit. */
const WORK_PER_UNIT = 64;
/** Compiling costs this for each character of the pattern, since an event may bring a new one each time. */
const COMPILE_COST_PER_CHARACTER = 5;

const patterns = new BoundedCache<RE2JS | Failure>(PATTERNS_KEPT);

/** A compiled pattern of RE2 syntax, or a failure that says what is wrong with it. */
export function compilePattern(pattern: string): RE2JS | Failure {
  if (pattern.length > PATTERN_LENGTH_MAX) {
    return new Failure(
      `a regular expression may have ${PATTERN_LENGTH_MAX} characters, this one has ${pattern.length}`,
    );
  }
  return patterns.getOrCreate(pattern, () => compileAnew(pattern));
}

/** Whether `pattern` occurs anywhere in `text`; takes time linear in the text whatever the pattern. */
export function matchesPattern(text: string, pattern: string, meter: Meter): boolean | Failure {
  meter.charge(pattern.length * COMPILE_COST_PER_CHARACTER);
  const compiled = compilePattern(pattern);
  if (compiled instanceof Failure) return compiled;
  meter.charge(Math.ceil((text.length * compiled.programSize()) / WORK_PER_UNIT));
  return compiled.test(text);
}

function compileAnew(pattern: string): RE2JS | Failure {
  try {
    const compiled = RE2JS.compile(pattern);
    return compiled.programSize() > PROGRAM_SIZE_MAX ? new Failure('a regular expression is too large') : compiled;
  } catch (error) {
    if (error instanceof RE2JSException) return new Failure(`a regular expression is invalid: ${error.message}`);
    throw error;
  }
}
