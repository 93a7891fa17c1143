import { PerdureError } from '@perdure/domain';

export type DataFolderProblem =
  | 'FOLDER_LOCKED'
  | 'FOLDER_NOT_WRITABLE'
  | 'FOLDER_CORRUPT'
  | 'FOLDER_OTHER_LAYOUT'
  | 'DISK_FULL';

/** Why a folder cannot be used, in one sentence for whoever starts the process. `code` names the problem. */
export class DataFolderError extends PerdureError {
  declare readonly code: DataFolderProblem;
}
