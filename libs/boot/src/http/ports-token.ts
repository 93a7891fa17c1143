/** Injection tokens: always named, since injection by type would need emitted metadata. */
export const PORTS = Symbol('PORTS');
export const CONFIG = Symbol('CONFIG');
export const READINESS = Symbol('READINESS');
