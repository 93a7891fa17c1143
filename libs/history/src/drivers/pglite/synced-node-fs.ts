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
  readonly #sync: (file: number) => void;

  constructor(folder: string, sync: (file: number) => void = fdatasyncSync) {
    super(folder);
    this.#sync = sync;
  }

  override async init(...[pglite, options]: Parameters<Init>): ReturnType<Init> {
    const { emscriptenOpts } = await super.init(pglite, options);
    const preRun = [(module: { NODEFS: object }) => this.#install(module), ...(emscriptenOpts.preRun ?? [])];
    return { emscriptenOpts: { ...emscriptenOpts, preRun } };
  }

  #install(module: { NODEFS: object }): void {
    const fsync = (stream: SyncableStream): number => {
      this.#sync(stream.nfd);
      return 0;
    };
    Object.assign((module.NODEFS as { stream_ops: object }).stream_ops, { fsync });
  }
}
