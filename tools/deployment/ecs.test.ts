import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { repositoryRoot } from '../bootstrap/paths.mjs';
import { describeWithCfnLint } from './harness/describe-with.ts';
import { runCommand } from './harness/run-command.ts';

const TEMPLATE = join(repositoryRoot, 'deploy/ecs/perdure.yaml');

describeWithCfnLint('the stack for AWS', ({ command, env }) => {
  test('is a template that CloudFormation takes', async () => {
    const { code, output } = await runCommand([...command, '--include-checks', 'W', '--', TEMPLATE], { env });

    expect(code, output).toBe(0);
  });
});

interface Template {
  Mappings: { Roles: Record<string, { Name: string; Min: number }> };
  Resources: {
    RedisParameters: { Properties: { Properties: Record<string, string> } };
    Redis: { Properties: { NumCacheClusters: number; AutomaticFailoverEnabled: boolean } };
    Events: { Properties: { Conditions: [{ PathPatternConfig: { Values: string[] } }] } };
    'Fn::ForEach::NatsServers': [string, string[], object];
    'Fn::ForEach::RoleTasks': [string, string[], Record<string, TaskDefinition>];
  };
}

interface TaskDefinition {
  Properties: {
    ContainerDefinitions: {
      Name: string;
      StopTimeout: number;
      ReadonlyRootFilesystem: boolean;
      Environment: { Name: string; Value: string }[];
      Secrets: { Name: string }[];
    }[];
  };
}

describe('the stack for AWS keeps what is acknowledged when a machine is lost', () => {
  // Tags such as !Ref are taken for what they stand before.
  const template = parse(readFileSync(TEMPLATE, 'utf8'), { logLevel: 'silent' }) as Template;
  const tasks = template.Resources['Fn::ForEach::RoleTasks'];
  const containers = tasks[2]['Task${Role}']?.Properties.ContainerDefinitions ?? [];
  const perdure = containers.find(({ Name }) => Name === 'perdure');
  const variables = Object.fromEntries(perdure?.Environment.map(({ Name, Value }) => [Name, Value]) ?? []);

  test('Redis evicts nothing and has a replica to wait for', () => {
    const { Redis, RedisParameters } = template.Resources;

    expect(RedisParameters.Properties.Properties).toEqual({ 'maxmemory-policy': 'noeviction' });
    expect(Redis.Properties.AutomaticFailoverEnabled).toBe(true);
    expect(Redis.Properties.NumCacheClusters).toBeGreaterThan(Number(variables['PERDURE_REDIS_WAIT_REPLICAS']));
    expect(Number(variables['PERDURE_REDIS_WAIT_REPLICAS'])).toBeGreaterThan(0);
  });

  test('NATS has three servers and as many copies, and writes before it acknowledges', () => {
    const [, servers, resources] = template.Resources['Fn::ForEach::NatsServers'];

    expect(servers).toHaveLength(3);
    expect(variables['PERDURE_NATS_REPLICAS']).toBe('3');
    expect(JSON.stringify(resources)).toContain('sync_interval: always');
  });

  test('each role runs at least twice', () => {
    const roles = Object.values(template.Mappings.Roles);

    expect(tasks[1]).toEqual(Object.keys(template.Mappings.Roles));
    expect(roles.map(({ Name }) => Name)).toEqual(['event-api', 'runner', 'executor', 'api']);
    expect(roles.filter(({ Min }) => Min < 2)).toEqual([]);
  });

  test('a task is given longer to stop than calls are given to finish', () => {
    expect(perdure?.StopTimeout).toBeGreaterThan(Number(variables['PERDURE_DRAIN_SECONDS']));
    expect(perdure?.ReadonlyRootFilesystem).toBe(true);
  });

  test('keys and addresses with passwords come from Secrets Manager', () => {
    const secret = [
      'INNGEST_EVENT_KEY',
      'INNGEST_SIGNING_KEY',
      'PERDURE_POSTGRES_URI',
      'PERDURE_REDIS_URI',
      'PERDURE_NATS_URI',
    ];

    expect(perdure?.Secrets.map(({ Name }) => Name)).toEqual(secret);
    expect(Object.keys(variables).filter((name) => secret.includes(name))).toEqual([]);
  });

  test('events and invocations go to event-api', () => {
    const [{ PathPatternConfig }] = template.Resources.Events.Properties.Conditions;

    expect(PathPatternConfig.Values).toEqual(['/e/*', '/invoke/*']);
  });
});
