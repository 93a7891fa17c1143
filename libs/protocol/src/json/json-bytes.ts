/** Whether `text` takes more than `bytesMax` bytes in UTF-8. Counts only when its length leaves a doubt. */
export function isLargerThan(text: string, bytesMax: number): boolean {
  // One UTF-16 unit takes one to three bytes.
  if (text.length > bytesMax) return true;
  if (text.length * 3 <= bytesMax) return false;
  return Buffer.byteLength(text) > bytesMax;
}
