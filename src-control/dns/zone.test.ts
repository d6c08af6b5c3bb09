/** Which records machines can be told, which only a server can answer, and what is said where neither works. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isWithin } from './names.ts';
import { parseRecord } from './record.ts';
import { buildZone, type Zone } from './zone.ts';

type Line = readonly [name: string, type: string, value: string];
const zone = (
  records: readonly Line[],
  over: { split?: string[]; responder?: boolean; magic?: boolean } = {},
): Zone =>
  buildZone({
    ownDomain: over.magic === false ? undefined : 'net.example',
    records: records.map(([name, type, value]) => parseRecord({ name, type, value }, name)),
    routed: new Set(over.split ?? []),
    hasResponder: over.responder ?? false,
    addressesOf: (name) => (name === 'host.net.example' ? ['100.64.0.1', 'fd7a::1'] : undefined),
  });

describe('addresses and aliases', () => {
  test('in the base domain they need no route, elsewhere the narrowest there is', () => {
    const made = zone([
      ['wiki.net.example', 'A', '192.0.2.1'],
      ['www.corp.example', 'A', '192.0.2.2'],
      ['corp.example', 'A', '192.0.2.3'],
    ]);
    expect([made.local, made.warnings]).toEqual([['corp.example'], []]);
    expect(made.records).toHaveLength(3);
  });

  test('an alias brings all addresses of what it leads to, through other aliases', () =>
    expect(
      zone([
        ['a.net.example', 'CNAME', 'b.net.example'],
        ['b.net.example', 'CNAME', 'host.net.example'],
      ]).records,
    ).toEqual(
      ['a', 'b'].flatMap((label) => [
        { Name: `${label}.net.example`, Type: 'A', Value: '100.64.0.1' },
        { Name: `${label}.net.example`, Type: 'AAAA', Value: 'fd7a::1' },
      ]),
    ));

  test('an alias out of the network, or round in a circle, is for the responder or nobody', () => {
    const far: Line = ['a.corp.example', 'CNAME', 'www.elsewhere.example'];
    expect(zone([far]).warnings[0]).toMatch(/neither a machine of the network nor a record.*dns\.responder/);
    expect(zone([far], { responder: true })).toMatchObject({ toResponder: ['a.corp.example'], warnings: [] });
    const round: Line[] = [
      ['a.corp.example', 'CNAME', 'b.corp.example'],
      ['b.corp.example', 'CNAME', 'a.corp.example'],
    ];
    expect(zone(round).warnings[0]).toMatch(/go round/);
  });

  test('what hides something else is said', () => {
    expect(zone([['host.net.example', 'A', '192.0.2.1']]).warnings).toEqual([
      'host.net.example: hides the machine of that name',
    ]);
    expect(zone([['a.corp.example', 'A', '192.0.2.1']], { split: ['corp.example'] })).toMatchObject({
      local: [],
      warnings: ['a.corp.example: hides what the nameservers of corp.example (splitDns) say about it'],
    });
  });

  test('a name above a domain of split DNS does not cut that off', () => {
    const above: Line = ['corp.example', 'A', '192.0.2.1'];
    const plain = zone([above], { split: ['dev.corp.example'] });
    expect([plain.local, plain.warnings[0]]).toEqual([[], expect.stringMatching(/would be cut off/)]);
    expect(zone([above], { split: ['dev.corp.example'], responder: true })).toMatchObject({
      local: [],
      toResponder: ['corp.example'],
      warnings: [],
    });
  });

  test('split DNS inside the base domain is never asked, and that is said', () =>
    expect(zone([], { split: ['ad.net.example'] }).warnings[0]).toMatch(/never ask these nameservers/));
});

describe('what machines know nothing of', () => {
  test.each<Line>([
    ['*.apps.example.org', 'A', '192.0.2.1'],
    ['note.apps.example.org', 'TXT', 'hello'],
    ['_sip._tcp.apps.example.org', 'SRV', '0 5 5060 a.b'],
  ])('%s %s goes to the responder', (...line) => {
    expect(zone([line]).warnings[0]).toMatch(/only a DNS server can answer that/);
    const made = zone([line], { responder: true });
    expect([made.toResponder, made.records, made.warnings]).toEqual([[line[0].replace('*.', '')], [], []]);
    const inside: Line = [line[0].replace('apps.example.org', 'x.net.example'), line[1], line[2]];
    expect(zone([inside], { responder: true }).warnings[0]).toMatch(/put it into another domain/);
    expect(zone([inside], { responder: true, magic: false }).warnings).toEqual([]);
  });

  test('a name with an address and a text goes there as a whole', () => {
    const both: Line[] = [
      ['a.corp.example', 'A', '192.0.2.1'],
      ['a.corp.example', 'TXT', 'hello'],
    ];
    expect(zone(both, { responder: true })).toMatchObject({ records: [], toResponder: ['a.corp.example'] });
  });

  test('split DNS of the very domain keeps it from the responder', () =>
    expect(
      zone([['*.corp.example', 'A', '192.0.2.1']], { responder: true, split: ['corp.example'] }),
    ).toMatchObject({
      toResponder: [],
      warnings: [expect.stringMatching(/splitDns sends corp\.example to other nameservers/)],
    }));
});

test('no suffix that machines answer themselves lies above one that somebody else answers', () => {
  const name = fc
    .array(fc.constantFrom('a', 'b', 'c'), { minLength: 2, maxLength: 4 })
    .map((labels) => labels.join('.'));
  const line = fc.oneof(
    name.map((one): Line => [one, 'A', '192.0.2.1']),
    name.map((one): Line => [one, 'TXT', 'x']),
    name.map((one): Line => [`*.${one}`, 'A', '192.0.2.1']),
  );
  fc.assert(
    fc.property(fc.array(line), fc.uniqueArray(name), fc.boolean(), (lines, split, responder) => {
      const made = zone(lines, { split, responder });
      const elsewhere = [...split, ...made.toResponder];
      for (const own of made.local) expect(elsewhere.filter((one) => isWithin(one, own))).toEqual([]);
    }),
  );
});
