/** What scopes hold, and what each role has of them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ROLES } from '../store/records.ts';
import { common, grants, isScope, needsTags, ROLE_SCOPES, SCOPES, type Scope } from './scopes.ts';

const scope = fc.constantFrom(...SCOPES);
const held = fc.array(scope, { maxLength: 5 });

describe('a set of scopes', () => {
  test('that is empty grants nothing', () => {
    for (const one of SCOPES) expect(grants([], one)).toBe(false);
  });

  test('with all grants everything, with all:read exactly what is read', () => {
    for (const one of SCOPES) {
      expect(grants(['all'], one)).toBe(true);
      expect(grants(['all:read'], one)).toBe(one.endsWith(':read'));
    }
  });

  test('grants itself and its reading part, and nothing of another area', () => {
    const areas = SCOPES.filter((one) => !one.endsWith(':read') && one !== 'all');
    for (const have of areas)
      for (const want of SCOPES)
        expect([have, want, grants([have], want)]).toEqual([
          have,
          want,
          want === have || want === `${have}:read`,
        ]);
  });

  test('grants what one of its members grants, and never less with more in it', () => {
    fc.assert(
      fc.property(held, scope, scope, (set, more, want) => {
        expect(grants(set, want)).toBe(set.some((one) => grants([one], want)));
        if (grants(set, want)) expect(grants([...set, more], want)).toBe(true);
      }),
    );
  });

  test('in common with another is what both grant', () => {
    fc.assert(
      fc.property(held, held, scope, (a, b, want) => {
        expect(grants(common(a, b), want)).toBe(grants(a, want) && grants(b, want));
      }),
    );
  });
});

test('names that there are not are no scopes', () => {
  for (const text of ['', 'ALL', 'dns:write', 'devices', 'all:read:read', '__proto__'])
    expect(isScope(text)).toBe(false);
});

test('programs that make machines need tags', () => {
  expect(SCOPES.filter((one) => needsTags([one]))).toEqual(['auth_keys', 'devices:core']);
});

/** A row per scope that changes something, a column per role: the table of docs/rhumb-control.md. */
const WRITES: Readonly<Record<(typeof ROLES)[number], readonly Scope[]>> = {
  owner: SCOPES,
  admin: SCOPES,
  'it-admin': [
    ...([
      'auth_keys',
      'device_invites',
      'devices:core',
      'devices:posture_attributes',
      'devices:routes',
    ] as const),
    ...(['feature_settings', 'log_streaming', 'user_invites', 'users', 'webhooks'] as const),
  ],
  'network-admin': [
    ...(['auth_keys', 'devices:routes', 'dns', 'networking_settings', 'policy_file', 'services'] as const),
  ],
  auditor: [],
  member: [],
};

test.each(ROLES)('%s has exactly the scopes of the table', (role) => {
  for (const one of SCOPES) {
    const isRead = one.endsWith(':read');
    const want = isRead ? role !== 'member' : WRITES[role].includes(one);
    expect([one, grants(ROLE_SCOPES[role], one)]).toEqual([one, want]);
  }
});
