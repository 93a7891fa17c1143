import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandEnv, pinnedNode, repositoryRoot } from '../bootstrap/paths.mjs';
import { describeWithGoTools } from './harness/describe-with.ts';
import { runCommand } from './harness/run-command.ts';

const DOCKERFILE = join(repositoryRoot, 'Dockerfile');
/** The user of the image. */
const USER_ID = 1000;
const isRoot = process.getuid?.() === 0;
const KEYS = ['--event-key', 'a-key', '--signing-key', 'ab'.repeat(32)];

describeWithGoTools('Dockerfile', (folder) => {
  test("passes BuildKit's own linter", async () => {
    const { code, output } = await runCommand([`${folder}/lint-dockerfile`, DOCKERFILE]);

    expect(code, output).toBe(0);
  });
});

describe('what the image holds', () => {
  let folder: string;
  let tree: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'perdure-image-'));
    chmodSync(folder, 0o755);
    tree = join(folder, 'perdure');
    const script = [pinnedNode, join(repositoryRoot, 'tools/deployment/image-tree.ts'), tree];
    const { code, output } = await runCommand(script, { env: commandEnv() });
    expect(code, output).toBe(0);
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** As in a container: another user than the one who made the tree, and the environment of the image. */
  function run(command: string, args: string[], cwd: string, env: Record<string, string> = {}): ChildProcess {
    return spawn(join(tree, 'bin', command), args, {
      cwd,
      env: {
        PATH: `${join(tree, 'bin')}:/usr/bin:/bin`,
        HOME: '/tmp',
        NODE_ENV: 'production',
        // Where the image's processes listen, and its health check asks.
        INNGEST_HOST: '0.0.0.0',
        PERDURE_METRICS_PORT: '0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(isRoot && { uid: USER_ID, gid: USER_ID }),
    });
  }

  function aDataFolder(): string {
    const data = mkdtempSync(join(folder, 'data-'));
    if (isRoot) chownSync(data, USER_ID, USER_ID);
    return data;
  }

  test.each(['perdure', 'inngest'])('%s is a command of it', async (command) => {
    const child = run(command, ['version'], aDataFolder());
    const output = await collect(child);

    expect(output).toBe(`${JSON.parse(readFileSync(join(repositoryRoot, 'apps/cli/package.json'), 'utf8')).version}\n`);
  });

  test('start comes up from it, is healthy, and ends in order when it is told to', async () => {
    const child = run('inngest', ['start', '--port', '0', ...KEYS], aDataFolder());
    const log: string[] = [];
    const url = await readyUrl(child, log);

    const health = await fetch(`${url}/health`);
    const port = { PERDURE_PORT: new URL(url).port };
    const [healthCode] = await once(run('perdure', ['doctor', 'healthcheck'], aDataFolder(), port), 'exit');
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');

    expect(health.status).toBe(200);
    expect(healthCode).toBe(0);
    expect(code, log.join('\n')).toBe(0);
  });

  test('nobody but its owner can change it, and everybody can read it', () => {
    const wrong = pathsBelow(tree).filter((path) => {
      const { mode } = lstatSync(path);
      return !lstatSync(path).isSymbolicLink() && ((mode & 0o022) !== 0 || (mode & 0o044) !== 0o044);
    });

    expect(wrong).toEqual([]);
  });

  test('it holds no sources, no tests and nothing that only building needs', () => {
    const paths = pathsBelow(tree).map((path) => path.slice(tree.length));

    expect(paths.filter((path) => /^\/(?:apps|libs)\/[^/]+\/(?:src|test)\//.test(path))).toEqual([]);
    expect(paths.filter((path) => /^\/(?:apps|libs)\/.*\/dist\/.*(?:\.test\.js|\.d\.ts|\.map)$/.test(path))).toEqual(
      [],
    );
    const packages = readdirSync(join(tree, 'node_modules/.pnpm'));
    expect(packages.filter((name) => /^(?:vitest|oxlint|typescript-to-lua|vite)@/.test(name))).toEqual([]);
    expect(existsSync(join(tree, 'libs/testing/dist'))).toBe(false);
  });

  test('no link leads out of it', () => {
    const links = pathsBelow(tree).filter((path) => lstatSync(path).isSymbolicLink());

    expect(links.length).toBeGreaterThan(0);
    expect(links.filter((path) => !realpathSync(path).startsWith(`${tree}/`))).toEqual([]);
  });
});

describe('the build stage of the Dockerfile', () => {
  test('runs npm scripts that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as { scripts: object };
    const used = [...readFileSync(DOCKERFILE, 'utf8').matchAll(/npm run ([\w-]+)/g)].map(([, name]) => name);

    expect(used).toEqual(['build', 'image-tree']);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(used));
  });
});

/** Links are paths, and not gone into: packages link to each other. */
function pathsBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? [path, ...pathsBelow(path)] : [path];
  });
}

async function collect(child: ChildProcess): Promise<string> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (output += text));
  await once(child, 'close');
  return output;
}

function readyUrl(child: ChildProcess, log: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        log.push(line);
        if (line.includes('perdure is ready')) resolve((JSON.parse(line) as { url: string }).url);
      });
    }
    child.once('exit', (code) => reject(new Error(`it ended with ${code} before it was ready:\n${log.join('\n')}`)));
  });
}
