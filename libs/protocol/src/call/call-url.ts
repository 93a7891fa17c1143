import type { FunctionSlug, StepHash } from '@perdure/domain';

const OWN_PARAMETERS = /^(fnId|stepId)(=|$)/;

/**
 * Where a call goes: the registered URL with `fnId` and `stepId` set and every other query parameter kept as it was
 * written (sdk-protocol.md 6.1).
 */
export function callUrl(baseUrl: string, call: { slug: FunctionSlug; target: 'step' | StepHash }): string {
  const [withoutFragment = ''] = baseUrl.split('#', 1);
  const queryAt = withoutFragment.indexOf('?');
  const path = queryAt === -1 ? withoutFragment : withoutFragment.slice(0, queryAt);
  const others = queryAt === -1 ? [] : withoutFragment.slice(queryAt + 1).split('&');
  const kept = others.filter((parameter) => parameter !== '' && !OWN_PARAMETERS.test(parameter));
  const own = [`fnId=${encodeURIComponent(call.slug)}`, `stepId=${encodeURIComponent(call.target)}`];
  return `${path}?${[...kept, ...own].join('&')}`;
}
