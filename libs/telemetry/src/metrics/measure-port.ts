import type { Metrics } from './metrics.ts';

type AnyMethod = (...args: readonly unknown[]) => unknown;

/**
 * The same port, every operation measured; those named in `except`, which wait for something to happen, only for errors.
 * The promise is handed on as it is: nobody waits longer for being measured.
 */
export function measurePort<T extends object>(
  port: T,
  { name, metrics, except = [] }: { name: string; metrics: Metrics; except?: readonly (keyof T & string)[] },
): T {
  const measured = Object.create(port) as Record<string, unknown>;
  for (const operation of methodNames(port)) {
    const method = (port as Record<string, AnyMethod>)[operation]?.bind(port);
    if (method === undefined) continue;
    const isTimed = !(except as readonly string[]).includes(operation);
    measured[operation] = measure(method, { name, operation, metrics, isTimed });
  }
  return measured as T;
}

function measure(
  method: AnyMethod,
  { name, operation, metrics, isTimed }: { name: string; operation: string; metrics: Metrics; isTimed: boolean },
): AnyMethod {
  return (...args) => {
    const startedAt = performance.now();
    const result = method(...args);
    if (!(result instanceof Promise)) return result;
    const onEnd = (): void => {
      if (isTimed) metrics.portOperationSeconds.observe((performance.now() - startedAt) / 1_000, name, operation);
    };
    result.then(onEnd, () => {
      onEnd();
      metrics.portErrors.add(1, name, operation);
    });
    return result;
  };
}

/** Of the object and its classes; what is no function is left as it is. */
function methodNames(port: object): Set<string> {
  const names = new Set<string>();
  for (let at: object | null = port; at !== null && at !== Object.prototype; at = Reflect.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (name !== 'constructor' && typeof value === 'function') names.add(name);
    }
  }
  return names;
}
