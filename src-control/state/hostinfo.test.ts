/** What a machine says of itself must not reach its peers in a form that they choke on. */
import { expect, test } from 'vitest';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { cleanHostinfo } from './hostinfo.ts';

test.each([
  { said: 0, kept: 0 },
  { said: 999, kept: 999 },
  { said: 65_535, kept: 65_535 },
  { said: -1, kept: undefined },
  { said: 65_536, kept: undefined },
  { said: 2 ** 40, kept: undefined },
])('a home relay $said is kept as $kept', ({ said, kept }) => {
  const raw = hostinfo.parse({ NetInfo: { PreferredDERP: said } });
  expect(cleanHostinfo(raw).NetInfo?.PreferredDERP).toBe(kept);
});
