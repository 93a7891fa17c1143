import { reasonOf } from './reason-of.ts';

export interface Probed {
  ok: boolean;
  /** One sentence for a person. */
  message: string;
}

/** Asks `/health` or `/ready` of a server. */
export async function probe(url: string, timeoutMs: number): Promise<Probed> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    const problems = problemsIn(await response.text());
    if (response.ok) return { ok: true, message: `${url} answered ${response.status}` };
    return { ok: false, message: `${url} answered ${response.status}${problems.map((text) => `, ${text}`).join('')}` };
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') {
      return { ok: false, message: `${url} did not answer within ${timeoutMs} ms` };
    }
    return { ok: false, message: `${url} does not answer: ${reasonOf(error)}` };
  }
}

function problemsIn(body: string): string[] {
  try {
    const answer: unknown = JSON.parse(body);
    const problems = typeof answer === 'object' && answer !== null && 'problems' in answer ? answer.problems : [];
    return Array.isArray(problems) ? problems.map(String) : [];
  } catch {
    return [];
  }
}
