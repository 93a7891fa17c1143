import { DEFAULT_ENV_ID } from '@perdure/domain';
import { appUrlKey } from '@perdure/protocol';
import type { Ports } from '../ports.ts';

/** Forgets the app that is served at `url`: its functions match no event any more. False when there is none. */
export async function removeApp(ports: Ports, url: string): Promise<boolean> {
  const apps = await ports.registry.listApps(DEFAULT_ENV_ID);
  const app = apps.find((known) => appUrlKey(known.url) === appUrlKey(url));
  if (app === undefined || !(await ports.registry.removeApp(DEFAULT_ENV_ID, app.url))) return false;
  await ports.catalog.reload();
  ports.bus.publish('functions-changed', {});
  ports.log.info('an app was removed', { app: app.name, url: app.url });
  return true;
}
