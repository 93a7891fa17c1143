import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';
import { measurePort } from './measure-port.ts';

class Shelf {
  readonly cells = 3;
  #books: string[] = [];

  async put(book: string): Promise<number> {
    return this.#books.push(book);
  }

  take = async (): Promise<string> => {
    const book = this.#books.pop();
    if (book === undefined) throw new RangeError('the shelf is empty');
    return book;
  };

  async wait(): Promise<void> {}

  count(): number {
    return this.#books.length;
  }
}

function measuredShelf() {
  const metrics = createMetrics({ onSampleFailed: () => {} });
  const shelf = measurePort(new Shelf(), { name: 'shelf', metrics, except: ['wait'] });
  const numbers = async () => {
    const text = await metrics.render();
    return text.split('\n').filter((line) => /^perdure_port_(operation_seconds_count|errors_total)\{/.test(line));
  };
  return { shelf, numbers };
}

test('a measured port answers as the port does, and its operations are counted', async () => {
  const { shelf, numbers } = measuredShelf();

  expect(await shelf.put('Middlemarch')).toBe(1);
  expect(await shelf.put('Emma')).toBe(2);
  expect(await shelf.take()).toBe('Emma');
  expect([shelf.count(), shelf.cells]).toEqual([1, 3]);
  await shelf.wait();

  expect(await numbers()).toEqual([
    'perdure_port_operation_seconds_count{port="shelf",operation="put"} 2',
    'perdure_port_operation_seconds_count{port="shelf",operation="take"} 1',
  ]);
});

test('an error reaches the caller and is counted', async () => {
  const { shelf, numbers } = measuredShelf();

  await expect(shelf.take()).rejects.toThrow('the shelf is empty');

  expect(await numbers()).toEqual([
    'perdure_port_operation_seconds_count{port="shelf",operation="take"} 1',
    'perdure_port_errors_total{port="shelf",operation="take"} 1',
  ]);
});
