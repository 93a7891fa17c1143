/** The scripted application's thread. */
import { workerData } from 'node:worker_threads';

import { startScriptedApp } from '@perdure/testing';

import { APP_NAME, benchFunctions } from './functions.ts';
import { reportCall, serveMainThread } from './report-calls.ts';

/** What registration needs where keys are checked. */
const { bearer } = workerData as { bearer?: string };

const gate = Promise.withResolvers<void>();

serveMainThread(
  await startScriptedApp({
    name: APP_NAME,
    ...(bearer !== undefined && { bearer }),
    callsKept: 0,
    functions: benchFunctions(reportCall, gate.promise),
  }),
  gate.resolve,
);
