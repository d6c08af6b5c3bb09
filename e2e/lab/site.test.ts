/** Every kind of site does to packets what its name says, as servers outside see it. */
import { expect, test } from 'vitest';
import { Internet } from './internet.ts';
import { Lab } from './lab.ts';
import { classify, type NatClass, punch, startMirrors } from './nat-class.ts';
import { addTwins, allPairs, expectedPath } from './nat-table.ts';
import { whyNot } from './scenario.ts';
import { SITE_KINDS, type SiteKind } from './site.ts';
import { eachOf } from './wait.ts';

const nothing = { mapping: 'none', filtering: 'none' } as const;
const keeps = { mapping: 'EIM', keepsPort: true } as const;
const blocks = { mapping: 'EIM', keepsPort: false } as const;

const EXPECTED: Readonly<
  Record<SiteKind, { readonly v4: Partial<NatClass>; readonly v6: Partial<NatClass> }>
> = {
  open: { v4: { ...keeps, filtering: 'EIF' }, v6: { ...keeps, filtering: 'EIF' } },
  firewall: { v4: { ...keeps, filtering: 'APDF' }, v6: nothing },
  'full-cone': { v4: { ...keeps, filtering: 'EIF' }, v6: nothing },
  'address-restricted': { v4: { ...keeps, filtering: 'ADF' }, v6: nothing },
  'port-restricted': { v4: { ...keeps, filtering: 'APDF' }, v6: nothing },
  symmetric: { v4: { mapping: 'APDM', filtering: 'APDF' }, v6: nothing },
  'symmetric-sequential': { v4: { mapping: 'APDM', filtering: 'APDF' }, v6: nothing },
  'symmetric-mapped': { v4: { mapping: 'APDM', filtering: 'APDF' }, v6: nothing },
  'double-nat': { v4: { ...keeps, filtering: 'APDF' }, v6: nothing },
  'cgnat-hairpin': { v4: { ...blocks, filtering: 'APDF' }, v6: nothing },
  cgnat: { v4: { ...blocks, filtering: 'APDF' }, v6: nothing },
  'udp-blocked': { v4: nothing, v6: nothing },
  'only-443': { v4: nothing, v6: nothing },
  'ipv6-only': { v4: nothing, v6: { ...keeps, filtering: 'EIF' } },
  'ipv6-firewall': { v4: { ...keeps, filtering: 'APDF' }, v6: { ...keeps, filtering: 'APDF' } },
  'same-nat': { v4: { ...keeps, filtering: 'APDF' }, v6: nothing },
};

test('each kind maps and filters as it says, over both families', async ({ skip, onTestFailed }) => {
  const reason = whyNot(['nft', 'miniupnpd']);
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  onTestFailed(() => console.error(lab.report()));
  const net = await Internet.open(lab);
  await startMirrors(net);
  for (const kind of SITE_KINDS) await net.add(kind, kind);
  const classes = new Map<SiteKind, NatClass>();
  await eachOf(net.sites, 4, async ({ kind, host }) => {
    const v4 = await classify(net, host, 4);
    expect({ v4, v6: await classify(net, host, 6) }, kind).toMatchObject(EXPECTED[kind]);
    classes.set(kind, v4);
  });
  const { ports: [one = 0, two = 0, three = 0] = [] } = classes.get('symmetric-sequential') ?? {};
  // The probe's other questions take ports meanwhile.
  expect(two).toBeGreaterThan(one);
  expect(three).toBeGreaterThan(two);
  expect(three - one).toBeLessThan(20);
  const random = classes.get('symmetric')?.ports ?? [];
  expect(Math.max(...random) - Math.min(...random)).toBeGreaterThan(20);
  expect(classes.get('cgnat')?.address).toBe(net.sites.find(({ kind }) => kind === 'cgnat')?.outermost.v4);
});

test('pairs of sites reach each other directly just where the table says so', async ({
  skip,
  onTestFailed,
}) => {
  const reason = whyNot(['nft']);
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  onTestFailed(() => console.error(lab.report()));
  const net = await Internet.open(lab);
  await startMirrors(net);
  const kinds: readonly SiteKind[] = [
    'address-restricted',
    'port-restricted',
    'symmetric',
    'cgnat',
    'cgnat-hairpin',
  ];
  const twins = await addTwins(net, kinds);
  await eachOf(allPairs(kinds), 3, async ([first, second]) => {
    const [a, b] = [twins.get(first)?.[0], twins.get(second)?.[1]];
    if (a === undefined || b === undefined) throw new Error('both sites are there');
    const isDirect = expectedPath(first, second) === 'direct';
    expect(await punch(net, a.host, b.host), `${a.name} and ${b.name}`).toBe(isDirect);
  });
});
