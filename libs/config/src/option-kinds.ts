import { z } from 'zod';

/** How the text of a flag, a variable or a file becomes a value. */
export interface OptionKind<T> {
  /** Ends the sentence "<option> must be ...". */
  expected: string;
  schema: z.ZodType<T>;
  /** Takes no value on the command line. */
  isSwitch?: true;
  /** May be given several times; a variable separates the items by commas. */
  isList?: true;
}

const text = z.string().trim().min(1);

export const anyText: OptionKind<string> = { expected: 'text (in a file: in quotes)', schema: text };

export const textList: OptionKind<string[]> = {
  expected: 'a list of texts (in a file: in quotes)',
  schema: z.array(text),
  isList: true,
};

export const onOff: OptionKind<boolean> = {
  expected: 'true or false',
  schema: z.union([z.boolean(), z.stringbool()]),
  isSwitch: true,
};

export const urlList: OptionKind<string[]> = {
  expected: 'a list of http or https addresses',
  schema: z.array(text.transform(withScheme).pipe(z.url({ protocol: /^https?$/ }))),
  isList: true,
};

export const postgresUrl: OptionKind<string> = {
  expected: 'an address such as postgres://user:password@host:5432/database',
  schema: text.pipe(z.url({ protocol: /^postgres(ql)?$/ })),
};

export function wholeNumber(min: number, max: number): OptionKind<number> {
  const range = z.number().int().min(min).max(max);
  return {
    expected: `a whole number from ${min} to ${max}`,
    schema: z.union([z.number(), text.regex(/^\d+$/).transform(Number)]).pipe(range),
  };
}

export function oneOf<const T extends string>(values: readonly T[]): OptionKind<T> {
  return { expected: `one of ${values.join(', ')}`, schema: text.toLowerCase().pipe(z.enum(values)) };
}

/** `localhost:3000/api/inngest` is what people type. */
function withScheme(address: string): string {
  return address.includes('://') ? address : `http://${address}`;
}
