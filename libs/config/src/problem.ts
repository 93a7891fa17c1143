/** Something wrong with what the operator gave. Never holds the value of a secret. */
export interface Problem {
  /** Where it stands: `--port`, `PERDURE_PORT`, a file's path, or `defaults` when something is missing. */
  source: string;
  /** The option, as in a config file; empty when a file as a whole is meant. */
  path: string;
  /** One sentence without a full stop, for people. */
  message: string;
}
