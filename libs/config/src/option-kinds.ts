import { z } from 'zod';

/** How the text of a flag, a variable or a file becomes a value. */
export interface OptionKind<T> {
  /** Ends the sentence "<option> must be ...". */
  expected: string;
  schema: z.ZodType<T>;
  /** Takes no value on the command line. */
  isSwitch?: true;
  /** May be given several times; one text separates the items by commas. */
  isList?: true;
}

const text = z.string().trim().min(1);
const number = z.union([z.number(), text.regex(/^\d+$/).transform(Number)]);

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

const httpAddress = text.transform(withScheme('http')).pipe(z.url({ protocol: /^https?$/ }));

export const httpUrl: OptionKind<string> = { expected: 'an http or https address', schema: httpAddress };

export const urlList: OptionKind<string[]> = {
  expected: 'a list of http or https addresses',
  schema: z.array(httpAddress),
  isList: true,
};

export const postgresUrl: OptionKind<string> = {
  expected: 'an address such as postgres://user:password@host:5432/database',
  schema: text.pipe(z.url({ protocol: /^postgres(ql)?$/ })),
};

/** NATS itself writes several servers in one text, so every item is split again. */
export const natsUrls: OptionKind<string[]> = {
  expected: 'a list of addresses such as nats://host:4222 or tls://user:password@host:4222',
  schema: z
    .array(text)
    .transform((items) => items.flatMap(listOf).map(withScheme('nats')))
    .pipe(z.array(z.url({ protocol: /^(nats|tls)$/ })).min(1)),
  isList: true,
};

const REDIS_HOST = String.raw`(?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::\d{1,5})?`;
const REDIS_HOSTS = `${REDIS_HOST}(?:,${REDIS_HOST})*`;
/** User and password are percent-encoded by some and not by others. */
const REDIS_USER = String.raw`(?:\S*@)?`;
/** One server, a master that Sentinels know by name, a cluster (which has one database). */
const REDIS_URL = new RegExp(
  String.raw`^rediss?:\/\/${REDIS_USER}${REDIS_HOST}(?:\/\d*)?$` +
    String.raw`|^rediss?\+sentinel:\/\/${REDIS_USER}${REDIS_HOSTS}\/[\w.:%-]+(?:\/\d*)?$` +
    String.raw`|^rediss?\+cluster:\/\/${REDIS_USER}${REDIS_HOSTS}(?:\/0?)?$`,
);

export const redisUrl: OptionKind<string> = {
  expected:
    'an address such as redis://user:password@host:6379/0, redis+sentinel://host:26379,host:26379/master or ' +
    'redis+cluster://host:6379,host:6379 (rediss for TLS)',
  schema: text.regex(REDIS_URL),
};

export function wholeNumber(min: number, max: number): OptionKind<number> {
  const range = z.number().int().min(min).max(max);
  return { expected: `a whole number from ${min} to ${max}`, schema: number.pipe(range) };
}

export function oneNumberOf(values: readonly number[]): OptionKind<number> {
  const expected = `one of ${values.join(', ')}`;
  return { expected, schema: number.refine((value) => values.includes(value)) };
}

export function oneOf<const T extends string>(values: readonly T[]): OptionKind<T> {
  return { expected: `one of ${values.join(', ')}`, schema: text.toLowerCase().pipe(z.enum(values)) };
}

export function listOf(items: string): string[] {
  return items
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** `localhost:3000/api/inngest` is what people type. */
function withScheme(scheme: string): (address: string) => string {
  return (address) => (address.includes('://') ? address : `${scheme}://${address}`);
}
