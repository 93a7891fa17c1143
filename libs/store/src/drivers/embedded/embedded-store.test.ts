import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { describeStore } from '../../store.contract.ts';
import { openEmbeddedStore } from './embedded-store.ts';

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describeStore('embedded', ({ clock }) => openEmbeddedStore({ path: aFolder(), clock }));
