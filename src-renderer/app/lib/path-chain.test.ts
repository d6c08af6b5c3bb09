/** What lies between two devices. */
import { expect, test } from 'vitest';
import type { NetcheckReport } from '#shared/bridge/contract.ts';
import { NO_DEVICE } from '#shared/ui-state/empty.ts';
import type { Device } from '#shared/ui-state/types.ts';
import { chainOf } from './path-chain.ts';

const NETCHECK: NetcheckReport = {
  atMs: 0,
  udp: true,
  ipv4: '203.0.113.7:41641',
  ipv6: '',
  mappingVaries: true,
  portMapping: [],
  captivePortal: false,
  preferred: 900,
  regions: [],
};
const device = (more: Partial<Device>): Device => ({
  ...NO_DEVICE,
  name: 'nas',
  addresses: ['100.64.0.2'],
  ...more,
});
const relayed = { ...NO_DEVICE.path, kind: 'relay', via: 'fra' } as const;
const relays = [{ id: 900, code: 'fra', name: 'Frankfurt', latencyMs: 8 }];

const chain = (one: Device, netcheck?: NetcheckReport, why = ''): string[] =>
  chainOf({ device: one, selfName: 'laptop', relays, netcheck, why }).map(
    ({ title, note }) => `${title}: ${note ?? ''}`,
  );

test('a direct path has two ends, and what is known of our own network', () => {
  const direct = device({ path: { ...NO_DEVICE.path, kind: 'direct', via: '192.168.1.4:41641' } });
  expect(chain(direct)).toEqual(['This device: laptop', 'nas: 100.64.0.2']);
  expect(chain(direct, { ...NETCHECK, mappingVaries: false })[1]).toBe('Your network: easy NAT');
});

test('a relayed one goes through a relay by its name and distance', () => {
  expect(chain(device({ path: relayed }))).toEqual([
    'This device: laptop',
    'Relay: Frankfurt · 8 ms',
    'nas: 100.64.0.2',
  ]);
});

test('both networks are named when they are in the way', () => {
  const candidates = ['198.51.100.2:1000', '198.51.100.2:2000', '10.0.0.2:41641', '100.99.1.1:5'];
  expect(chain(device({ path: relayed, candidates }), NETCHECK).slice(1, 4)).toEqual([
    'Your network: hard NAT',
    'Relay: Frankfurt · 8 ms',
    'Its network: hard NAT',
  ]);
  expect(chain(device({ path: relayed }), { ...NETCHECK, udp: false })[1]).toBe('Your network: UDP blocked');
});

test('networks behind a device come last', () => {
  expect(chain(device({ routes: ['10.1.0.0/16'] })).at(-1)).toBe('Networks behind it: 10.1.0.0/16');
  expect(chain(device({ routes: ['10.1.0.0/16', '10.2.0.0/16', 'x'] })).at(-1)).toBe(
    'Networks behind it: 10.1.0.0/16 and 2 more',
  );
});
