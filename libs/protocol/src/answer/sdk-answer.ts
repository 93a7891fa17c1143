import type { EpochMs, JsonObject, JsonValue, StepHash } from '@perdure/domain';
import type { OutboundRequest } from '../gateway/outbound-request.ts';
import type { OpMetadata } from '../told/read-op-metadata.ts';
import type { AiFormat, PublishTarget } from '../gateway/read-outbound.ts';

/** An error as the SDK reported it; all else that it sent is kept. */
export interface SdkError {
  name: string;
  message: string;
  stack?: string;
  [more: string]: JsonValue | undefined;
}

interface OpBase {
  hash: StepHash;
  /** What people call the step. */
  displayName: string;
  /** `opts.parallelMode` is "race". */
  isRace: boolean;
  /** What the SDK says about the step; absent when it says nothing. */
  metadata?: OpMetadata[];
}

/** One op of an answer (sdk-protocol.md 7.4, 7.5), checked and in our words. `memo` is canonical JSON (6.4). */
export type Op =
  | { kind: 'none' }
  | (OpBase & { kind: 'step-done'; memo: string })
  /** A failed attempt of a step; whether it is final is decided by the engine. `memo` is what a final one saves. */
  | (OpBase & { kind: 'step-error'; error: SdkError; memo: string })
  | (OpBase & { kind: 'step-failed'; error: SdkError; memo: string })
  | (OpBase & { kind: 'step-planned' })
  | (OpBase & { kind: 'sleep'; duration: string })
  | (OpBase & { kind: 'wait-for-event'; event: string; timeout: string; if?: string })
  | (OpBase & { kind: 'invoke'; functionId: string; payload: JsonValue; timeout?: string })
  | (OpBase & { kind: 'wait-for-signal'; signal: string; timeout: string; conflict: 'fail' | 'replace' })
  /** `secrets`: what of the request must not be repeated in anything that is stored. */
  | (OpBase & {
      kind: 'ai-gateway';
      request: OutboundRequest;
      format: AiFormat;
      secrets: string[];
      publish?: PublishTarget;
    })
  | (OpBase & { kind: 'gateway'; request: OutboundRequest; publish?: PublishTarget })
  /** `output` is canonical JSON. */
  | (OpBase & { kind: 'run-complete'; output: string })
  | (OpBase & { kind: 'discover' })
  /** `input` is an object: the data that the deferred run is to get. */
  | (OpBase & { kind: 'defer-add'; functionSlug: string; input: JsonObject; meta?: JsonObject })
  | (OpBase & { kind: 'defer-abort'; targetHash: StepHash });

/** What an attempt came to (sdk-protocol.md 7.1 to 7.3). */
export type SdkAnswer =
  | {
      kind: 'ops';
      ops: Op[];
      /** Of `x-inngest-req-version`; absent when missing or 0. */
      requestVersion?: number;
      /** From `x-inngest-no-retry` and `retry-after`: they apply to a step error among the ops. */
      noRetry: boolean;
      retryAt?: EpochMs;
    }
  /** `output` is canonical JSON. */
  | { kind: 'completed'; output: string }
  | {
      kind: 'failed';
      /** Machine code of a platform-made failure (11.3), absent for the function's own error. */
      code?: string;
      /** For the events `function.failed` and `.finished`: always has name and message. */
      error: SdkError;
      /** Canonical JSON: what becomes the run's output when this attempt was the last. */
      output: string;
      isRetriable: boolean;
      retryAt?: EpochMs;
    };

/** The raw answer of an application, before classification. */
export interface RawAnswer {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: string;
}
