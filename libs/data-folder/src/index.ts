export { DataFolderError, type DataFolderProblem } from './data-folder-error.ts';
export { checkFreeSpace, diskFullError, FREE_BYTES_MIN } from './free-space.ts';
export { lockFolder, type FolderLock } from './lock-folder.ts';
export { flushFolder } from './flush-folder.ts';
export { openLoggedDatabase } from './sqlite/open-logged-database.ts';
export { damagedFolder, otherLayout, sqliteFolderError } from './sqlite/sqlite-folder-error.ts';
export { Wal, type LoggedDatabase } from './sqlite/wal.ts';
