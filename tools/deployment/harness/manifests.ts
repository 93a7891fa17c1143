import { parseAllDocuments } from 'yaml';

/** A Kubernetes object, as far as the checks look into it. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  /** What the kinds have that are looked into; another kind has none of it. Schemas check the rest. */
  spec: {
    replicas?: number;
    selector: Labels & { matchLabels: Labels };
    template: { metadata: { labels: Labels }; spec: PodSpec };
    volumeClaimTemplates: { metadata: { name: string } }[];
    maxUnavailable: number;
    rules: { http: { paths: { path: string; backend: { service: { name: string } } }[] } }[];
    podSelector: { matchLabels: Labels };
    ingress: { from: unknown[] }[];
    scaleTargetRef: { name: string };
    triggers: unknown[];
  };
  data?: Record<string, string>;
  stringData?: Record<string, string>;
}

type Labels = Record<string, string>;

export interface PodSpec {
  serviceAccountName?: string;
  terminationGracePeriodSeconds: number;
  securityContext: { runAsUser: number };
  initContainers?: Container[];
  containers: Container[];
}

export interface Container {
  name: string;
  image: string;
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef?: { name: string; key: string } } }[];
  resources: { limits?: object };
  securityContext: object;
  volumeMounts: { name: string; mountPath: string }[];
}

/** What Helm printed, in its order. Templates that rendered to nothing are documents without content. */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text, { merge: true })
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

export function ofKind(manifests: readonly Manifest[], ...kinds: string[]): Manifest[] {
  return manifests.filter(({ kind }) => kinds.includes(kind));
}

/** What starts pods. */
export function workloads(manifests: readonly Manifest[]): Manifest[] {
  return ofKind(manifests, 'Deployment', 'StatefulSet', 'Job');
}

/** Those that run before others come first. */
export function containersOf({ spec }: Manifest): Container[] {
  return [...(spec.template.spec.initContainers ?? []), ...spec.template.spec.containers];
}

export function get(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name} among ${manifests.map((m) => m.kind).join(', ')}`);
  return found;
}
