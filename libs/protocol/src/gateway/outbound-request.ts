/**
 * An HTTP request that the platform makes because an op asks for it (sdk-protocol.md 7.5, Gateway and AIGateway). It
 * carries the user's credentials, so it lives as long as its attempt: it is neither stored nor logged.
 */
export interface OutboundRequest {
  url: string;
  method: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  body?: string;
}

/** What became of it. */
export type OutboundAnswer =
  | {
      kind: 'answered';
      /** The one that answered, after redirects. */
      url: string;
      status: number;
      /** Names in lower case; of a header that came several times, all values. */
      headers: Record<string, string[]>;
      body: string;
    }
  /** Larger than the output of a step may be. */
  | { kind: 'too-large' }
  /** No whole answer came; `reason` is for people and repeats nothing of the request. */
  | { kind: 'failed'; reason: string };
