/** Every address against every scope: who may, may, and nobody else. */
import { describe, expect, test } from 'vitest';
import { grants, isScope, SCOPES, type Scope } from '../admin/scopes.ts';
import { type ApiLab, apiLab } from '../testing/api-lab.ts';
import type { Endpoint } from './endpoint.ts';
import { v1Endpoints } from './v1/endpoints.ts';
import { v2Endpoints } from './v2/endpoints.ts';
import { xEndpoints } from './x-endpoints.ts';

const pathOf = ({ path }: Endpoint): string =>
  path.replace(':t', '-').replace(':type', 'support').replace(/:\w+/g, '4242');

/** What a request without a body, about what there is not, gets when it is let through: never "not allowed". */
async function isLetThrough(lab: ApiLab, one: Endpoint, key: string): Promise<boolean> {
  const { status } = await lab.ask(one.method, pathOf(one), key, {});
  expect([one.path, status]).not.toEqual([one.path, 401]);
  expect([one.path, status < 500 || status === 503]).toEqual([one.path, true]);
  return status !== 403;
}

const all = [...v1Endpoints, ...v2Endpoints, ...xEndpoints];
const guarded = all.filter(({ need }) => need !== 'open' && need !== 'none');

describe('the matrix', () => {
  test.each(SCOPES)('%s', async (scope) => {
    const lab = await apiLab();
    const key = await lab.key([scope]);
    for (const one of guarded) {
      if (!isScope(one.need)) throw new Error(`${one.path} needs ${one.need}`);
      expect([one.method, one.path, await isLetThrough(lab, one, key)]).toEqual([
        one.method,
        one.path,
        grants([scope], one.need),
      ]);
    }
  });

  test('keys are judged by what they are', async () => {
    const lab = await apiLab();
    const kinds = { auth: 'auth_keys', client: 'oauth_keys', api: 'api_access_tokens' } as const;
    const body = {
      auth: { capabilities: { devices: { create: { tags: ['tag:a'] } } } },
      client: { keyType: 'client', scopes: [], tags: ['tag:a'] },
      api: { keyType: 'api' },
    } as const;
    for (const scope of SCOPES) {
      const key = await lab.key([scope]);
      for (const kind of ['auth', 'client', 'api'] as const) {
        const { status } = await lab.ask('POST', '/api/v2/tailnet/-/keys', key, {
          ...body[kind],
          // Its own scope is one that it can hand on.
          ...(kind === 'auth' ? {} : { scopes: [scope] }),
        });
        expect([scope, kind, status]).toEqual([scope, kind, grants([scope], kinds[kind]) ? 200 : 403]);
      }
      const listed = await lab.ask('GET', '/api/v2/tailnet/-/keys?all=true', key);
      const seen = Object.values(kinds).some((area) => grants([scope], `${area}:read` satisfies Scope));
      expect([scope, listed.status]).toEqual([scope, seen ? 200 : 403]);
      for (const { keyType } of listed.json.keys ?? [])
        expect(grants([scope], `${kinds[keyType as keyof typeof kinds]}:read`)).toBe(true);
    }
  });
});

test('nobody gets anything without a key', async () => {
  const lab = await apiLab();
  for (const one of all) {
    const answer = await lab.ask(one.method, pathOf(one), undefined, {});
    expect([one.path, answer.status, answer.text]).toEqual([
      one.path,
      401,
      expect.stringContaining('unauthorized'),
    ]);
  }
});
