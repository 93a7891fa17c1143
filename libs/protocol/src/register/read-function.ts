import type { z } from 'zod';
import {
  type AccountId,
  type AppId,
  type EnvId,
  type FlowControl,
  type FunctionDefinition,
  type JsonObject,
  type JsonValue,
  RETRIES_DEFAULT,
  type Trigger,
} from '@perdure/domain';
import { functionIdOf } from '../ids/name-uuid.ts';
import { asJsonObject, jsonTypeOf } from '../json/parse-json.ts';
import { normalizeUrl } from './app-url.ts';
import { codeOfPath, type ConfigProblem, formatPath } from './config-problem.ts';
import { concurrencyForm } from './concurrency-schemas.ts';
import type { ConfigSchemas } from './config-schemas.ts';

/** A function as registered: the registry counts its versions. */
export type RegisteredFunction = Omit<FunctionDefinition, 'version'>;

export interface RegisteringApp {
  id: AppId;
  name: string;
  accountId: AccountId;
  envId: EnvId;
}

type Read<T> = { ok: true; value: T } | { ok: false };

/**
 * One function object of a registration (sdk-protocol.md 3.3): the function, or all that is wrong with it. `config` is
 * without nulls.
 */
export function readFunction(
  config: JsonValue,
  { app, index, schemas }: { app: RegisteringApp; index: number; schemas: ConfigSchemas },
): { fn?: RegisteredFunction; problems: ConfigProblem[] } {
  const object = asJsonObject(config);
  if (object === undefined) {
    const path = `functions[${index}]`;
    return { problems: [{ path, code: 'config_invalid', message: `expected an object, found ${jsonTypeOf(config)}` }] };
  }
  const reader = new FunctionReader(object, index);
  const fn = reader.read(app, schemas);
  return reader.problems.length > 0 ? { problems: reader.problems } : { fn, problems: [] };
}

class FunctionReader {
  readonly problems: ConfigProblem[] = [];
  private readonly config: JsonObject;
  private readonly slug: string;
  private readonly index: number;

  constructor(config: JsonObject, index: number) {
    this.config = config;
    this.index = index;
    this.slug = typeof config['id'] === 'string' ? config['id'] : '';
  }

  read(app: RegisteringApp, schemas: ConfigSchemas): RegisteredFunction {
    const name = this.readText('name');
    this.readText('id');
    const { url, retries } = this.readStep(schemas.retries);
    this.checkCombinations();
    return {
      id: functionIdOf(app.id, this.slug),
      slug: this.slug,
      name,
      accountId: app.accountId,
      envId: app.envId,
      appId: app.id,
      appName: app.name,
      triggers: (this.readOption('triggers', schemas.triggers) ?? []).map(toTrigger),
      url,
      retries,
      flow: this.readFlow(schemas),
    };
  }

  private readFlow(schemas: ConfigSchemas): FlowControl {
    const concurrency = this.readOption(
      'concurrency',
      schemas.concurrency[concurrencyForm(this.config['concurrency'])],
    );
    const throttle = this.readOption('throttle', schemas.throttle);
    const rateLimit = this.readOption('rateLimit', schemas.rateLimit);
    const debounce = this.readOption('debounce', schemas.debounce);
    const batch = this.readOption('batchEvents', schemas.batchEvents);
    const priority = this.readOption('priority', schemas.priority)?.run;
    const singleton = this.readOption('singleton', schemas.singleton);
    const idempotency = this.readOption('idempotency', schemas.idempotency);
    const timeouts = this.readOption('timeouts', schemas.timeouts) ?? {};
    const cancelOn = this.readOption('cancel', schemas.cancel) ?? [];
    const runConcurrency = concurrency?.fn[0];
    return {
      concurrency: concurrency?.step ?? [],
      ...(runConcurrency && { runConcurrency }),
      ...(throttle && {
        throttle: present({
          limit: throttle.limit,
          burst: throttle.burst,
          periodMs: throttle.period,
          key: throttle.key,
        }),
      }),
      ...(rateLimit && {
        rateLimit: present({ limit: rateLimit.limit, periodMs: rateLimit.period, key: rateLimit.key }),
      }),
      ...(debounce && {
        debounce: present({ periodMs: debounce.period, timeoutMs: debounce.timeout, key: debounce.key }),
      }),
      ...(batch && {
        batch: present({ sizeMax: batch.maxSize, timeoutMs: batch.timeout, key: batch.key, if: batch.if }),
      }),
      ...(priority !== undefined && { priority }),
      ...(singleton && { singleton: present(singleton) }),
      ...(idempotency !== undefined && { idempotency }),
      timeouts: present({ startMs: timeouts.start, finishMs: timeouts.finish }),
      cancelOn: cancelOn.map((cancel) => present(cancel)),
    };
  }

  private report(path: string, message: string, code = codeOfPath(path)): void {
    if (this.slug === '') {
      this.problems.push({ path: `functions[${this.index}].${path}`, code, message });
    } else {
      this.problems.push({ functionId: this.slug, path, code, message });
    }
  }

  private readText(field: 'id' | 'name'): string {
    const value = this.config[field];
    if (typeof value === 'string' && value !== '') return value;
    this.report(field, `expected a text that is not empty, found ${value === '' ? 'an empty one' : jsonTypeOf(value)}`);
    return '';
  }

  /** The option's value, when it is there and right. */
  private readOption<T>(name: string, schema: z.ZodType<T>): T | undefined {
    const value = this.config[name];
    if (value === undefined) return undefined;
    const result = this.parse(value, [name], schema);
    return result.ok ? result.value : undefined;
  }

  private parse<T>(value: JsonValue, at: PropertyKey[], schema: z.ZodType<T>): Read<T> {
    const result = schema.safeParse(value);
    if (result.success) return { ok: true, value: result.data };
    for (const issue of result.error.issues) this.report(formatPath([...at, ...issue.path]), issue.message);
    return { ok: false };
  }

  /** A function is called as its one step: that has the URL and the retries (sdk-protocol.md 3.3). */
  private readStep(retriesSchema: z.ZodType<number>): { url: string; retries: number } {
    const steps = Object.entries(asJsonObject(this.config['steps']) ?? {});
    const [name, value] = steps[0] ?? [];
    const step = asJsonObject(value);
    if (steps.length !== 1 || name === undefined || step === undefined) {
      this.report('steps', `expected exactly one step, found ${steps.length}`);
      return { url: '', retries: RETRIES_DEFAULT };
    }
    return { url: this.readUrl(name, step), retries: this.readRetries(name, step, retriesSchema) };
  }

  private readUrl(stepName: string, step: JsonObject): string {
    const path = formatPath(['steps', stepName, 'runtime', 'url']);
    const text = asJsonObject(step['runtime'])?.['url'];
    const url = typeof text === 'string' ? normalizeUrl(text, ['stepId']) : undefined;
    if (url !== undefined) return url;
    const found = typeof text === 'string' ? `"${text}"` : jsonTypeOf(text);
    this.report(path, `expected a URL of http, https, ws or wss, found ${found}`, 'url_invalid');
    return '';
  }

  /** Of the step; older SDKs have the number beside it. */
  private readRetries(stepName: string, step: JsonObject, schema: z.ZodType<number>): number {
    const ofStep = asJsonObject(step['retries'])?.['attempts'];
    const value = ofStep ?? this.config['retries'];
    if (value === undefined) return RETRIES_DEFAULT;
    const at = ofStep === undefined ? ['retries'] : ['steps', stepName, 'retries', 'attempts'];
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    this.report(formatPath(at), result.error.issues[0]?.message ?? 'expected a number', 'retries_invalid');
    return RETRIES_DEFAULT;
  }

  /** What a batch cannot be combined with (execution.md 4.13). */
  private checkCombinations(): void {
    if (this.config['batchEvents'] === undefined) return;
    const cancel = this.config['cancel'];
    const others = {
      cancel: Array.isArray(cancel) && cancel.length > 0,
      debounce: this.config['debounce'] !== undefined,
      priority: asJsonObject(this.config['priority'])?.['run'] !== undefined,
      rateLimit: this.config['rateLimit'] !== undefined,
      singleton: this.config['singleton'] !== undefined,
    };
    for (const [option, isUsed] of Object.entries(others)) {
      if (isUsed) this.report('batchEvents', `cannot be combined with ${option}`, 'combo_unsupported');
    }
  }
}

interface TriggerConfig {
  event?: string | undefined;
  expression?: string | undefined;
  cron?: string | undefined;
  jitter?: number | undefined;
}

function toTrigger({ event, expression, cron, jitter }: TriggerConfig): Trigger {
  if (cron !== undefined) return present({ kind: 'cron' as const, cron, jitterMs: jitter });
  return present({ kind: 'event' as const, event: event ?? '', expression });
}

type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The same without properties that are undefined. */
function present<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Present<T>;
}
