import { parseArgs } from 'node:util';

export const USAGE = `Plays the operations of the store in virtual time and reports how fair, exact and busy the queue is.

  npm run simulate -- [options]

  --scenario NAME   one scenario in full; without it small ones of all
  --small           the small one of that scenario
  --seed N          of the random numbers (default: 1); the same seed plays the same
  --jobs N          jobs, or runs, that are queued or arrive
  --tenants N       accounts, or keys
  --executors N     processes that claim
  --json            the reports as JSON
  --help`;

export interface Options {
  scenario?: string;
  isSmall: boolean;
  seed: number;
  jobs?: number;
  tenants?: number;
  executors?: number;
  isJson: boolean;
}

/** Reads the command line; throws a sentence for whoever typed it when it cannot be read. */
export function readOptions(args: string[]): Options | { help: string } {
  const { values } = parseArgs({
    args,
    options: {
      scenario: { type: 'string' },
      small: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      jobs: { type: 'string' },
      tenants: { type: 'string' },
      executors: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { help: USAGE };
  const { scenario, jobs, tenants, executors } = values;
  return {
    isSmall: values.small || scenario === undefined,
    seed: positive('seed', values.seed),
    isJson: values.json,
    ...(scenario !== undefined && { scenario }),
    ...(jobs !== undefined && { jobs: positive('jobs', jobs) }),
    ...(tenants !== undefined && { tenants: positive('tenants', tenants) }),
    ...(executors !== undefined && { executors: positive('executors', executors) }),
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} is a whole number from 1, not ${text}`);
  return value;
}
