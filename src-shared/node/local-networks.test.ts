/** Which networks of this machine are offered as routes. */
import { expect, test } from 'vitest';
import { localNetworks } from './local-networks.ts';

test('names each network once, without loopback, tunnels, single hosts and links', () => {
  const at = (address: string, cidr: string | null, internal = false) => ({ address, cidr, internal });
  expect(
    localNetworks({
      lo: [at('127.0.0.1', '127.0.0.1/8', true)],
      eth0: [
        at('192.168.1.10', '192.168.1.10/24'),
        at('192.168.1.11', '192.168.1.11/24'),
        at('fe80::1', 'fe80::1/64'),
        at('2001:db8::1', '2001:db8::1/128'),
        at('2001:db8:0:1::1', '2001:db8:0:1::1/64'),
      ],
      rhumb0: [at('100.64.0.1', '100.64.0.1/10')],
      ppp0: [at('10.0.0.1', null)],
      gone: undefined,
    }),
  ).toEqual([
    { interface: 'eth0', prefix: '192.168.1.0/24' },
    { interface: 'eth0', prefix: '2001:db8:0:1::/64' },
  ]);
});
