import type { BusTopics, LiveUpdate } from '../../bus.ts';

type Topic = keyof BusTopics;

/** A message of another process that this version does not understand. */
export class UnreadableHintError extends Error {}

/** By topic, how a message is written, and what is taken from another process. */
const FORMATS: { [T in Topic]: { print: (message: BusTopics[T]) => string; read: (text: string) => BusTopics[T] } } = {
  'jobs-ready': { print: JSON.stringify, read: (text) => readCell(readFields(text)) },
  'outbox-filled': { print: JSON.stringify, read: (text) => readCell(readFields(text)) },
  'functions-changed': { print: JSON.stringify, read: (text) => (readFields(text), {}) },
  // The body as it is: written as JSON it would take up to six times the room.
  realtime: { print: ({ head, body }) => `${head}\n${body}`, read: readLiveUpdate },
};

export function printMessage<T extends Topic>(topic: T, message: BusTopics[T]): string {
  return FORMATS[topic].print(message);
}

/** Fields that a newer version may add are ignored. Throws an `UnreadableHintError`. */
export function readMessage<T extends Topic>(topic: T, text: string): BusTopics[T] {
  try {
    return FORMATS[topic].read(text);
  } catch (cause) {
    if (cause instanceof UnreadableHintError) throw cause;
    throw new UnreadableHintError(`a hint ${topic} is no JSON`, { cause });
  }
}

function readFields(text: string): object {
  const fields: unknown = JSON.parse(text);
  if (typeof fields !== 'object' || fields === null) throw new UnreadableHintError('a hint is no object');
  return fields;
}

function readLiveUpdate(text: string): LiveUpdate {
  const end = text.indexOf('\n');
  if (end === -1) throw new UnreadableHintError('a live update has no head');
  return { head: text.slice(0, end), body: text.slice(end + 1) };
}

function readCell(fields: object): { cell: number } {
  const cell: unknown = 'cell' in fields ? fields.cell : undefined;
  if (typeof cell !== 'number' || !Number.isInteger(cell) || cell < 0) {
    throw new UnreadableHintError('a hint names no cell');
  }
  return { cell };
}
