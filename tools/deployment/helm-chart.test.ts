import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { describeWithHelm } from './harness/describe-with.ts';
import { containersOf, get, type Manifest, ofKind, parseManifests, workloads } from './harness/manifests.ts';
import { runCommand } from './harness/run-command.ts';
import { schemaProblems } from './harness/schema-problems.ts';
import { repositoryRoot } from '../bootstrap/paths.mjs';

const CHART = join(repositoryRoot, 'helm/perdure');
const ROLES = ['event-api', 'runner', 'executor', 'api'];
/** Of a cluster of today; Helm renders without one. */
const KUBE_VERSION = '1.34.0';
const SECRET_OF_THE_OPERATOR = 'ours';
const SIGNING_KEY = 'ab'.repeat(32);

const external = {
  postgresql: { enabled: false },
  redis: { enabled: false },
  nats: { enabled: false },
  inngest: {
    postgres: { uri: 'postgres://u:s3cret-pg@db.example.com:5432/perdure' },
    redis: { uri: 'rediss+sentinel://:s3cret-redis@a:26379,b:26379/main' },
    nats: { uri: 'tls://u:s3cret-nats@nats.example.com' },
  },
};

/** What people do with the chart. Each must lint, render and be what Kubernetes accepts. */
const VALUE_SETS: Record<string, object> = {
  defaults: {},
  'external services': external,
  'a Secret of the operator': {
    postgresql: { enabled: false },
    redis: { enabled: false },
    nats: { enabled: false },
    inngest: {
      existingSecret: SECRET_OF_THE_OPERATOR,
      postgres: { existingSecretKey: 'pg' },
      redis: { existingSecretKey: 'redis' },
      nats: { existingSecretKey: 'nats' },
    },
  },
  'KEDA by itself': { keda: { enabled: true } },
  'KEDA with Prometheus': { keda: { enabled: true, prometheus: { serverAddress: 'http://prometheus:9090' } } },
  'one process': parse(readFileSync(join(CHART, 'values-single.yaml'), 'utf8')),
  'one process without a volume': {
    ...parse(readFileSync(join(CHART, 'values-single.yaml'), 'utf8')),
    persistence: { enabled: false },
  },
  'everything for the outside': {
    ingress: {
      enabled: true,
      hosts: [{ host: 'perdure.example.com' }],
      tls: [{ secretName: 'perdure-tls', hosts: ['perdure.example.com'] }],
    },
    networkPolicy: { enabled: true, ingressFrom: [{ namespaceSelector: { matchLabels: { apps: 'yes' } } }] },
    serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
  },
  'a larger cluster': {
    replicaCount: 2,
    nats: { replicas: 3 },
    perdure: { cells: 16, drainSeconds: 90 },
    roles: {
      api: { autoscaling: { enabled: true } },
      eventApi: { autoscaling: { enabled: true } },
      executor: { replicas: 4 },
    },
    topologySpreadConstraints: [],
  },
  // http-api.md 5.5, as they are written for the chart of the reference.
  'the values that people have': {
    replicaCount: 2,
    image: { repository: 'registry.example.com/perdure', tag: '0.1.0', pullPolicy: 'IfNotPresent' },
    namespace: { create: true, name: 'inngest' },
    serviceAccount: { create: true, annotations: { a: 'b' }, name: '' },
    podAnnotations: { a: 'b' },
    podSecurityContext: { fsGroup: 1000, runAsNonRoot: true, runAsUser: 1000 },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: 1000,
    },
    nodeSelector: { 'kubernetes.io/arch': 'arm64' },
    tolerations: [{ key: 'a', operator: 'Exists' }],
    affinity: {},
    resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '250m', memory: '256Mi' } },
    service: { type: 'ClusterIP', port: 8288, connPort: 8289 },
    ingress: {
      enabled: true,
      className: 'nginx',
      annotations: { 'cert-manager.io/cluster-issuer': 'letsencrypt-prod' },
      hosts: [{ host: 'inngest.example.com', paths: [{ path: '/', pathType: 'Prefix' }] }],
      tls: [],
    },
    livenessProbe: { initialDelaySeconds: 60 },
    readinessProbe: { initialDelaySeconds: 5 },
    inngest: {
      eventKey: 'an-event-key',
      signingKey: SIGNING_KEY,
      config: '',
      host: '',
      port: 8288,
      sdkUrl: ['http://app:3000/api/inngest', 'http://other:3000/api/inngest'],
      connectGatewayPort: 8289,
      noUI: false,
      pollInterval: 60,
      queueWorkers: 100,
      retryInterval: 1,
      tick: 150,
      json: true,
      logLevel: 'info',
      verbose: false,
      postgres: { uri: '' },
      redis: { uri: '' },
      sqlite: { dir: '' },
    },
    postgresql: {
      enabled: true,
      image: { tag: '17' },
      auth: { database: 'inngest', username: 'inngest', password: 'pg p@ss' },
      persistence: { enabled: true, size: '8Gi' },
    },
    redis: { enabled: true, image: { tag: '7-alpine' }, persistence: { enabled: true, size: '8Gi' } },
    keda: { enabled: false, minReplicas: 1, maxReplicas: 10, pollingInterval: 30, cooldownPeriod: 300 },
    networkPolicy: { enabled: false },
  },
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-helm-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describeWithHelm('the Helm chart', (helm) => {
  const goTools = inject('goTools');

  async function runHelm(command: string[], values: object) {
    const file = join(mkdtempSync(join(folder, 'values-')), 'values.yaml');
    writeFileSync(file, JSON.stringify(values));
    return runCommand([helm, ...command, '--kube-version', KUBE_VERSION, '--namespace', 'inngest', '--values', file]);
  }

  async function renderText(values: object): Promise<string> {
    const { code, output } = await runHelm(['template', 'p', CHART], values);
    expect(code, output).toBe(0);
    return output;
  }

  async function render(values: object): Promise<Manifest[]> {
    return parseManifests(await renderText(values));
  }

  /** Why Helm refuses to render. */
  async function refusal(values: object): Promise<string> {
    const { code, output } = await runHelm(['template', 'p', CHART], values);
    expect(code).not.toBe(0);
    return output;
  }

  describe.each(Object.entries(VALUE_SETS))('with %s', (_, values) => {
    test('lints', async () => {
      const { code, output } = await runHelm(['lint', '--strict', CHART], values);

      expect(code, output).toBe(0);
    });

    test('renders what the schemas of Kubernetes accept', async () => {
      const manifests = await render(values);

      const problems = await Promise.all(manifests.map(schemaProblems));

      expect(problems.flat()).toEqual([]);
    });

    test.skipIf(goTools.kind !== 'built')('renders no field that Kubernetes does not know', async () => {
      const decode = goTools.kind === 'built' ? `${goTools.folder}/decode-manifests` : '';
      const input = await renderText(values);

      const { code, output } = await runCommand([decode], { input });

      expect(code, output).toBe(0);
    });

    test('names every object once', async () => {
      const names = (await render(values)).map(({ kind, metadata }) => `${kind} ${metadata.name}`);

      expect(names).toEqual([...new Set(names)]);
    });

    test('selects what it labels', async () => {
      const manifests = await render(values);
      const pods = workloads(manifests).map(({ spec }) => spec.template.metadata.labels);
      const selectors = [
        ...ofKind(manifests, 'Service').map(({ spec }) => spec.selector),
        ...ofKind(manifests, 'Deployment', 'StatefulSet', 'PodDisruptionBudget').map(
          ({ spec }) => spec.selector.matchLabels,
        ),
      ];

      for (const selector of selectors) {
        const selected = pods.filter((labels) => Object.keys(selector).every((key) => labels[key] === selector[key]));
        expect(selected, JSON.stringify(selector)).toHaveLength(1);
      }
    });

    test('refers to Secrets, keys and accounts that there are', async () => {
      const manifests = await render(values);
      const keys = ofKind(manifests, 'Secret').flatMap(({ metadata, stringData = {} }) =>
        Object.keys(stringData).map((key) => `${metadata.name}/${key}`),
      );
      const used = workloads(manifests)
        .flatMap(containersOf)
        .flatMap(({ env = [] }) => env)
        .flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? [])
        .filter(({ name }) => name !== SECRET_OF_THE_OPERATOR)
        .map(({ name, key }) => `${name}/${key}`);
      const accounts = workloads(manifests).flatMap(({ spec }) => spec.template.spec.serviceAccountName ?? []);

      expect(used.filter((key) => !keys.includes(key))).toEqual([]);
      const known = ofKind(manifests, 'ServiceAccount').map(({ metadata }) => metadata.name);
      expect(accounts.filter((name) => !known.includes(name))).toEqual([]);
    });

    test('runs every container as nobody in particular, with limits, and with a tag of its own', async () => {
      for (const workload of workloads(await render(values))) {
        expect(workload.spec.template.spec.securityContext).toMatchObject({ runAsNonRoot: true });
        expect(workload.spec.template.spec.securityContext.runAsUser).toBeGreaterThan(0);
        for (const container of containersOf(workload)) {
          expect(container.image).toMatch(/:(?!latest$)[\w.-]+$/);
          expect(container.resources.limits).toHaveProperty('memory');
          expect(container.securityContext).toMatchObject({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
          expect(container.volumeMounts.map(({ mountPath }) => mountPath)).toContain('/tmp');
        }
      }
    });

    test('shows no password outside of Secrets', async () => {
      const manifests = await render(values);
      const secrets = ofKind(manifests, 'Secret')
        .flatMap(({ stringData = {} }) => Object.entries(stringData))
        .filter(([key]) => key !== 'nats.conf')
        .map(([, value]) => value);
      const others = JSON.stringify(manifests.filter(({ kind }) => kind !== 'Secret'));

      for (const secret of secrets) expect(others).not.toContain(secret);
      expect(others).not.toMatch(/s3cret/);
    });
  });

  test('each role has a deployment of its own, with probes and a budget', async () => {
    const manifests = await render({});

    for (const role of ROLES) {
      const [perdure] = get(manifests, 'Deployment', `p-perdure-${role}`).spec.template.spec.containers;
      expect(perdure).toMatchObject({
        args: ['perdure', 'serve', role],
        startupProbe: { httpGet: { path: '/health', port: 'http' } },
        livenessProbe: { httpGet: { path: '/health', port: 'http' }, initialDelaySeconds: 60 },
        readinessProbe: { httpGet: { path: '/ready', port: 'http' }, initialDelaySeconds: 5 },
      });
      expect(get(manifests, 'PodDisruptionBudget', `p-perdure-${role}`).spec.maxUnavailable).toBe(1);
    }
  });

  test('the README tells what every value means', () => {
    const readme = readFileSync(join(CHART, 'README.md'), 'utf8');
    const values: Record<string, object> = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8'));

    expect(Object.keys(values).filter((name) => !new RegExp(`\`${name}\\b`).test(readme))).toEqual([]);
    const ours = Object.keys({ ...values['inngest'], ...values['perdure'], ...values['migrations'] });
    expect(ours.filter((name) => !readme.includes(`.${name}`))).toEqual([]);
  });

  test('a role has the replicas and resources that are its own, else those of all', async () => {
    const resources = { limits: { memory: '4Gi' } };
    const manifests = await render({ replicaCount: 3, roles: { runner: { replicas: 0 }, executor: { resources } } });

    const deployment = (role: string) => get(manifests, 'Deployment', `p-perdure-${role}`).spec;
    expect([deployment('runner').replicas, deployment('api').replicas]).toEqual([0, 3]);
    expect(deployment('executor').template.spec.containers[0]?.resources.limits).toEqual({ memory: '4Gi' });
    expect(deployment('api').template.spec.containers[0]?.resources.limits).toEqual({ memory: '1Gi' });
  });

  test('a pod is given longer to stop than calls are given to finish', async () => {
    const manifests = await render({ perdure: { drainSeconds: 90 } });

    for (const role of ROLES) {
      const { terminationGracePeriodSeconds } = get(manifests, 'Deployment', `p-perdure-${role}`).spec.template.spec;
      expect(terminationGracePeriodSeconds).toBeGreaterThan(90 + 5);
    }
    expect(get(manifests, 'ConfigMap', 'p-perdure').data).toMatchObject({ PERDURE_DRAIN_SECONDS: '90' });
  });

  test('with an external Postgres, a Job with a Secret of its own migrates before anything is installed', async () => {
    const manifests = await render(external);

    const job = get(manifests, 'Job', 'p-perdure-migrate');
    const secret = get(manifests, 'Secret', 'p-perdure-migrate');
    for (const { metadata } of [job, secret]) {
      expect(metadata.annotations).toMatchObject({ 'helm.sh/hook': 'pre-install,pre-upgrade' });
    }
    const weight = ({ metadata }: Manifest) => Number(metadata.annotations?.['helm.sh/hook-weight']);
    expect(weight(secret)).toBeLessThan(weight(job));
    expect(containersOf(job)[0]?.env?.[0]?.valueFrom?.secretKeyRef?.name).toBe('p-perdure-migrate');
    expect(job.spec.template.spec.serviceAccountName).toBeUndefined();
    expect(get(manifests, 'Deployment', 'p-perdure-api').spec.template.spec.initContainers).toBeUndefined();
  });

  test('with the bundled Postgres no hook waits for it: pods migrate before they start', async () => {
    const manifests = await render({});

    expect(manifests.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] !== undefined)).toEqual([]);
    for (const role of ROLES) {
      const { initContainers } = get(manifests, 'Deployment', `p-perdure-${role}`).spec.template.spec;
      expect(initContainers).toMatchObject([{ args: ['perdure', 'migrate'] }]);
    }
  });

  test('Secrets with something made up or given to a database outlive the release', async () => {
    const manifests = await render({});

    for (const name of ['p-perdure', 'p-postgresql', 'p-redis', 'p-nats']) {
      expect(get(manifests, 'Secret', name).metadata.annotations).toMatchObject({ 'helm.sh/resource-policy': 'keep' });
    }
  });

  test('keys that are not given are made up, and fit', async () => {
    const [first, second] = await Promise.all([render({}), render({})]);

    const keys = [first, second].map((manifests) => get(manifests, 'Secret', 'p-perdure').stringData);
    expect(keys[0]?.['INNGEST_SIGNING_KEY']).toMatch(/^signkey-prod-[0-9a-f]{64}$/);
    expect(keys[0]?.['INNGEST_EVENT_KEY']).toMatch(/^\w{48}$/);
    expect(keys[0]).not.toEqual(keys[1]);
  });

  test('a Secret of the operator is used, and none is made', async () => {
    const manifests = await render(VALUE_SETS['a Secret of the operator'] ?? {});

    expect(ofKind(manifests, 'Secret')).toEqual([]);
    const env = containersOf(get(manifests, 'Deployment', 'p-perdure-api'))[0]?.env ?? [];
    expect(env.map(({ name, valueFrom }) => [name, valueFrom?.secretKeyRef])).toEqual([
      ['INNGEST_EVENT_KEY', { name: 'ours', key: 'INNGEST_EVENT_KEY' }],
      ['INNGEST_SIGNING_KEY', { name: 'ours', key: 'INNGEST_SIGNING_KEY' }],
      ['PERDURE_POSTGRES_URI', { name: 'ours', key: 'pg' }],
      ['PERDURE_REDIS_URI', { name: 'ours', key: 'redis' }],
      ['PERDURE_NATS_URI', { name: 'ours', key: 'nats' }],
    ]);
  });

  test('external services win over bundled ones', async () => {
    const manifests = await render({ inngest: { redis: { uri: 'redis://elsewhere' } } });

    const env = containersOf(get(manifests, 'Deployment', 'p-perdure-api')).at(-1)?.env ?? [];
    expect(env.find(({ name }) => name === 'PERDURE_REDIS_URI')?.valueFrom?.secretKeyRef?.name).toBe(
      'p-perdure-services',
    );
    expect(get(manifests, 'Secret', 'p-perdure-services').stringData).toEqual({ 'redis-uri': 'redis://elsewhere' });
  });

  test('[H84] the values of the reference become variables of the same names', async () => {
    const manifests = await render(VALUE_SETS['the values that people have'] ?? {});

    expect(get(manifests, 'ConfigMap', 'p-perdure').data).toMatchObject({
      INNGEST_PORT: '8288',
      INNGEST_SDK_URL: 'http://app:3000/api/inngest,http://other:3000/api/inngest',
      INNGEST_POLL_INTERVAL: '60',
      INNGEST_QUEUE_WORKERS: '100',
      INNGEST_RETRY_INTERVAL: '1',
      INNGEST_TICK: '150',
      INNGEST_CONNECT_GATEWAY_PORT: '8289',
      INNGEST_JSON: 'true',
      INNGEST_LOG_LEVEL: 'info',
    });
    expect(get(manifests, 'Secret', 'p-perdure').stringData).toEqual({
      INNGEST_EVENT_KEY: 'an-event-key',
      INNGEST_SIGNING_KEY: SIGNING_KEY,
    });
    expect(get(manifests, 'Secret', 'p-postgresql').stringData).toEqual({
      'postgres-password': 'pg p@ss',
      'postgres-uri': 'postgres://inngest:pg%20p%40ss@p-postgresql:5432/inngest',
    });
    expect(get(manifests, 'Deployment', 'p-perdure-executor').spec.replicas).toBe(2);
  });

  test('events and invocations go to event-api, everything else to api', async () => {
    const manifests = await render(VALUE_SETS['everything for the outside'] ?? {});

    const [rule] = get(manifests, 'Ingress', 'p-perdure').spec.rules;
    const backends = rule?.http.paths.map(({ path, backend }) => [path, backend.service.name]);
    expect(backends).toEqual([
      ['/e', 'p-perdure-event-api'],
      ['/invoke', 'p-perdure-event-api'],
      ['/', 'p-perdure-api'],
    ]);
  });

  test('the bundled services are reached by Perdure alone', async () => {
    const manifests = await render({ networkPolicy: { enabled: true } });

    const ours = { 'app.kubernetes.io/name': 'perdure', 'app.kubernetes.io/instance': 'p' };
    for (const service of ['postgresql', 'redis', 'nats']) {
      const policy = get(manifests, 'NetworkPolicy', `p-perdure-${service}`).spec;
      const pods = get(manifests, 'StatefulSet', `p-${service}`).spec.template.metadata.labels;
      expect(pods).toMatchObject(policy.podSelector.matchLabels);
      expect(policy.ingress[0]?.from).toEqual([{ podSelector: { matchLabels: ours } }]);
    }
  });

  test('KEDA scales executors by the jobs that wait, and nothing else does', async () => {
    const values = { keda: { enabled: true }, roles: { executor: { autoscaling: { enabled: true } } } };
    const manifests = await render(values);

    const { scaleTargetRef, triggers } = get(manifests, 'ScaledObject', 'p-perdure-executor').spec;
    expect(scaleTargetRef.name).toBe('p-perdure-executor');
    expect(triggers).toMatchObject([{ type: 'metrics-api', metadata: { valueLocation: 'inngest_queue_depth' } }]);
    expect(ofKind(manifests, 'HorizontalPodAutoscaler')).toEqual([]);
    expect(get(manifests, 'Deployment', 'p-perdure-executor').spec.replicas).toBeUndefined();
  });

  test('Redis never evicts and keeps a log, and NATS is told to write before it acknowledges', async () => {
    const manifests = await render({});

    const redis = containersOf(get(manifests, 'StatefulSet', 'p-redis'))[0]?.args?.join(' ');
    expect(redis).toContain('--appendonly yes');
    expect(redis).toContain('--maxmemory-policy noeviction');
    expect(get(manifests, 'Secret', 'p-nats').stringData?.['nats.conf']).toContain('sync_interval: always');
  });

  test('one process has every role, a volume, and the one address', async () => {
    const manifests = await render(VALUE_SETS['one process'] ?? {});

    const single = get(manifests, 'StatefulSet', 'p-perdure');
    expect(containersOf(single)[0]?.args).toEqual(['perdure', 'start']);
    expect(single.spec.volumeClaimTemplates[0]?.metadata.name).toBe('data');
    expect(get(manifests, 'Service', 'p-perdure').spec.selector['app.kubernetes.io/component']).toBe('single');
    expect(workloads(manifests)).toHaveLength(1);
  });

  test.each([
    ['a role without its service', { redis: { enabled: false } }, 'the roles need redis'],
    ['a namespace other than the release has', { namespace: { name: 'other' } }, '--namespace other'],
    ['a value that there is not', { replicas: 3 }, "additional properties 'replicas' not allowed"],
    ['a signing key that is not hex', { inngest: { signingKey: 'secret!' } }, '/inngest/signingKey'],
    ['an address of another protocol', { inngest: { redis: { uri: 'http://x' } } }, '/inngest/redis/uri'],
    [
      'a key of no Secret',
      { inngest: { nats: { existingSecretKey: 'k' } } },
      'inngest.existingSecret, which is not set',
    ],
  ])('refuses %s, and says why', async (_, values, reason) => {
    expect(await refusal(values)).toContain(reason);
  });
});
