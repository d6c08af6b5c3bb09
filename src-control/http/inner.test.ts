/** The API inside the channel against peers that mean harm: resets, half bodies, silence. */
import { describe, expect, test } from 'vitest';
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { nodeKeyFrom } from '#shared/key/key.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { ZERO_TIME } from '#shared/wire/scalars.ts';
import { loopback } from '../testing/loopback.ts';
import { TestMachine } from '../testing/machine.ts';
import { dataFrame, headersFrame, RawPeer, resetFrame } from '../testing/raw-peer.ts';

const NO_ERROR = 0;
const CANCEL = 8;

const registerBody = (authKey: string): string =>
  JSON.stringify({
    Version: 130,
    NodeKey: nodeKeyFrom(publicOf(generatePrivate())),
    Auth: { AuthKey: authKey },
    Expiry: ZERO_TIME,
    Hostinfo: { OS: 'linux', Hostname: 'raw' },
  });

describe('a peer that resets its request', () => {
  test.each([
    { name: 'a whole request in it', path: '/machine/register', body: registerBody },
    { name: 'a body that is no JSON', path: '/machine/map', body: () => '{' },
    { name: 'a body that is no request', path: '/machine/register', body: () => '{}' },
    { name: 'an unknown path', path: '/machine/nothing', body: () => 'x' },
  ])('with $name does not harm the server', async ({ path, body }) => {
    await using server = await loopback();
    using peer = await RawPeer.connect(server.url);
    let id = 1;
    for (const code of [NO_ERROR, CANCEL])
      for (const isLast of [false, true]) {
        peer.send(headersFrame(id, path));
        await peer.settled();
        // Together: the server reads a whole body from a stream that is closed.
        peer.send(dataFrame(id, body(server.authKey), isLast), resetFrame(id, code));
        await peer.settled();
        id += 2;
      }
    // An answer to a stream that is gone used to end the process; Vitest fails on that unhandled rejection.
    expect(server.server.hub.streamCount).toBe(0);
  });
});

describe('a peer that holds on to what it has', () => {
  test('keeps no body open for long', async () => {
    const clock = new FakeClock();
    await using server = await loopback({ clock });
    using peer = await RawPeer.connect(server.url);
    peer.send(headersFrame(1, '/machine/register'), dataFrame(1, '{', false));
    await peer.settled();
    await clock.advance(15_000);
    await peer.over(1);
    expect(peer.resetCodeOf(1)).toBe(CANCEL);
  });

  test('keeps few bodies open at once, and gets its place back', async () => {
    await using server = await loopback();
    using peer = await RawPeer.connect(server.url);
    for (let id = 1; id < 17; id += 2)
      peer.send(headersFrame(id, '/machine/register'), dataFrame(id, '{', false));
    peer.send(headersFrame(17, '/machine/register'), dataFrame(17, '{}', true));
    await peer.over(17);
    expect(peer.textOf(17)).toBe('too many requests at once\n');
    peer.send(resetFrame(1, CANCEL));
    peer.send(headersFrame(19, '/machine/register'), dataFrame(19, '{}', true));
    await peer.over(19);
    expect(peer.textOf(19)).toMatch(/malformed request/);
  });

  test('loses a session that carries nothing, also after resets', async () => {
    const clock = new FakeClock();
    await using server = await loopback({ clock });
    using peer = await RawPeer.connect(server.url);
    peer.send(headersFrame(1, '/machine/register'));
    await peer.settled();
    peer.send(dataFrame(1, registerBody(server.authKey), false), resetFrame(1, NO_ERROR));
    await peer.settled();
    await clock.advance(299_000);
    peer.send(headersFrame(3, '/machine/nothing'), dataFrame(3, '', true));
    await peer.over(3);
    await peer.settled();
    await clock.advance(299_000);
    await peer.settled();
    await clock.advance(1_000);
    await peer.closed;
  });

  test('keeps a session on which a sign-in waits', async () => {
    const clock = new FakeClock();
    await using server = await loopback({ clock });
    await using machine = await TestMachine.connect(server.url);
    const { AuthURL = '' } = await machine.register();
    const answer = machine.register({ followup: AuthURL });
    await machine.update();
    await clock.advance(600_000);
    await server.admin.call('nodes.approve', { request: AuthURL });
    expect((await answer).MachineAuthorized).toBe(true);
  });
});
