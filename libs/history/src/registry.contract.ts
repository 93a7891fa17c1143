import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { DEFAULT_ENV_ID, type FunctionDefinition } from '@perdure/domain';
import { aFlowControl, aFunction, TEST_START_AT } from '@perdure/testing';

import type { AppRecord, Registry, SyncedFunction } from './history.ts';

/** Opens an empty registry. */
export type OpenRegistry = () => Promise<{ registry: Registry; close(): Promise<void> }>;

const ENV = DEFAULT_ENV_ID;
const AT = TEST_START_AT;

function anApp(facts: Partial<AppRecord> = {}): AppRecord {
  return {
    id: '22222222-2222-5222-9222-222222222222',
    envId: ENV,
    name: 'test-app',
    url: 'http://localhost:3000/api/inngest',
    sdk: 'js:v4.0.0',
    checksum: 'c1',
    syncedAt: AT,
    ...facts,
  };
}

function aSynced(slug: string, facts: Partial<SyncedFunction> = {}): SyncedFunction {
  const { version: _version, ...fn } = aFunction({ id: `id-of-${slug}`, slug, name: slug });
  return { ...fn, ...facts };
}

const versionsOf = (functions: FunctionDefinition[]): string[] =>
  functions.map(({ slug, version }) => `${slug}@${version}`);

/** What every driver of the registry must show. */
export function describeRegistry(name: string, open: OpenRegistry): void {
  describe(`registry ${name}`, () => {
    let opened: Awaited<ReturnType<OpenRegistry>>;
    let registry: Registry;

    beforeEach(async () => {
      opened = await open();
      registry = opened.registry;
    });

    afterEach(() => opened.close());

    test('an app and its functions are listed as they were saved', async () => {
      const app = anApp({ framework: 'express', appVersion: '1.2.3' });
      const fn = aSynced('a', {
        triggers: [{ kind: 'cron', cron: '* * * * *', jitterMs: 500 }],
        flow: aFlowControl({ throttle: { limit: 1, burst: 0, periodMs: 1_000, key: 'event.data.k' } }),
      });

      const saved = await registry.saveApp(app, [fn]);

      expect(saved).toEqual({ kind: 'changed', functions: [{ ...fn, version: 1 }] });
      expect(await registry.listApps(ENV)).toEqual([app]);
      expect(await registry.listFunctions(ENV)).toEqual({
        active: [{ ...fn, version: 1 }],
        archived: [],
        held: new Map(),
        overrides: new Map(),
      });
    });

    test('the same payload again is unchanged, and answers with the functions', async () => {
      await registry.saveApp(anApp(), [aSynced('a')]);
      const revision = await registry.revision();

      const again = await registry.saveApp(anApp({ syncedAt: AT + 9 }), [aSynced('a')]);

      expect(again).toEqual({ kind: 'unchanged', functions: [{ ...aSynced('a'), version: 1 }] });
      expect(await registry.revision()).toBe(revision);
    });

    test('only a function whose configuration differs gets the next version', async () => {
      await registry.saveApp(anApp(), [aSynced('a'), aSynced('b')]);

      const saved = await registry.saveApp(anApp({ checksum: 'c2' }), [aSynced('a'), aSynced('b', { retries: 0 })]);

      expect(saved.kind).toBe('changed');
      expect(versionsOf(saved.functions)).toEqual(['a@1', 'b@2']);
      expect(versionsOf((await registry.listFunctions(ENV)).active)).toEqual(['a@1', 'b@2']);
    });

    test('the order of keys makes no version', async () => {
      const fn = aSynced('a');
      const reordered = Object.fromEntries(Object.entries(fn).toReversed()) as unknown as SyncedFunction;
      await registry.saveApp(anApp(), [fn]);

      const saved = await registry.saveApp(anApp({ checksum: 'c2' }), [reordered]);

      expect(versionsOf(saved.functions)).toEqual(['a@1']);
    });

    test('a function that is no longer listed is archived, and comes back when it is listed again', async () => {
      await registry.saveApp(anApp(), [aSynced('a'), aSynced('b')]);

      await registry.saveApp(anApp({ checksum: 'c2' }), [aSynced('a')]);
      const without = await registry.listFunctions(ENV);
      await registry.saveApp(anApp({ checksum: 'c3' }), [aSynced('a'), aSynced('b', { retries: 1 })]);
      const back = await registry.listFunctions(ENV);

      expect([versionsOf(without.active), versionsOf(without.archived)]).toEqual([['a@1'], ['b@1']]);
      expect([versionsOf(back.active), versionsOf(back.archived)]).toEqual([['a@1', 'b@2'], []]);
    });

    test('functions of other apps and environments are left alone', async () => {
      await registry.saveApp(anApp(), [aSynced('a')]);

      await registry.saveApp(anApp({ id: 'other', name: 'other', url: 'http://other' }), [
        aSynced('o', { appId: 'other' }),
      ]);
      await registry.saveApp(anApp({ envId: 'e2' }), [aSynced('a', { envId: 'e2', retries: 0 })]);

      expect((await registry.listApps(ENV)).map((app) => app.name)).toEqual(['other', 'test-app']);
      expect(versionsOf((await registry.listFunctions(ENV)).active)).toEqual(['a@1', 'o@1']);
      expect(versionsOf((await registry.listFunctions('e2')).active)).toEqual(['a@1']);
    });

    test('an app that moved keeps its functions, at the new URL', async () => {
      await registry.saveApp(anApp(), [aSynced('a')]);

      const moved = await registry.saveApp(anApp({ url: 'http://new' }), [aSynced('a', { url: 'http://new?fnId=a' })]);

      expect(moved.kind).toBe('changed');
      expect(await registry.listApps(ENV)).toEqual([anApp({ url: 'http://new' })]);
      expect((await registry.listFunctions(ENV)).active).toMatchObject([{ url: 'http://new?fnId=a', version: 2 }]);
      expect(await registry.removeApp(ENV, 'http://localhost:3000/api/inngest')).toBe(false);
    });

    test('an app that was renamed takes the place of the one at its URL', async () => {
      await registry.saveApp(anApp(), [aSynced('a')]);

      await registry.saveApp(anApp({ id: 'renamed', name: 'renamed' }), [aSynced('r', { appId: 'renamed' })]);

      expect((await registry.listApps(ENV)).map((app) => app.name)).toEqual(['renamed']);
      const { active, archived } = await registry.listFunctions(ENV);
      expect([versionsOf(active), versionsOf(archived)]).toEqual([['r@1'], ['a@1']]);
    });

    test('a removed app is forgotten and its functions archived; saved again they are back', async () => {
      await registry.saveApp(anApp(), [aSynced('a')]);

      expect(await registry.removeApp(ENV, anApp().url)).toBe(true);
      expect(await registry.removeApp(ENV, anApp().url)).toBe(false);
      expect(await registry.listApps(ENV)).toEqual([]);
      expect(versionsOf((await registry.listFunctions(ENV)).archived)).toEqual(['a@1']);

      expect((await registry.saveApp(anApp(), [aSynced('a')])).kind).toBe('changed');
      expect(versionsOf((await registry.listFunctions(ENV)).active)).toEqual(['a@1']);
    });

    test('an error is shown until a sync succeeds, also one with the same payload', async () => {
      const error = { code: 'unreachable', message: 'connection refused' };
      await registry.saveApp(anApp(), [aSynced('a')]);

      await registry.recordAppError(anApp().id, error, AT + 5);
      expect(await registry.listApps(ENV)).toEqual([anApp({ error, syncedAt: AT + 5 })]);
      expect(versionsOf((await registry.listFunctions(ENV)).active)).toEqual(['a@1']);

      expect((await registry.saveApp(anApp({ syncedAt: AT + 9 }), [aSynced('a')])).kind).toBe('changed');
      expect(await registry.listApps(ENV)).toEqual([anApp({ syncedAt: AT + 9 })]);
      expect(versionsOf((await registry.listFunctions(ENV)).active)).toEqual(['a@1']);
    });

    test('an error can be cleared by itself, and one of an unknown app is nobody’s', async () => {
      await registry.saveApp(anApp({ error: { code: 'c', message: 'm' } }), []);

      await registry.recordAppError(anApp().id, undefined, AT + 5);
      await registry.recordAppError('unknown', { code: 'c', message: 'm' }, AT);

      expect(await registry.listApps(ENV)).toEqual([anApp({ syncedAt: AT + 5 })]);
    });

    test('the revision grows with every change', async () => {
      const revisions = [await registry.revision()];
      const changes = [
        () => registry.saveApp(anApp(), [aSynced('a')]),
        () => registry.saveApp(anApp({ checksum: 'c2' }), []),
        () => registry.recordAppError(anApp().id, { code: 'c', message: 'm' }, AT),
        () => registry.removeApp(ENV, anApp().url),
      ];
      for (const change of changes) {
        await change();
        revisions.push(await registry.revision());
      }

      expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
      expect(revisions).toHaveLength(changes.length + 1);
    });

    test('saving the same app from several places at once makes one version of each configuration', async () => {
      const saves = Array.from({ length: 6 }, (_, index) =>
        registry.saveApp(anApp({ checksum: `c${index % 2}` }), [aSynced('a', { retries: index % 2 })]),
      );

      await Promise.all(saves);

      const { active } = await registry.listFunctions(ENV);
      expect(active).toHaveLength(1);
      expect(active[0]?.version).toBeLessThanOrEqual(6);
    });

    describe('held functions', () => {
      test('stay held whatever is registered, until they are set free', async () => {
        await registry.saveApp(anApp(), [aSynced('a'), aSynced('b')]);
        const before = await registry.revision();

        expect(await registry.setFunctionState(ENV, 'id-of-a', 'paused')).toBe(true);
        expect(await registry.revision()).toBeGreaterThan(before);
        await registry.saveApp(anApp({ checksum: 'c2' }), [aSynced('a', { retries: 7 })]);
        expect((await registry.listFunctions(ENV)).held).toEqual(new Map([['id-of-a', 'paused']]));

        await registry.setFunctionState(ENV, 'id-of-a', 'drained');
        expect((await registry.listFunctions(ENV)).held).toEqual(new Map([['id-of-a', 'drained']]));
        await registry.setFunctionState(ENV, 'id-of-a', 'active');
        expect((await registry.listFunctions(ENV)).held).toEqual(new Map());
      });

      test('a function that nobody registered cannot be held', async () => {
        expect(await registry.setFunctionState(ENV, 'id-of-nothing', 'paused')).toBe(false);
      });
    });

    describe('overridden limits', () => {
      const overridesOf = async () => (await registry.listFunctions(ENV)).overrides;

      test('stay whatever is registered, until they are taken away', async () => {
        await registry.saveApp(anApp(), [aSynced('a'), aSynced('b')]);
        const limits = { concurrency: 3, keyed: [{ scope: 'env' as const, key: '"ö"', limit: 1 }] };

        expect(await registry.overrideLimits(ENV, 'id-of-a', limits)).toBe(1);
        await registry.saveApp(anApp({ checksum: 'c2' }), [aSynced('a', { retries: 7 })]);
        expect(await overridesOf()).toEqual(new Map([['id-of-a', { limits, revision: 1 }]]));

        expect(await registry.overrideLimits(ENV, 'id-of-a', undefined)).toBe(2);
        expect(await overridesOf()).toEqual(new Map([['id-of-a', { revision: 2 }]]));
        expect(versionsOf((await registry.listFunctions(ENV)).active)).toEqual(['a@2']);
      });

      test('each change counts, also one after they were taken away; a repeat does not', async () => {
        await registry.saveApp(anApp(), [aSynced('a')]);
        const revisions: (number | undefined)[] = [];
        const registryRevisions = [await registry.revision()];
        for (const limits of [undefined, { run: 1 }, { run: 1 }, { weight: 0.5, run: 1 }, undefined, undefined, {}]) {
          revisions.push(await registry.overrideLimits(ENV, 'id-of-a', limits));
          registryRevisions.push(await registry.revision());
        }

        expect(revisions).toEqual([0, 1, 1, 2, 3, 3, 4]);
        const [first = 0, ...later] = registryRevisions;
        expect(later.map((revision) => revision - first)).toEqual(revisions);
      });

      test('of several changed at once each gets a revision of its own', async () => {
        await registry.saveApp(anApp(), [aSynced('a')]);

        const revisions = await Promise.all(
          [1, 2, 3, 4].map((concurrency) => registry.overrideLimits(ENV, 'id-of-a', { concurrency })),
        );

        expect(revisions.toSorted()).toEqual([1, 2, 3, 4]);
        expect((await overridesOf()).get('id-of-a')).toEqual({
          limits: { concurrency: revisions.indexOf(4) + 1 },
          revision: 4,
        });
      });

      test('a function that nobody registered has none', async () => {
        expect(await registry.overrideLimits(ENV, 'id-of-nothing', { concurrency: 1 })).toBe(undefined);
        expect(await overridesOf()).toEqual(new Map());
      });
    });

    describe('an app that declares its functions one by one', () => {
      test('keeps those it has declared before', async () => {
        await registry.addFunction(anApp(), aSynced('a'));
        await registry.addFunction(anApp(), aSynced('b'));

        expect(versionsOf((await registry.listFunctions(ENV)).active)).toEqual(['a@1', 'b@1']);
        expect(await registry.listApps(ENV)).toEqual([anApp()]);
      });

      test('changes nothing with what is known, and gets a version with what differs', async () => {
        await registry.addFunction(anApp(), aSynced('a'));
        const before = await registry.revision();

        expect(await registry.addFunction(anApp(), aSynced('a'))).toMatchObject({ version: 1 });
        expect(await registry.revision()).toBe(before);
        expect(await registry.addFunction(anApp(), aSynced('a', { retries: 1 }))).toMatchObject({ version: 2 });
        expect(await registry.revision()).toBeGreaterThan(before);
      });
    });
  });
}
