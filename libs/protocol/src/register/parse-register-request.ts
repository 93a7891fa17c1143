import { hash } from 'node:crypto';
import type { AccountId, AppId, EnvId, JsonObject, JsonValue } from '@perdure/domain';
import { appIdOf } from '../ids/name-uuid.ts';
import { asJsonObject, jsonTypeOf } from '../json/parse-json.ts';
import { normalizeUrl } from './app-url.ts';
import type { ConfigProblem } from './config-problem.ts';
import { type ConfigChecks, configSchemas } from './config-schemas.ts';
import { readFunction, type RegisteredFunction } from './read-function.ts';

export interface RegisterOptions extends ConfigChecks {
  accountId: AccountId;
  envId: EnvId;
}

/** The endpoint that registers, in our words. */
export interface RegisteredApp {
  id: AppId;
  envId: EnvId;
  name: string;
  /** Without default port, `deployId` and `probe`. */
  url: string;
  /** Such as `js:v4.24.0`. */
  sdk: string;
  framework?: string;
  appVersion?: string;
}

export type RegisterResult =
  | {
      ok: true;
      app: RegisteredApp;
      functions: RegisteredFunction[];
      /** Of all that matters: an equal one means that nothing has to be done. */
      checksum: string;
    }
  /** Everything that is wrong, at once; `message` says it in one text, as SDKs show it. */
  | { ok: false; errors: ConfigProblem[]; message: string };

/** Problems spelled out in the message; all are in `errors`. */
const PROBLEMS_IN_MESSAGE_MAX = 5;
const FUNCTIONS_MAX = 10_000;

/**
 * Reads the body of `POST /fn/register` (sdk-protocol.md 3.2 to 3.4, execution.md 4): the app and its functions in our
 * words, or all that is wrong. Keys of the top level are taken in any letter case (Python sends `appname`), `null` counts as
 * absent, unknown fields are ignored. One bad function refuses the whole registration.
 */
export function parseRegisterRequest(body: unknown, options: RegisterOptions): RegisterResult {
  const object = asJsonObject(body);
  if (object === undefined) {
    return refuse('Invalid request', [problem('', `expected an object, found ${jsonTypeOf(body)}`)]);
  }
  const fields = withFoldedKeys(withoutNulls(object));
  const appName = fields.get('appname');
  if (typeof appName !== 'string' || appName === '') {
    return { ok: false, errors: [problem('appName', 'expected the ID of the app')], message: 'App ID required' };
  }
  const app = readApp(fields, { name: appName, envId: options.envId });
  const list = fields.get('functions');
  if (!Array.isArray(list) || list.length > FUNCTIONS_MAX) {
    const message = `expected an array of at most ${FUNCTIONS_MAX} functions, found ${jsonTypeOf(list)}`;
    return refuse('Invalid request', [...app.problems, problem('functions', message)]);
  }
  const { functions, problems } = readFunctions(list, { app: app.app, options });
  const errors = [...app.problems, ...problems];
  if (errors.length > 0) {
    return refuse(problems.length > 0 ? 'At least one function is invalid' : 'Invalid request', errors);
  }
  return { ok: true, app: app.app, functions, checksum: checksumOf(app.app, functions) };
}

function problem(path: string, message: string, code = 'config_invalid'): ConfigProblem {
  return { path, code, message };
}

function refuse(summary: string, errors: ConfigProblem[]): RegisterResult {
  const spelled = errors.slice(0, PROBLEMS_IN_MESSAGE_MAX).map(describe);
  const rest = errors.length - spelled.length;
  const more = rest > 0 ? `; and ${rest} more` : '';
  return { ok: false, errors, message: `${summary}: ${spelled.join('; ')}${more}` };
}

function describe({ functionId, path, message }: ConfigProblem): string {
  const where = [functionId === undefined ? undefined : `function "${functionId}"`, path === '' ? undefined : path];
  return [...where.filter((part) => part !== undefined), message].join(': ');
}

function readApp(
  fields: ReadonlyMap<string, JsonValue>,
  { name, envId }: { name: string; envId: EnvId },
): { app: RegisteredApp; problems: ConfigProblem[] } {
  const text = fields.get('url');
  const url = typeof text === 'string' ? normalizeUrl(text) : undefined;
  const found = typeof text === 'string' ? `"${text}"` : jsonTypeOf(text);
  const problems =
    url === undefined ? [problem('url', `expected the URL of the app, found ${found}`, 'url_invalid')] : [];
  const framework = fields.get('framework');
  const appVersion = fields.get('appversion');
  const sdk = fields.get('sdk');
  const app: RegisteredApp = {
    id: appIdOf(name),
    envId,
    name,
    url: url ?? '',
    sdk: typeof sdk === 'string' ? sdk : '',
    ...(typeof framework === 'string' && framework !== '' && { framework }),
    ...(typeof appVersion === 'string' && appVersion !== '' && { appVersion }),
  };
  return { app, problems };
}

function readFunctions(
  list: JsonValue[],
  { app, options }: { app: RegisteredApp; options: RegisterOptions },
): { functions: RegisteredFunction[]; problems: ConfigProblem[] } {
  const functions: RegisteredFunction[] = [];
  const problems: ConfigProblem[] = [];
  const schemas = configSchemas(options);
  const slugs = new Set<string>();
  for (const [index, config] of list.entries()) {
    const read = readFunction(config, {
      app: { id: app.id, name: app.name, accountId: options.accountId, envId: options.envId },
      index,
      schemas,
    });
    problems.push(...read.problems);
    if (read.fn === undefined) continue;
    if (slugs.has(read.fn.slug)) {
      problems.push({ functionId: read.fn.slug, ...problem('id', 'two functions of the app have this ID') });
    }
    slugs.add(read.fn.slug);
    functions.push(read.fn);
  }
  return { functions, problems };
}

/** Of what was understood: what SDKs send beside it (`featureObservations`, `deployId`) makes no difference. */
function checksumOf(app: RegisteredApp, functions: RegisteredFunction[]): string {
  return hash('sha256', JSON.stringify([app, functions]));
}

function withFoldedKeys(object: JsonObject): Map<string, JsonValue> {
  const fields = new Map<string, JsonValue>();
  for (const [key, value] of Object.entries(object)) {
    const folded = key.toLowerCase();
    if (!fields.has(folded)) fields.set(folded, value);
  }
  return fields;
}

function withoutNulls<T extends JsonValue>(value: T): T {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item)) as T;
  const object = asJsonObject(value);
  if (object === undefined) return value;
  const entries = Object.entries(object).filter(([, item]) => item !== null);
  return Object.fromEntries(entries.map(([key, item]) => [key, withoutNulls(item)])) as T;
}
