/** POST /api/v2/oauth/token: an OAuth client gets a token of an hour with what it has, or less (RFC 6749 §4.4). */
import type { Hono } from 'hono';
import { z } from 'zod';
import { callerOfKey } from '../admin/caller.ts';
import { grantableScopes } from '../admin/minting.ts';
import { isScope } from '../admin/scopes.ts';
import { proveApiKey } from '../auth/api-keys.ts';
import { mintSecret } from '../auth/secrets.ts';
import { addApiKey, touchApiKey } from '../state/api-keys.ts';
import type { ApiKeyRecord } from '../store/records.ts';
import type { ApiContext, ApiDeps, ApiEnv } from './app.ts';

/** Not to be chosen, as in the public API. */
const TOKEN_MS = 3_600_000;
const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' } as const;

/** RFC 6749 §5.2. */
class OauthError extends Error {
  readonly error: string;
  readonly status: 400 | 401 | 429;
  constructor(status: 400 | 401 | 429, error: string, description: string) {
    super(description);
    this.error = error;
    this.status = status;
  }
}

const form = z.object({
  grant_type: z.literal(['', 'client_credentials']).optional(),
  client_secret: z.string().max(256).optional(),
  scope: z.string().max(4_096).optional(),
  tags: z.string().max(4_096).optional(),
});

export function mountOauth(app: Hono<ApiEnv>, deps: ApiDeps): void {
  app.post('/api/v2/oauth/token', async (c) => {
    try {
      return await token(c, deps);
    } catch (error) {
      if (!(error instanceof OauthError)) throw error;
      deps.meter.count('api_requests', { surface: 'oauth', status: String(error.status) });
      if (error.status === 429) deps.meter.count('rate_limited', { surface: 'oauth' });
      const body = { error: error.error, error_description: error.message };
      return c.json(body, error.status, {
        ...NO_STORE,
        ...(error.status === 401 ? { 'www-authenticate': 'Basic realm="rhumb-control"' } : {}),
      });
    }
  });
}

async function token(c: ApiContext, deps: ApiDeps): Promise<Response> {
  const fields = Object.fromEntries(new URLSearchParams(Buffer.from(c.env.body).toString('utf8')));
  if ((fields['grant_type'] ?? '') !== '' && fields['grant_type'] !== 'client_credentials')
    throw new OauthError(400, 'unsupported_grant_type', 'only client_credentials is supported');
  const read = form.safeParse(fields);
  if (!read.success) throw new OauthError(400, 'invalid_request', 'the form can not be read');
  const client = prove(c, deps, read.data.client_secret);
  const by = callerOfKey(deps.admin.network, client, c.env.remoteAddress);
  const scopes = narrowed(client.scopes, words(read.data.scope), (wanted) => grantableScopes(by, wanted));
  const tags = words(read.data.tags);
  const foreign = tags.find(
    (tag) => !/^tag:[A-Za-z][A-Za-z0-9-]*$/.test(tag) || by.tags?.includes(tag) === false,
  );
  if (foreign !== undefined)
    throw new OauthError(400, 'invalid_target', `${foreign} is not the client's to give`);
  const minted = mintSecret('oauthtok');
  const { network, clock } = deps.admin;
  const createdAt = clock.now();
  await addApiKey(
    network,
    {
      ...{
        kind: 'token',
        prefix: minted.prefix,
        hash: minted.hash,
        createdAt,
        expiresAt: createdAt + TOKEN_MS,
      },
      ...{ clientId: client.id, scopes, tags: tags.length === 0 ? client.tags : tags },
      description: client.description,
    },
    by,
  );
  touchApiKey(network, client, createdAt).catch((error: unknown) => {
    deps.admin.log('error', 'api.use-not-written', { error });
  });
  deps.meter.count('api_requests', { surface: 'oauth', status: '200' });
  const answer = { access_token: minted.text, token_type: 'Bearer', expires_in: TOKEN_MS / 1_000 };
  return c.json({ ...answer, scope: scopes.join(' ') }, 200, NO_STORE);
}

/** In the form, or as the password of Basic; the secret says which client it is. */
function prove(c: ApiContext, deps: ApiDeps, inForm: string | undefined): ApiKeyRecord {
  if (!deps.credentials.allows(c.env.remoteAddress))
    throw new OauthError(429, 'slow_down', 'too many wrong secrets: wait a moment');
  const secret = inForm || passwordOf(c.req.header('authorization'));
  const client = proveApiKey(deps.admin.network, secret ?? '', deps.admin.clock.now());
  if (client?.kind === 'client') return client;
  deps.credentials.failed(c.env.remoteAddress);
  deps.meter.count('auth_failures', { surface: 'oauth', reason: 'unknown' });
  throw new OauthError(401, 'invalid_client', 'the client or its secret is wrong');
}

/** RFC 6749 §2.3.1: both parts are form-encoded; our secrets are the same either way. */
function passwordOf(header: string | undefined): string | undefined {
  const [, value] = /^Basic +(\S+) *$/i.exec(header ?? '') ?? [];
  if (value === undefined) return undefined;
  const [name, password] = Buffer.from(value, 'base64').toString('utf8').split(':', 2);
  return password || name;
}

const words = (text: string | undefined): readonly string[] => (text ?? '').split(/\s+/).filter(Boolean);

function narrowed(
  has: readonly string[],
  wanted: readonly string[],
  grantable: (wanted: readonly string[]) => readonly string[],
): readonly string[] {
  if (wanted.length === 0) return has;
  try {
    return grantable(wanted);
  } catch {
    const refused = wanted.find((one) => !isScope(one)) ?? wanted.join(' ');
    throw new OauthError(400, 'invalid_scope', `the client may not ask for ${refused}`);
  }
}
