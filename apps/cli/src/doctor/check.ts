/** `problem`: somebody must act; `warning`: somebody should look; `skipped`: it could not be looked at, for a good reason. */
export type CheckStatus = 'ok' | 'warning' | 'problem' | 'skipped';

export interface Check {
  name: string;
  status: CheckStatus;
  /** One sentence for a person. */
  message: string;
  /** The same for programs. */
  facts?: Record<string, unknown>;
}

export function isHealthy(checks: readonly Check[]): boolean {
  return checks.every(({ status }) => status !== 'problem');
}

/** Looks at something that may fail or hang: either is a problem of its own. */
export async function attempt(name: string, timeoutMs: number, look: () => Promise<Check[]>): Promise<Check[]> {
  const problem = (message: string): Check[] => [{ name, status: 'problem', message }];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Check[]>((resolve) => {
    timer = setTimeout(() => resolve(problem(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  const found = look().catch((error: unknown) => problem(error instanceof Error ? error.message : String(error)));
  const checks = await Promise.race([found, late]);
  clearTimeout(timer);
  return checks;
}
