import type { BenchApplication } from '../application/bench-application.ts';
import type { EventClient } from '../client/event-client.ts';
import type { Figure } from '../report/figure.ts';
import type { RunningServer } from '../server/start-server.ts';

/** What a scenario works with: a registered application, a client, and the server between them. */
export interface Bench {
  application: BenchApplication;
  client: EventClient;
  serverUrl: string;
  /** Absent when the server is someone else's. */
  pid?: number;
  isQuick: boolean;
  /** Starts another server with a data folder of its own; absent when there is no command to start one with. */
  startServer?: (dataDir: string) => Promise<RunningServer>;
}

export interface Scenario {
  name: string;
  measures: string;
  run(bench: Bench): Promise<Figure[]>;
}
