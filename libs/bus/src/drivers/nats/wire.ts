import type { BusTopics } from '../../bus.ts';

type Topic = keyof BusTopics;

/** A message of another process that this version does not understand. */
export class UnreadableHintError extends Error {}

/** By topic, what is taken from another process; fields that a newer version may add are ignored. */
const READERS: { [T in Topic]: (fields: object) => BusTopics[T] } = {
  'jobs-ready': readCell,
  'outbox-filled': readCell,
  'functions-changed': () => ({}),
};

/** Throws an `UnreadableHintError`. */
export function readHint<T extends Topic>(topic: T, text: string): BusTopics[T] {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch (cause) {
    throw new UnreadableHintError(`a hint ${topic} is no JSON`, { cause });
  }
  if (typeof fields !== 'object' || fields === null) throw new UnreadableHintError(`a hint ${topic} is no object`);
  return READERS[topic](fields);
}

function readCell(fields: object): { cell: number } {
  const cell: unknown = 'cell' in fields ? fields.cell : undefined;
  if (typeof cell !== 'number' || !Number.isInteger(cell) || cell < 0) {
    throw new UnreadableHintError('a hint names no cell');
  }
  return { cell };
}
