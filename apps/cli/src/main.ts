#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Everywhere, whatever the machine is set to: times that are printed, and cron expressions without a time zone.
process.env['TZ'] = 'UTC';
// Compiled code is kept beside the program, between starts: loading modules is most of what a start does.
enableCompileCache(fileURLToPath(new URL('.compile-cache', import.meta.url)));

const { createProgram } = await import('./program.ts');
await createProgram().parseAsync();
