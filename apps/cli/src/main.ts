#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// Compiled code is kept between starts: loading modules is most of what a start does.
enableCompileCache();

const { createProgram } = await import('./program.ts');
await createProgram().parseAsync();
