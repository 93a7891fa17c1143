import { parseSync, Visitor } from 'oxc-parser';
import { lineAt, type SourceFile } from '../source-file.ts';

/** One mention of another module: static or dynamic import, type import, or re-export. */
export interface Import {
  /** As written: `./claim.ts`, `node:fs`, `@perdure/store/drivers`. */
  readonly specifier: string;
  readonly line: number;
}

const STRING_LITERAL = /^(['"`])([^'"`$]*)\1$/;

/**
 * Every import of a file, in the order of its lines. A dynamic import of something computed names nothing and is left out.
 * Throws when the file does not parse.
 */
export function importsOf({ path, text }: SourceFile): Import[] {
  const { module, program, errors } = parseSync(path, text);
  if (errors[0] !== undefined) throw new Error(`${path} does not parse: ${errors[0].message}`);

  const specifierAtOffset = new Map<number, string>();
  for (const { moduleRequest } of module.staticImports) specifierAtOffset.set(moduleRequest.start, moduleRequest.value);
  for (const { moduleRequest } of module.staticExports.flatMap((statement) => statement.entries)) {
    if (moduleRequest !== null) specifierAtOffset.set(moduleRequest.start, moduleRequest.value);
  }
  for (const { moduleRequest } of module.dynamicImports) {
    const specifier = STRING_LITERAL.exec(text.slice(moduleRequest.start, moduleRequest.end))?.[2];
    if (specifier !== undefined) specifierAtOffset.set(moduleRequest.start, specifier);
  }
  new Visitor({
    TSImportType: ({ source }) => specifierAtOffset.set(source.start, source.value),
  }).visit(program);

  return [...specifierAtOffset]
    .toSorted(([a], [b]) => a - b)
    .map(([offset, specifier]) => ({ specifier, line: lineAt(text, offset) }));
}
