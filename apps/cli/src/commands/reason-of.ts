/** Why a request failed, as the network says it: `fetch` itself says no more than that it did. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const deepest = cause instanceof AggregateError ? cause.errors[0] : cause;
  return deepest instanceof Error && deepest.message !== '' ? deepest.message : error.message;
}
