/** The API inside the channel against peers that mean harm: resets, half bodies, silence. */
import { describe, expect, test } from 'vitest';
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { nodeKeyFrom } from '#shared/key/key.ts';
import { ZERO_TIME } from '#shared/wire/scalars.ts';
import { loopback } from '../testing/loopback.ts';
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
