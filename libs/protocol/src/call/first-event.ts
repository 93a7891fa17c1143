const QUOTE = '"';
const BACKSLASH = 0x5c;

/**
 * The text of the first element of a JSON array of objects, without parsing it; undefined when the array is empty. `array`
 * must be valid JSON without whitespace. Strings are skipped from quote to quote, so large texts cost little.
 */
export function firstEventJson(array: string): string | undefined {
  if (array.length <= 2) return undefined;
  let depth = 0;
  for (let i = 1; i < array.length; i++) {
    switch (array[i]) {
      case QUOTE:
        i = endOfString(array, i);
        break;
      case '{':
      case '[':
        depth++;
        break;
      case '}':
      case ']':
        depth--;
        if (depth === 0) return array.slice(1, i + 1);
        break;
      default:
    }
  }
  return undefined;
}

/** The index of the quote that closes the string opened at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf(QUOTE, start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf(QUOTE, end + 1);
  return end === -1 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}
