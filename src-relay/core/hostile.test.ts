/** Whatever bytes come, before the handshake or after it, cost their own connection at most, and are never amplified. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { encodeFrame } from '#shared/derp/frames.ts';
import type { Fields, Level, Log } from '#shared/log/log.ts';
import { settle } from '#shared/testing/fake-clock.ts';
import type { RelayServer } from './server.ts';
import { TestClient } from './testing/client.ts';
import { testRelay } from './testing/relay.ts';

const MESH_KEY = new Uint8Array(32).fill(0xab);

/** Frames that a server knows, of sizes around their bounds, and others; headers that promise too much; noise. */
const frame = fc
  .tuple(
    fc.oneof(fc.integer({ min: 1, max: 0x15 }), fc.integer({ min: 0, max: 255 })),
    fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc
        .constantFrom(0, 1, 7, 8, 31, 32, 33, 63, 64, 65, 94, 1_000, 1_001, 65_568, 65_569)
        .map((size) => new Uint8Array(size)),
    ),
  )
  .map(([type, body]) => encodeFrame(type, body));
const noise = fc.oneof(
  { weight: 6, arbitrary: frame },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 30 }) },
);
const stream = fc.array(noise, { maxLength: 12 });

/** Our own bugs would be logged as errors, and close the connection only. */
function errorLog(): { readonly log: Log; readonly errors: string[] } {
  const errors: string[] = [];
  const write = (level: Level, event: string, fields?: Fields): void => {
    if (level === 'error') errors.push(`${event} ${JSON.stringify(fields)}`);
  };
  const log: Log = Object.assign(write, { child: () => log });
  return { log, errors };
}

async function stillServes(server: RelayServer): Promise<boolean> {
  const a = await new TestClient().join(server);
  const b = await new TestClient().join(server);
  a.send(b, utf8('?'));
  await settle();
  const arrived = b.packets().length === 1;
  a.wire.leave();
  b.wire.leave();
  return arrived;
}

test.each([
  ['an ordinary client', {}],
  ['a mesh client', { meshKey: MESH_KEY }],
])('nothing that %s sends breaks the relay', async (_, info) => {
  const { log, errors } = errorLog();
  const { server, clock } = testRelay({ log, meshKey: MESH_KEY });
  const property = fc.asyncProperty(stream, fc.integer({ min: 1, max: 3_000 }), async (frames, cut) => {
    const client = await new TestClient().join(server, info);
    // Mesh clients may use real keys in what they forward.
    const bytes = concat(...frames, encodeFrame(0x0a, concat(client.raw, client.raw, utf8('x'))));
    for (let at = 0; at < bytes.length; at += cut) client.wire.write(bytes.slice(at, at + cut));
    await settle();
    client.wire.leave();
    await settle();
    expect(errors).toEqual([]);
    expect(server.stats()).toMatchObject({ connections: 0, handshaking: 0, peersTotal: 0, watchers: 0 });
  });
  await fc.assert(property, { numRuns: 150 });
  expect(await stillServes(server)).toBe(true);
  await settle();
  expect(clock.pending).toBe(0);
});

test('before the handshake all that is ever sent is the greeting', async () => {
  const { log, errors } = errorLog();
  const { server } = testRelay({ log });
  const property = fc.asyncProperty(stream, async (frames) => {
    const client = new TestClient();
    client.connect(server);
    client.wire.write(concat(...frames));
    await settle();
    const sent = client.wire.received.reduce((sum, piece) => sum + piece.length, 0);
    expect(sent).toBeLessThanOrEqual(45);
    client.wire.leave();
    await settle();
    expect(server.stats()).toMatchObject({ connections: 0, handshaking: 0 });
  });
  await fc.assert(property, { numRuns: 150 });
  expect(errors).toEqual([]);
});

test('a client gets no more bytes than it sent, however it asks', async () => {
  const { server } = testRelay();
  const property = fc.asyncProperty(stream, async (frames) => {
    const client = await new TestClient().join(server);
    const before = client.wire.received.reduce((sum, piece) => sum + piece.length, 0);
    const bytes = concat(...frames);
    client.wire.write(bytes);
    await settle();
    const after = client.wire.received.reduce((sum, piece) => sum + piece.length, 0);
    expect(after - before).toBeLessThanOrEqual(bytes.length);
    client.wire.leave();
  });
  await fc.assert(property, { numRuns: 100 });
});
