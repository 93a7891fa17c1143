/** The real services that tests can ask for. */
export type ServiceName = 'redis' | 'nats' | 'postgres';

/** A service that runs and may be used until `stop`. */
export interface StartedService {
  kind: 'started';
  url: string;
  /** Where it comes from, for printing: the variable that named it, or the binary or image that was started. */
  origin: string;
  /** Ends a private instance and removes its folder; does nothing to a server that a variable named. Repeatable. */
  stop: () => Promise<void>;
}

/** Every way to have the service failed. A value, not an error: what to do about it is the test run's decision. */
export interface ServiceUnavailable {
  kind: 'unavailable';
  reason: string;
}

/** How one kind of service is found and started; `startService` holds the order of the ways. */
export interface ServiceRecipe {
  name: ServiceName;
  /** Environment variable with the URL of a server that the tests may use; absent when only a private instance will do. */
  variable?: string;
  /** Names of the server's binary, best first. */
  binaries: string[];
  /** Debian's package of it. */
  debianPackage: string;
  /** Folders outside PATH in which Debian keeps the binary, best first. */
  debianFolders(): Promise<string[]>;
  /** True when the server refuses to run as root: it then runs as an unprivileged user. */
  refusesRoot: boolean;
  /** Runs to its end before the server starts, in the same folder and as the same user. */
  prepare?(instance: InstancePlace): string[];
  command(instance: InstancePlace): string[];
  /** A line of the server's log that tells that it answers. */
  ready: RegExp;
  /** What ends it within a moment even while clients are connected. */
  stopSignal: 'TERM' | 'QUIT';
  docker: { image: string; port: number; environment: string[]; args: string[]; ready: RegExp };
  url(port: number): string;
}

export interface InstancePlace {
  binary: string;
  port: number;
  folder: string;
}
