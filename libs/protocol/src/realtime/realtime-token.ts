import { type AccountId, type EnvId, type EpochMs, type JsonObject, type JsonValue } from '@perdure/domain';
import { asJsonObject, parseJson } from '../json/parse-json.ts';
import { readToken, signToken } from '../signature/token.ts';

/** What can be listened to: a topic of a channel of an environment. */
export interface LiveTopic {
  kind: string;
  envId: EnvId;
  channel: string;
  name: string;
}

/** What a realtime token allows. */
export interface LiveAccess {
  topics: LiveTopic[];
  /** To publish to these topics, too. */
  mayPublish: boolean;
}

/** How long there is to connect with a token; a connection that was made may stay longer. */
export const LISTEN_TOKEN_S = 60;
/** Of one token or subscription. */
export const LIVE_TOPICS_MAX = 1_000;

const ISSUER = 'rt.inngest.com';
const KIND_DEFAULT = 'run';

/** The body of `POST /v1/realtime/token` (sdk-protocol.md 9.6.1); undefined when it is no list of topics. */
export function parseLiveTopics(body: string, envId: EnvId): LiveTopic[] | undefined {
  const parsed = parseJson(body);
  return parsed.ok ? readTopics(parsed.value, () => envId) : undefined;
}

/** A JWT with which its bearer may listen to the topics, and publish to them if it says so. */
export function signLiveToken(
  { topics, mayPublish }: LiveAccess,
  {
    signingKey,
    now,
    lifetimeS,
    ...identity
  }: {
    signingKey: string | undefined;
    accountId: AccountId;
    envId: EnvId;
    id: string;
    now: EpochMs;
    lifetimeS: number;
  },
): string {
  const issuedAtS = Math.floor(now / 1_000);
  const claims: JsonObject = {
    iss: ISSUER,
    sub: identity.accountId,
    iat: issuedAtS,
    exp: issuedAtS + lifetimeS,
    jti: identity.id,
    env: identity.envId,
    topics: topics.map(({ kind, envId, channel, name }) => ({ kind, env_id: envId, channel, name })),
    publish: mayPublish,
  };
  return signToken(claims, signingKey);
}

/** What a token allows that one of the keys signed, for realtime, and that has not expired; undefined for any other text. */
export function readLiveToken(
  token: string,
  { signingKeys, now }: { signingKeys: readonly string[]; now: EpochMs },
): LiveAccess | undefined {
  const claims = readToken(token, { signingKeys, nowSeconds: now / 1_000 });
  if (claims?.['iss'] !== ISSUER) return undefined;
  const topics = readTopics(claims['topics'], (topic) => topic['env_id']);
  return topics && { topics, mayPublish: claims['publish'] === true };
}

function readTopics(
  value: JsonValue | undefined,
  envOf: (topic: JsonObject) => JsonValue | undefined,
): LiveTopic[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > LIVE_TOPICS_MAX) return undefined;
  const topics = value.flatMap((item) => {
    const fields = asJsonObject(item) ?? {};
    const { kind = KIND_DEFAULT, channel, name } = fields;
    const envId = envOf(fields);
    const isTopic = [kind, channel, name, envId].every((text) => typeof text === 'string' && text !== '');
    return isTopic ? [{ kind, channel, name, envId } as LiveTopic] : [];
  });
  return topics.length === value.length ? topics : undefined;
}
