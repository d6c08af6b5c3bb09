/** Tests of `debug portmap`: routers that are played; nothing leaves this process. */
import { expect, test } from 'vitest';
import { RhumbError } from '#shared/errors.ts';
import { decodePcp } from '#shared/portmap/pcp.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { debugPortmap, type PortmapWorld } from './commands/portmap.ts';

const SELF = '192.168.1.7';
const PORT = 41_641;

/** A router that knows NAT-PMP and has this external address; undefined answers nothing. */
async function run(external: readonly number[] | undefined, gateway: string | undefined = '192.168.1.1') {
  const clock = new FakeClock();
  const releases: Uint8Array[] = [];
  let out = '';
  let held = 0;
  const world: PortmapWorld = {
    gateway: async () => (gateway === '' ? undefined : { gateway: gateway as string, self: SELF }),
    holdPort: async () => {
      held++;
      return { port: PORT, [Symbol.asyncDispose]: async () => void held-- };
    },
    openUdp: async ({ receive }) => ({
      send: (to, data) => {
        if (external === undefined || data[0] !== 0 || decodePcp(data) !== undefined) return;
        const isMap = data[1] === 1;
        if (isMap && data.subarray(8).every((byte) => byte === 0)) releases.push(data);
        const reply = new Uint8Array(isMap ? 16 : 12);
        reply[1] = 0x80 | (data[1] ?? 0);
        if (isMap) reply.set([...data.subarray(4, 6), 0x30, 0x39, 0, 0, 0x1c, 0x20], 8);
        else reply.set(external, 8);
        clock.after(1, () => receive(to, reply));
      },
      close: async () => undefined,
    }),
    openAnnouncements: async () => ({ send: () => undefined, close: async () => undefined }),
    fetch: () => Promise.reject(new RhumbError('unavailable', 'no http')),
  };
  const context = {
    clock,
    out: (text: string) => {
      out += text;
    },
    signal: new AbortController().signal,
  };
  const running = debugPortmap(context, world);
  running.catch(() => undefined);
  await clock.advance(15_000);
  return { exit: await running, out, releases, held, pending: clock.pending };
}

test('a mapping is told and given back', async () => {
  const { exit, out, releases, held, pending } = await run([203, 0, 113, 9]);
  expect(out.split('\n')).toEqual([
    `router 192.168.1.1, own address ${SELF}, udp port ${PORT}`,
    'portmap.mapped protocol=nat-pmp external=203.0.113.9:12345 reach=public',
    'services: NAT-PMP true, PCP false, UPnP false',
    'mapped: 203.0.113.9:12345 by nat-pmp; giving it back',
    'portmap.released protocol=nat-pmp external=203.0.113.9:12345',
    '',
  ]);
  expect({ exit, held, pending, released: releases.length }).toEqual({
    exit: 0,
    held: 0,
    pending: 0,
    released: 1,
  });
});

test.each([
  { name: 'a router behind another', external: [10, 0, 0, 1], gateway: undefined, want: 'no public address' },
  { name: 'a router without', external: undefined, gateway: undefined, want: 'offers no port mapping' },
  { name: 'a public router', external: undefined, gateway: '9.9.9.1', want: 'no home router' },
])('$name is no success, and says why', async ({ external, gateway, want }) => {
  const { exit, out, held, pending } = await run(external, gateway);
  expect(out).toContain(want);
  expect({ exit, held, pending }).toEqual({ exit: 1, held: 0, pending: 0 });
});

test('without a default router there is nobody to ask', async () => {
  await expect(run(undefined, '')).rejects.toMatchObject({ code: 'unavailable' });
});
