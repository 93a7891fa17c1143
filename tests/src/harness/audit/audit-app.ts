/**
 * The auditor's application, a process of its own so that it takes no time from the one that sends events, and so that it
 * sees nothing but calls.
 */
import { startScriptedApp, type ScriptedApp } from '@perdure/testing';

import { AUDIT_APP, auditedFunctions, auditLedger } from './audited-functions.ts';
import type { AcknowledgedEvent, AuditReport } from './ledger.ts';

/** What the test asks. */
export type AuditQuestion =
  | { kind: 'register'; serverUrl: string; servedAt?: string }
  | { kind: 'url' }
  | { kind: 'missing'; events: AcknowledgedEvent[] }
  | { kind: 'report' };

export type AuditAnswer =
  | { kind: 'registered' }
  | { kind: 'url'; url: string }
  | { kind: 'missing'; count: number; examples: string[] }
  | { kind: 'report'; report: AuditReport };

const ledger = auditLedger();
const app = await startScriptedApp({
  name: AUDIT_APP,
  callsKept: 0,
  functions: auditedFunctions(ledger),
});

function answer(asked: ScriptedApp, question: AuditQuestion): Promise<AuditAnswer> | AuditAnswer {
  switch (question.kind) {
    case 'register':
      return asked.register(question.serverUrl, question.servedAt).then(() => ({ kind: 'registered' }));
    case 'url':
      return { kind: 'url', url: asked.url };
    case 'missing':
      return { kind: 'missing', ...ledger.missing(question.events) };
    case 'report':
      return { kind: 'report', report: ledger.report() };
    default:
      return question satisfies never;
  }
}

process.on('message', (question: AuditQuestion) => {
  void Promise.resolve(answer(app, question)).then((reply) => process.send?.(reply));
});
// The test is gone: so is the reason to be here.
process.on('disconnect', () => process.exit());
