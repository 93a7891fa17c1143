/** The text in pieces of at most `bytesMax` bytes of UTF-8 (4 or more), no character divided. */
export function splitText(text: string, bytesMax: number): string[] {
  const pieces: string[] = [];
  const bytes = new Uint8Array(bytesMax);
  const encoder = new TextEncoder();
  for (let rest = text; rest !== '';) {
    const { read } = encoder.encodeInto(rest, bytes);
    pieces.push(rest.slice(0, read));
    rest = rest.slice(read);
  }
  return pieces;
}
