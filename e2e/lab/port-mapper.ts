/** Debian's miniupnpd on a router of the lab: NAT-PMP, PCP and UPnP for the network on eth1. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from './host.ts';
import type { LabProcess } from './process.ts';

/** Its rules go into chains of its own; the router's filter lets through whatever has a mapping. */
const TABLE = `
table inet miniupnpd {
  chain arriving {
    type nat hook prerouting priority dstnat - 1;
    jump mapped
  }
  chain mapped { }
  chain forwarding { }
  chain sending { }
}
`;

/** It refuses to serve where the address outside is not public, documentation ranges included. */
export async function startPortMapper(router: Host): Promise<LabProcess> {
  await router.exec(['nft', '-f', '-'], { input: TABLE });
  // Multicast searches for a router arrive from inside only.
  await router.ip('route add 239.0.0.0/8 dev eth1');
  const config = join(router.folder, 'miniupnpd.conf');
  writeFileSync(config, configText(join(router.folder, 'miniupnpd.pid')));
  const argv = ['miniupnpd', '-d', '-f', config, '-P', join(router.folder, 'miniupnpd.pid')];
  const child = router.spawn({ name: 'miniupnpd', argv });
  await child.says(/Listening for NAT-PMP\/PCP traffic/);
  return child;
}

const configText = (lease: string): string => `ext_ifname=eth0
listening_ip=eth1
enable_upnp=yes
enable_natpmp=yes
lease_file=${lease}.leases
secure_mode=yes
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
upnp_forward_chain=forwarding
upnp_nat_chain=mapped
upnp_nat_postrouting_chain=sending
uuid=5c9d8a70-2f43-4a54-9d0c-6d1f3a0e7b11
allow 1024-65535 0.0.0.0/0 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`;
