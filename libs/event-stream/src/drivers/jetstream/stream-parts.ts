import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';

import { BodyParts } from './body-parts.ts';
import { DeadLetters } from './dead-letters.ts';
import { Declaration } from './declaration.ts';
import type { StreamSettings } from './declare-streams.ts';
import type { NatsLink } from './nats-link.ts';
import { Publisher } from './publisher.ts';
import type { StreamNames } from './stream-names.ts';
import type { TellStatus } from './stream-status.ts';

const API_MS_MAX = 5_000;

/** What one open stream is made of. */
export interface StreamParts {
  link: NatsLink;
  names: StreamNames;
  settings: StreamSettings;
  manager: JetStreamManager;
  declaration: Declaration;
  publisher: Publisher;
  bodies: BodyParts;
  letters: DeadLetters;
  tell: TellStatus;
}

export async function assembleStream(
  given: Pick<StreamParts, 'link' | 'names' | 'settings' | 'tell'>,
): Promise<StreamParts> {
  const manager = await jetstreamManager(given.link.connection, { timeout: API_MS_MAX, checkAPI: false });
  const declaration = new Declaration({ ...given, manager });
  const publisher = new Publisher(given.link, () => declaration.repair());
  const bodies = new BodyParts({ ...given, manager, publisher });
  const letters = new DeadLetters({ ...given, manager, publisher, bodies });
  return { ...given, manager, declaration, publisher, bodies, letters };
}
