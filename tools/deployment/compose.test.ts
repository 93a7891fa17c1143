import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repositoryRoot } from '../bootstrap/paths.mjs';
import { describeWithGoTools } from './harness/describe-with.ts';
import { type CommandResult, runCommand } from './harness/run-command.ts';

const FILE = join(repositoryRoot, 'docker-compose.yml');
const ROLES = ['event-api', 'runner', 'executor', 'api'];
const KEYS = { INNGEST_EVENT_KEY: 'an-event-key', INNGEST_SIGNING_KEY: 'ab'.repeat(32) };

/** What the whole-system tests read the same file with. */
interface Reader {
  readComposeServices(
    path: string,
    variables: Record<string, string>,
  ): { name: string; command: string[]; environment: Record<string, string> }[];
}

interface Project {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
  volumes: Record<string, unknown>;
}

interface Service {
  image: string;
  command: string[] | null;
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
  deploy: { resources: { limits: { cpus: number; memory: string; pids: number } } };
  networks: Record<string, unknown>;
  ports?: { target: number; host_ip?: string }[];
  profiles?: string[];
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  restart?: string;
  stop_grace_period?: string;
  volumes?: { type: string; source: string; target: string }[];
}

describeWithGoTools('docker-compose.yml', (folder) => {
  /** As `docker compose config` with every profile. */
  function config(variables: Record<string, string>): Promise<CommandResult> {
    return runCommand([`${folder}/compose-config`, FILE], { env: { PATH: process.env['PATH'], ...variables } });
  }

  async function load(): Promise<Project> {
    const { code, output } = await config(KEYS);
    expect(code, output).toBe(0);
    return JSON.parse(output) as Project;
  }

  async function services(): Promise<[string, Service][]> {
    return Object.entries((await load()).services);
  }

  test.each(Object.keys(KEYS))('is refused without %s, in words that help', async (name) => {
    const { code, output } = await config({ ...KEYS, [name]: '' });

    expect(code).not.toBe(0);
    expect(output).toContain(`required variable ${name} is missing a value: run deploy/make-env.sh`);
  });

  test('has each role as a service of its own, and names every process as the tests start it', async () => {
    const { services: known } = await load();
    // By its path: of the packages that tests are made of, the tools know none.
    const reader = (await import(join(repositoryRoot, 'tests/src/harness/compose-file.ts'))) as Reader;

    const started = reader.readComposeServices(FILE, KEYS);

    expect(started.filter(({ name }) => ROLES.includes(name)).map(({ command }) => command)).toEqual(
      ROLES.map((role) => ['serve', role]),
    );
    for (const { name, command, environment } of started) {
      expect(['perdure', ...command]).toEqual(known[name]?.command);
      expect(environment).toEqual(known[name]?.environment);
    }
  });

  test('starts a role when the services are healthy and the tables are there', async () => {
    const { services: known } = await load();

    for (const role of ROLES) {
      expect(known[role]?.depends_on).toMatchObject({
        nats: { condition: 'service_healthy' },
        redis: { condition: 'service_healthy' },
        postgres: { condition: 'service_healthy' },
        migrate: { condition: 'service_completed_successfully' },
      });
    }
    expect(known['migrate']?.depends_on).toMatchObject({ postgres: { condition: 'service_healthy' } });
  });

  test('knows of every service whether it is well, but of the one that ends', async () => {
    const unknown = (await services()).filter(([, { healthcheck }]) => healthcheck?.test === undefined);

    expect(unknown.map(([name]) => name)).toEqual(['migrate']);
  });

  test('gives no service more than it needs', async () => {
    for (const [name, service] of await services()) {
      expect(service, name).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        restart: name === 'migrate' ? 'on-failure:5' : 'unless-stopped',
      });
      expect(service.deploy.resources.limits, name).toMatchObject({
        cpus: expect.any(Number),
        memory: expect.any(String),
        pids: expect.any(Number),
      });
      expect(service.image, name).toMatch(/:(?!latest$)[\w.-]+$/);
    }
  });

  test('gives calls longer to finish than Perdure does', async () => {
    const { services: known } = await load();

    for (const role of ROLES) {
      const drainSeconds = Number(known[role]?.environment?.['PERDURE_DRAIN_SECONDS']);
      expect(drainSeconds).toBeGreaterThan(0);
      expect(known[role]?.stop_grace_period).toMatch(/^\d+s$/);
      expect(Number.parseInt(known[role]?.stop_grace_period ?? '', 10)).toBeGreaterThan(drainSeconds);
    }
  });

  test('keeps the data of every service that has some on a volume, and the services from the outside', async () => {
    const project = await load();

    expect(project.networks['services']?.internal).toBe(true);
    for (const name of ['postgres', 'redis', 'nats']) {
      const service = project.services[name];
      expect(Object.keys(service?.networks ?? {})).toEqual(['services']);
      expect(service?.ports).toBeUndefined();
      expect(service?.volumes).toContainEqual(expect.objectContaining({ type: 'volume', source: name }));
    }
  });

  test('publishes one port to everybody', async () => {
    const { services: known } = await load();

    const published = Object.entries(known).flatMap(([name, { ports = [] }]) =>
      ports.filter(({ host_ip }) => host_ip !== '127.0.0.1').map(({ target }) => [name, target]),
    );
    expect(published).toEqual([
      ['gateway', 8288],
      ['single', 8288],
    ]);
  });

  test('runs Redis so that Perdure opens it, and keeps what it acknowledged', async () => {
    const command = (await load()).services['redis']?.command?.join(' ');

    expect(command).toContain('--maxmemory-policy noeviction');
    expect(command).toContain('--appendonly yes --appendfsync always');
  });

  test('starts one container, or Prometheus and Grafana, only when asked to', async () => {
    const inProfiles = (await services()).filter(([, { profiles }]) => profiles !== undefined);

    expect(Object.fromEntries(inProfiles.map(([name, { profiles }]) => [name, profiles]))).toEqual({
      single: ['single'],
      prometheus: ['observability'],
      grafana: ['observability'],
    });
  });
});
