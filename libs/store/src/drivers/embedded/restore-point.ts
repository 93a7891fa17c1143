import { closeSync, existsSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/*
 * The form of restore points on disk (why there are any: restore-points.ts). The file has two slots that are written in
 * turn, so that a torn write leaves the other whole:
 *
 *   magic 8 | serial 8 | length of boot 4 | length of pages 4 | boot, UTF-8 | pages | CRC-32 of all before 4
 */
export interface RestorePoint {
  serial: number;
  /** Which run of the operating system wrote it (boot-id.ts). */
  boot: string;
  /** The meta pages of the database: the first two of its file. */
  metaPages: Buffer;
}

const MAGIC = 'PDRESTOR';
const HEADER_BYTES = 24;
const CRC_BYTES = 4;
/** Two meta pages of the largest page size, 64 KiB, and the rest of a slot, rounded up. */
const SLOT_BYTES = 192 * 1024;
const SLOTS = 2;

export function encodeRestorePoint(point: RestorePoint): { bytes: Buffer; offset: number } {
  const boot = Buffer.from(point.boot);
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeBigUInt64BE(BigInt(point.serial), 8);
  header.writeUInt32BE(boot.length, 16);
  header.writeUInt32BE(point.metaPages.length, 20);
  const content = Buffer.concat([header, boot, point.metaPages]);
  const crc = Buffer.alloc(CRC_BYTES);
  crc.writeUInt32BE(crc32(content), 0);
  return { bytes: Buffer.concat([content, crc]), offset: (point.serial % SLOTS) * SLOT_BYTES };
}

/** The latest whole one in the file; undefined when there is none. */
export function readRestorePoint(file: string): RestorePoint | undefined {
  if (!existsSync(file)) return undefined;
  const fd = openSync(file, 'r');
  try {
    const points = Array.from({ length: SLOTS }, (_, slot) => decodeSlot(fd, slot)).filter(
      (point) => point !== undefined,
    );
    return points.toSorted((a, b) => b.serial - a.serial)[0];
  } finally {
    closeSync(fd);
  }
}

function decodeSlot(fd: number, slot: number): RestorePoint | undefined {
  const bytes = Buffer.alloc(SLOT_BYTES);
  const read = readSync(fd, bytes, 0, SLOT_BYTES, slot * SLOT_BYTES);
  if (read < HEADER_BYTES || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined;
  const bootEnd = HEADER_BYTES + bytes.readUInt32BE(16);
  const end = bootEnd + bytes.readUInt32BE(20);
  if (end + CRC_BYTES > SLOT_BYTES || crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end)) return undefined;
  return {
    serial: Number(bytes.readBigUInt64BE(8)),
    boot: bytes.toString('utf8', HEADER_BYTES, bootEnd),
    metaPages: Buffer.from(bytes.subarray(bootEnd, end)),
  };
}

/** Makes the database what it was at the point. No process may have it open. */
export function restore(dataFile: string, point: RestorePoint): void {
  const fd = openSync(dataFile, 'r+');
  try {
    writeSync(fd, point.metaPages, 0, point.metaPages.length, 0);
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
