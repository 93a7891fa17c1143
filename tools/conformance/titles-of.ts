import { parseSync, Visitor, type Argument, type Expression } from 'oxc-parser';
import { lineAt, type SourceFile } from '../source-file.ts';

/** The title of one test, or of a group of tests, as written. */
export interface TestTitle {
  readonly title: string;
  readonly path: string;
  readonly line: number;
}

const TEST_FUNCTIONS = ['test', 'it', 'describe', 'suite'];
const NOT_RUN = ['skip', 'todo'];

/**
 * The titles of all tests of a file that run: `test('...')`, `describe.each(rows)('...')` and so on. Of a title that is put
 * together when it runs, the fixed parts are given. Throws when the file does not parse.
 */
export function titlesOf({ path, text }: SourceFile): TestTitle[] {
  const { program, errors } = parseSync(path, text);
  if (errors[0] !== undefined) throw new Error(`${path} does not parse: ${errors[0].message}`);

  const titles: TestTitle[] = [];
  new Visitor({
    CallExpression({ callee, arguments: [first], start }) {
      const names = namesOf(callee);
      const isTest = names[0] !== undefined && TEST_FUNCTIONS.includes(names[0]);
      if (!isTest || first === undefined || names.some((name) => NOT_RUN.includes(name))) return;
      const title = fixedTextOf(first);
      if (title !== '') titles.push({ title, path, line: lineAt(text, start) });
    },
  }).visit(program);
  return titles;
}

/** The names along a callee: `describe.skip.each(rows)` is describe, skip, each. */
function namesOf(callee: Expression): string[] {
  switch (callee.type) {
    case 'Identifier':
      return [callee.name];
    case 'MemberExpression':
      return [...namesOf(callee.object), ...(callee.property.type === 'Identifier' ? [callee.property.name] : [])];
    case 'CallExpression':
      return namesOf(callee.callee);
    case 'TaggedTemplateExpression':
      return namesOf(callee.tag);
    default:
      return [];
  }
}

function fixedTextOf(expression: Argument): string {
  switch (expression.type) {
    case 'Literal':
      return typeof expression.value === 'string' ? expression.value : '';
    case 'TemplateLiteral':
      return expression.quasis.map(({ value }) => value.cooked ?? '').join('');
    case 'BinaryExpression':
      return fixedTextOf(expression.left as Expression) + fixedTextOf(expression.right);
    default:
      return '';
  }
}
