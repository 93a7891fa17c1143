import type { Manifest } from './manifests.ts';

interface Model {
  new (manifest: Manifest): { validate(): void };
}

/** Packages that carry the JSON schemas of kinds, by the group of their API. */
const PACKAGES: Record<string, string> = {
  'keda.sh': '@kubernetes-models/keda',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

/** What the published schema of its kind says against a manifest: a required field that is missing, a wrong type or value. */
export async function schemaProblems(manifest: Manifest): Promise<string[]> {
  const { apiVersion, kind, metadata } = manifest;
  const [group = ''] = apiVersion.split('/');
  const models = (await import(`${PACKAGES[group] ?? 'kubernetes-models'}/${apiVersion}`)) as Record<string, Model>;
  const Kind = models[kind];
  if (Kind === undefined) return [`${apiVersion} has no kind ${kind}`];
  try {
    new Kind(manifest).validate();
    return [];
  } catch (error) {
    return [`${kind} ${metadata.name}: ${error instanceof Error ? error.message : String(error)}`];
  }
}
