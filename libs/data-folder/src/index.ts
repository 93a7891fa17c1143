export { DataFolderError, type DataFolderProblem } from './data-folder-error.ts';
export { checkFreeSpace, diskFullError, FREE_BYTES_MIN } from './free-space.ts';
export { lockFolder, type FolderLock } from './lock-folder.ts';
export { probeLmdb } from './probe-lmdb.ts';
