import { stepHash } from '@perdure/testing';

import { APP_NAME, eventNameOf, type FunctionName } from '../application/functions.ts';
import { Poster } from './poster.ts';

const EXPECTED = [200, 206];

/** Calls the application as a server would, with nothing in between: what the machine's HTTP can do at best. */
export class BareCaller {
  readonly #poster: Poster;
  readonly #path: string;

  constructor(appUrl: string, connections: number) {
    const { origin, pathname } = new URL(appUrl);
    this.#poster = new Poster(origin, connections);
    this.#path = pathname;
  }

  /** One call of a run in which `stepsDone` steps have been completed. */
  call(fn: FunctionName, run: number, stepsDone: number): Promise<void> {
    return this.callWith(fn, callBody(fn, run, stepsDone));
  }

  callWith(fn: FunctionName, body: string): Promise<void> {
    return this.#poster.post(`${this.#path}?fnId=${APP_NAME}-${fn}&stepId=step`, body, EXPECTED);
  }

  close(): Promise<void> {
    return this.#poster.close();
  }
}

/** Where the run's number goes in a template. */
const RUN_PLACE = '"the run"';
const templates = new Map<string, string>();

/** A body of the size and shape that servers send, made from a template: making it must not count as calling. */
function callBody(fn: FunctionName, run: number, stepsDone: number): string {
  const key = `${fn} ${stepsDone}`;
  let template = templates.get(key);
  if (template === undefined) {
    template = bodyTemplate(fn, stepsDone);
    templates.set(key, template);
  }
  return template.replaceAll(RUN_PLACE, String(run));
}

/** sdk-protocol.md 6.3 */
function bodyTemplate(fn: FunctionName, stepsDone: number): string {
  const stack = Array.from({ length: stepsDone }, (_, i) => stepHash(`step-${i + 1}`));
  const event = {
    data: { run: JSON.parse(RUN_PLACE) as string },
    id: '01M7XK68C90X045V23D89DFVDM',
    name: eventNameOf(fn),
    ts: 1_795_215_794_569,
    user: {},
  };
  return JSON.stringify({
    ctx: {
      attempt: 0,
      disable_immediate_execution: false,
      env: '',
      fn_id: '861d4445-780f-5eb0-a67e-78b0cf9c2d67',
      generation_id: 1,
      job_id: '3aetn5tisvr3i',
      max_attempts: 5,
      qi_id: 'M2FldG41dGlzdnIzaTo6ZGVmYXVsdA==',
      request_id: '01M7XK68JPV8BN9SERD0GCB539',
      run_id: '01M7XK68F0ZKFAGN56BY890HZ8',
      stack: { current: stepsDone, stack },
      step_id: 'step',
      use_api: false,
    },
    defers: {},
    event,
    events: [event],
    steps: Object.fromEntries(stack.map((hash, i) => [hash, { data: { step: i + 1 } }])),
    use_api: false,
    version: stepsDone === 0 ? -1 : 2,
  });
}
