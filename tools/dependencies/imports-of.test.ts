import { expect, test } from 'vitest';
import { importsOf } from './imports-of.ts';

const specifiersIn = (text: string) =>
  importsOf({ path: 'libs/store/src/a.ts', text }).map(({ specifier }) => specifier);

test('every way of naming another module is an import', () => {
  const text = `
    import { a } from 'static';
    import type { B } from 'types';
    import 'side-effect';
    export { c } from 're-export';
    export * from 'star';
    const d = await import('dynamic');
    const e: import('type-of').E = 1;
  `;

  expect(specifiersIn(text)).toEqual(['static', 'types', 'side-effect', 're-export', 'star', 'dynamic', 'type-of']);
});

test('an import is found on its line', () => {
  const text = `// first\nconst a = 1;\nimport { b } from 'b';\n`;

  expect(importsOf({ path: 'libs/store/src/a.ts', text })).toEqual([{ specifier: 'b', line: 3 }]);
});

test('what only looks like an import is none', () => {
  const text =
    "// import 'comment'\nconst a = \"import 'string'\";\nconst b = await import(name);\nexport const c = 1;\n";

  expect(specifiersIn(text)).toEqual([]);
});

test('a file that does not parse is an error, not a file without imports', () => {
  expect(() => specifiersIn('import { from')).toThrow('libs/store/src/a.ts does not parse');
});
