#!/usr/bin/env node
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

/** The oldest Node that every dependency runs on. */
const NODE_MAJOR_MIN = 24;

// Everywhere, whatever the machine is set to: times that are printed, and cron expressions without a time zone.
process.env['TZ'] = 'UTC';

if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) {
  console.error(`Error: Perdure needs Node ${NODE_MAJOR_MIN} or later, this is ${process.version}`);
  process.exit(1);
}
// Compiled code is kept beside the program, between starts: loading modules is most of what a start does.
nodeModule.enableCompileCache(fileURLToPath(new URL('.compile-cache', import.meta.url)));

const { createProgram } = await import('./program.ts');
await createProgram().parseAsync();
