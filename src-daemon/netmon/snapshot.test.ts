/** The kernel's route tables, read; and that this machine's own network can be read at all. */
import { expect, test } from 'vitest';
import { parseIp } from '#shared/ip/address.ts';
import { defaultRoutes4, defaultRoutes6, readSnapshot } from './snapshot.ts';

test('finds IPv4 default routes', () => {
  const table = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'wlan0\t00000000\t010200C0\t0003\t0\t0\t600\t00000000\t0\t0\t0',
    'lo\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0',
    'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    'tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0',
    '',
  ].join('\n');
  expect(defaultRoutes4(table)).toEqual([
    { family: 4, interfaceName: 'eth0', gateway: '192.0.2.1', metric: 0 },
    { family: 4, interfaceName: 'wlan0', gateway: '192.0.2.1', metric: 600 },
  ]);
});

test('finds IPv6 default routes and not the "unreachable" one', () => {
  const zero = '0'.repeat(32);
  const gateway = 'fe800000000000000000000000000001';
  const table = [
    `${zero} 00 ${zero} 00 ${gateway} 00000400 00000001 00000000 00450003     eth0`,
    `20010db8000000000000000000000000 40 ${zero} 00 ${zero} 00000100 00000001 00000000 00000001     eth0`,
    `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo`,
    '',
  ].join('\n');
  expect(defaultRoutes6(table)).toEqual([
    { family: 6, interfaceName: 'eth0', gateway: 'fe80::1', metric: 1_024 },
  ]);
});

test.each(['', 'nonsense', '\t\t\t', '00000000 00'])('reads nothing from %j', (table) => {
  expect(defaultRoutes4(table)).toEqual([]);
  expect(defaultRoutes6(table)).toEqual([]);
});

test('reads this machine, with addresses as we write them', async () => {
  const { addresses } = await readSnapshot();
  for (const { ip, bits } of addresses) {
    expect(parseIp(ip)).toBeDefined();
    expect(bits).toBeLessThanOrEqual(128);
  }
});
