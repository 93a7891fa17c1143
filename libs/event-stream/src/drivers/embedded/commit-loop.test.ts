import { expect, test } from 'vitest';

import { CommitLoop, type Commitable } from './commit-loop.ts';

interface Named extends Commitable {
  name: string;
}

/** A loop whose commits end when the test says so. */
class ScriptedLoop {
  readonly commits: string[][] = [];
  readonly loop = new CommitLoop<Named>((entries) => this.#commit(entries));
  readonly #running: PromiseWithResolvers<void>[] = [];

  add(name: string, bytes = 1): Promise<void> {
    return new Promise((resolve, reject) => this.loop.add({ name, bytes, resolve, reject }));
  }

  /** Ends the running commit, once there is one. */
  async end(error?: Error): Promise<void> {
    while (this.#running.length === 0) await new Promise(setImmediate);
    const commit = this.#running.shift();
    if (error === undefined) commit?.resolve();
    else commit?.reject(error);
  }

  #commit(entries: Named[]): Promise<void> {
    this.commits.push(entries.map(({ name }) => name));
    const commit = Promise.withResolvers<void>();
    this.#running.push(commit);
    return commit.promise;
  }
}

test('what is added in one turn shares a commit, what is added while it runs shares the next one', async () => {
  const loop = new ScriptedLoop();
  const first = [loop.add('a'), loop.add('b')];
  await new Promise(setImmediate);
  const second = [loop.add('c'), loop.add('d'), loop.add('e')];

  await loop.end();
  await Promise.all(first);
  await loop.end();
  await Promise.all(second);

  expect(loop.commits).toEqual([
    ['a', 'b'],
    ['c', 'd', 'e'],
  ]);
});

test('nothing is settled before its commit ended', async () => {
  const loop = new ScriptedLoop();
  let isSettled = false;
  const added = loop.add('a').then(() => (isSettled = true));
  await new Promise(setImmediate);

  expect(isSettled).toBe(false);
  await loop.end();
  await added;
  expect(isSettled).toBe(true);
});

test('a failed commit fails what it had, and only that', async () => {
  const loop = new ScriptedLoop();
  const failing = loop.add('a');
  await new Promise(setImmediate);
  const fine = loop.add('b');

  await loop.end(new Error('disk is gone'));
  await expect(failing).rejects.toThrow('disk is gone');
  await loop.end();

  await expect(fine).resolves.toBeUndefined();
});

test('more than a commit should have waits for the next, but a single large entry does not', async () => {
  const loop = new ScriptedLoop();
  const added = [
    loop.add('large', 100_000_000),
    loop.add('b', 5_000_000),
    loop.add('c', 2_000_000),
    loop.add('d', 2_000_000),
  ];

  await loop.end();
  await loop.end();
  await loop.end();
  await Promise.all(added);

  expect(loop.commits).toEqual([['large'], ['b', 'c'], ['d']]);
});

test('idle resolves when everything added before is settled', async () => {
  const loop = new ScriptedLoop();
  const failing = loop.add('a');
  const idle = loop.loop.idle();

  await loop.end(new Error('disk is gone'));

  await expect(failing).rejects.toThrow('disk is gone');
  await expect(idle).resolves.toBeUndefined();
});
