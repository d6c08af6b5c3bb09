/** What a relay does for its clients: handshake, packets, duplicates, gone notices, slow readers, limits. */
import { expect, test } from 'vitest';
import { utf8 } from '#shared/bytes/bytes.ts';
import { settle } from '#shared/testing/fake-clock.ts';
import { TestClient } from './testing/client.ts';
import { testRelay } from './testing/relay.ts';

test('a client is greeted, let in, and its packets arrive under its name', async () => {
  const { server } = testRelay();
  const a = await new TestClient().join(server);
  const b = await new TestClient().join(server);
  expect(a.opensServerInfo(server)).toBe(true);
  a.send(b, utf8('one'));
  a.send(b, utf8('two'));
  b.send(a, utf8('three'));
  await settle();
  expect(b.packets()).toEqual([
    { from: a.key, packet: utf8('one') },
    { from: a.key, packet: utf8('two') },
  ]);
  expect(a.packets()).toEqual([{ from: b.key, packet: utf8('three') }]);
  expect(server.clients().map((client) => client.key)).toEqual([a.key, b.key]);
});

test('a packet for nobody is dropped and counted', async () => {
  const { server } = testRelay();
  const a = await new TestClient().join(server);
  a.send(new Uint8Array(32), utf8('x'));
  await settle();
  expect(a.got()).toEqual([]);
  expect(server.metricsText()).toContain('derp_packets_dropped{reason="unknown_dest",kind="other"} 1\n');
});
