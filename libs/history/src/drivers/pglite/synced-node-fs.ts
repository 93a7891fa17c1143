import { fdatasyncSync } from 'node:fs';
import { NodeFS } from '@electric-sql/pglite/nodefs';

type Init = NodeFS['init'];
interface SyncableStream {
  nfd: number;
}

/**
 * PGlite's folder on disk, with a `fsync` that reaches the disk. PGlite itself leaves it out: a commit would survive the
 * process, but not a loss of power, which may moreover leave the folder unreadable.
 */
export class SyncedNodeFs extends NodeFS {
  override async init(...[pglite, options]: Parameters<Init>): ReturnType<Init> {
    const { emscriptenOpts } = await super.init(pglite, options);
    const preRun = [installFsync, ...(emscriptenOpts.preRun ?? [])];
    return { emscriptenOpts: { ...emscriptenOpts, preRun } };
  }
}

function fsync(stream: SyncableStream): number {
  fdatasyncSync(stream.nfd);
  return 0;
}

function installFsync(module: { NODEFS: object }): void {
  Object.assign((module.NODEFS as { stream_ops: object }).stream_ops, { fsync });
}
