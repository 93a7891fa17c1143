import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Beside `src` and `dist`: built once, used from both. */
const GENERATED = new URL('../../../../generated/', import.meta.url);

export const TEMPLATE = {
  folder: fileURLToPath(new URL('pglite-template', GENERATED)),
  tar: fileURLToPath(new URL('pglite-template.tar', GENERATED)),
  /** What the template was made from; written last, so that a template without it is unfinished. */
  manifest: fileURLToPath(new URL('pglite-template.json', GENERATED)),
};

export interface TemplateManifest {
  pglite: string;
  /** Hash of the migrations. */
  migrations: string;
}

export function readManifest(): TemplateManifest | undefined {
  return existsSync(TEMPLATE.manifest) ? JSON.parse(readFileSync(TEMPLATE.manifest, 'utf8')) : undefined;
}

/** Of the installed package: another version may be another Postgres, which does not open the template's files. */
export function pgliteVersion(): string {
  const manifest = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'));
  const { version }: { version: string } = JSON.parse(readFileSync(manifest, 'utf8'));
  return version;
}

/** Undefined when there is none for the installed PGlite: then databases are made without it, which takes 3 s. */
export function findTemplate(): { templateFolder: string; templateTar: string } | undefined {
  if (readManifest()?.pglite !== pgliteVersion()) return undefined;
  return { templateFolder: TEMPLATE.folder, templateTar: TEMPLATE.tar };
}
