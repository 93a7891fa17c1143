/** Postgres has no zero character in text, and half of a surrogate pair is no UTF-8: both become U+FFFD. */
export function storableText(text: string): string;
export function storableText(text: string | undefined): string | null;
export function storableText(text: string | undefined): string | null {
  if (text === undefined) return null;
  // Nearly all text is fine as it is: no copy is made of it.
  if (!text.includes('\0') && text.isWellFormed()) return text;
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}
