/** What a call-me-maybe lists: official peers forget at once whatever an earlier one listed and this one does not. */
import { expect, test } from 'vitest';
import { looksLikeDisco } from '#shared/disco/envelope.ts';
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { DiscoBox } from '../disco/disco-box.ts';
import { Host, Nat, seeded, talk, Wire } from './scene.ts';

test('names the address under which the peer sees us, which a NAT may have chosen for it alone', async () => {
  const wire = new Wire();
  wire.delayMs = 20;
  const next = seeded(1);
  const nat = new Nat('203.0.113.1', { kind: 'hard', nextPort: () => 2_000 + Math.floor(next() * 60_000) });
  const a = new Host(wire, ['10.0.0.1'], { nat });
  const b = new Host(wire, ['192.0.2.2']);
  a.region = b.region = 1;
  a.knows(b, ['192.0.2.2', '198.51.100.9'], 1);
  b.knows(a, [], 1);
  const box = new DiscoBox(b.discoPrivate);
  box.setPeers([a.magicsock.discoKey]);
  const lists: (readonly SockAddr[])[] = [];
  const receive = b.receiveRelayed.bind(b);
  b.receiveRelayed = (from, datagram) => {
    const opened = looksLikeDisco(datagram) ? box.open(datagram, from, 0) : undefined;
    if (opened?.ok === true && opened.message.type === 'call-me-maybe') lists.push(opened.message.endpoints);
    receive(from, datagram);
  };
  await talk({ wire, a, b }, 65_000);
  expect([a.mode, b.mode]).toEqual(['direct', 'direct']);
  const direct = b.paths.get(1)?.direct;
  expect(lists.length).toBeGreaterThan(1);
  expect(lists.at(-1)?.map(formatSockAddr)).toContain(direct && formatSockAddr(direct));
});
