/** Why there is no answer to classify: a machine code and a text (sdk-protocol.md 11.3). */
export interface TransportError {
  code: 'http_unreachable' | 'output_too_large' | 'request_duration_too_long';
  message: string;
}

export const ANSWER_TOO_LARGE: TransportError = {
  code: 'output_too_large',
  message: "Your function's response body exceeds the maximum size limit",
};

export const CALL_ABORTED: TransportError = { code: 'http_unreachable', message: 'The call was aborted.' };

export function callTookTooLong(timeoutMs: number): TransportError {
  return { code: 'request_duration_too_long', message: `Your server took longer than ${timeoutMs} ms to answer.` };
}

export function unreachable(detail: string): TransportError {
  return { code: 'http_unreachable', message: `Unable to reach SDK URL: ${detail}` };
}

export function undecodable(detail: string): TransportError {
  return { code: 'http_unreachable', message: `Your server's answer could not be decoded: ${detail}` };
}

const RESET_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);
const CLOSED_CODES: ReadonlySet<string> = new Set([
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'HPE_INVALID_EOF_STATE',
]);

/** Puts an error of undici or of a socket into our words. `wasSent` tells whether the request had gone out. */
export function describeTransportError(error: Error, wasSent: boolean): TransportError {
  const code = codeOf(error);
  if (!wasSent) return unreachable(detailOf(error));
  if (RESET_CODES.has(code)) {
    return {
      code: 'http_unreachable',
      message: 'Your server reset the connection while we were sending the request.',
    };
  }
  if (CLOSED_CODES.has(code)) {
    return { code: 'http_unreachable', message: 'Your server closed the request before finishing.' };
  }
  return { code: 'http_unreachable', message: `Your server's answer is not valid HTTP: ${detailOf(error)}` };
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The first cause of an error without a text of its own: a name with several addresses fails with one for each. */
function detailOf(error: Error): string {
  if (error.message !== '') return error.message;
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  return first instanceof Error ? detailOf(first) : codeOf(error) || error.name;
}
