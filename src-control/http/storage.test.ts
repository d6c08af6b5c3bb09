/** Machines while the database is gone: asked to come again, left with what they know, and served when it is back. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { DATABASE_FILE } from '../store/sqlite.ts';
import { loopback } from '../testing/loopback.ts';
import { TestMachine } from '../testing/machine.ts';

test('machines get 503 while the database is gone, keep their streams, and are served when it is back', async () => {
  const clock = new FakeClock();
  await using server = await loopback({ clock });
  const { network, hub } = server.server;
  await using one = await TestMachine.connect(server.url);
  await one.register({ authKey: server.authKey });
  const stream = await one.stream();
  await stream.next();
  await network.settled();
  const file = join(server.stateDir, DATABASE_FILE);
  renameSync(file, `${file}.away`);
  await using two = await TestMachine.connect(server.url);
  const register = () =>
    two.post('/machine/register', JSON.stringify(two.registerBody({ authKey: server.authKey })));
  // The first finds it out, the next are turned away before they change anything.
  for (let n = 0; n < 3; n++) expect((await register()).status).toBe(503);
  expect(network.nodeCount).toBe(1);
  expect(await one.update({ Endpoints: ['192.0.2.7:41641'], EndpointTypes: [1] })).toBe(503);
  const asked = await one.post('/machine/map', JSON.stringify(one.mapBody({ Stream: true })));
  expect([asked.status, asked.body.toString()]).toEqual([503, expect.stringContaining('try again')]);
  expect((await fetch(`${server.url}/ready`)).status).toBe(503);
  expect(hub.streamCount).toBe(1);
  await clock.advance(60_000);
  expect(await stream.next()).toMatchObject({ KeepAlive: true });
  renameSync(`${file}.away`, file);
  await clock.advance(2_000);
  expect((await register()).status).toBe(200);
  await clock.advance(1_000);
  const told = await stream.until(({ PeersChanged }) => PeersChanged !== undefined);
  expect(told.PeersChanged).toMatchObject([{ Name: expect.any(String) }]);
  expect(await two.update({ Hostinfo: { OS: 'linux', Hostname: 'again' } })).toBe(200);
});
