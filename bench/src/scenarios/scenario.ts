import type { BenchApplication } from '../application/bench-application.ts';
import type { EventClient } from '../client/event-client.ts';
import type { Topology } from '../options.ts';
import type { Figure } from '../report/figure.ts';
import type { RunningSystem, ServerProcess } from '../server/start-system.ts';
import type { RunningServer } from '../server/start-server.ts';

/** What a scenario works with: a registered application, a client, and the server between them. */
export interface Bench {
  application: BenchApplication;
  client: EventClient;
  /** Where events are sent. */
  serverUrl: string;
  /** Where applications register. */
  apiUrl: string;
  /** Where the server checks keys. */
  signingKey?: string;
  /** Of the server under test; empty when it is someone else's. */
  processes: readonly ServerProcess[];
  /** Commands that the store's server got from its clients so far; absent where there is none. */
  storeCommands?: () => Promise<number>;
  isQuick: boolean;
  /** Goals differ where events and state cross a network. */
  topology: Topology;
  /** Starts another server with a data folder of its own; absent when there is no command to start one with. */
  startServer?: (dataDir: string) => Promise<RunningServer>;
  /** Starts another system of the same topology, with these flags on every process; absent when there is no command to start one with. */
  startSystem?: (flags: string[]) => Promise<RunningSystem>;
  eventKey: string;
  /** Starts one more executor, where roles are processes of their own. */
  addExecutor?: () => Promise<void>;
}

export interface Scenario {
  name: string;
  measures: string;
  run(bench: Bench): Promise<Figure[]>;
}
