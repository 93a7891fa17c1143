import { Worker } from 'node:worker_threads';

import type { CallRecord } from './functions.ts';
import type { ApplicationReport, ApplicationRequest } from './report-calls.ts';

const REPORT_WAIT_MS = 15_000;

/** An application in a thread of its own, seen from the main thread: the scripted one, or one that a real SDK serves. */
export class BenchApplication {
  /** The serve URL. */
  readonly url: string;
  readonly #worker: Worker;
  readonly #listeners = new Set<(call: CallRecord) => void>();

  private constructor(worker: Worker, url: string) {
    this.url = url;
    this.#worker = worker;
    worker.on('message', (report: ApplicationReport) => {
      if (report.kind !== 'calls') return;
      for (const call of report.calls) for (const listener of this.#listeners) listener(call);
    });
  }

  /** `bearer`: a signing key, where the server wants one. */
  static async start(bearer?: string, kind: 'scripted' | 'sdk' = 'scripted'): Promise<BenchApplication> {
    const script = kind === 'sdk' ? './sdk-worker.ts' : './application-worker.ts';
    // The thread runs sources too, whatever runs this one.
    const worker = new Worker(new URL(script, import.meta.url), {
      execArgv: ['--conditions=perdure-source'],
      workerData: { bearer },
    });
    const started = await nextReport(worker, 'started');
    return new BenchApplication(worker, started.url);
  }

  /** Calls `listener` for each recorded call, until the returned function is called. */
  listen(listener: (call: CallRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async register(serverUrl: string): Promise<void> {
    const registered = nextReport(this.#worker, 'registered');
    this.#request({ kind: 'register', serverUrl });
    const { error } = await registered;
    if (error !== undefined) throw new Error(`the application could not register at ${serverUrl}: ${error}`);
  }

  /** Calls of `busy`, those that wait too, are answered from now on. */
  openGate(): void {
    this.#request({ kind: 'open-gate' });
  }

  async stop(): Promise<void> {
    const stopped = nextReport(this.#worker, 'stopped');
    this.#request({ kind: 'stop' });
    await stopped;
    await this.#worker.terminate();
  }

  #request(request: ApplicationRequest): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
    this.#worker.postMessage(request);
  }
}

type ReportOf<Kind extends ApplicationReport['kind']> = Extract<ApplicationReport, { kind: Kind }>;

function nextReport<Kind extends ApplicationReport['kind']>(worker: Worker, kind: Kind): Promise<ReportOf<Kind>> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(deadline);
      worker.off('message', look);
      worker.off('error', fail);
    };
    const fail = (error: Error): void => {
      end();
      reject(error);
    };
    const look = (report: ApplicationReport): void => {
      if (!isOfKind(report, kind)) return;
      end();
      resolve(report);
    };
    const deadline = setTimeout(() => fail(new Error(`the application reported no "${kind}"`)), REPORT_WAIT_MS);
    worker.on('message', look);
    worker.on('error', fail);
  });
}

function isOfKind<Kind extends ApplicationReport['kind']>(
  report: ApplicationReport,
  kind: Kind,
): report is ReportOf<Kind> {
  return report.kind === kind;
}
