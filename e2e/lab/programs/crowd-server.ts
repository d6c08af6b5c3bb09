/**
 * A coordination server for one machine, which is told of a friend who speaks plain WireGuard, and of crowds of strangers.
 *
 *   node crowd-server.ts FRIEND_KEY FRIEND_ENDPOINT CROWD     says its URL; each SIGUSR2 replaces all strangers by CROWD
 *                                                             others, at once, and SIGHUP sends them away
 */
import { randomBytes } from 'node:crypto';
import { discoKeyFrom, nodeKeyFrom } from '#shared/key/key.ts';
import { FakeServer } from '../../../src-daemon/control/fake-server.ts';
import { FRIEND_IP, OWN_IP, OWN_IP6, strangerIp } from '../crowd-addresses.ts';

const [friendKey = '', friendEndpoint = '', crowd = ''] = process.argv.slice(2);
const MACHINE = `mkey:${'01'.repeat(32)}`;
/** Of a stranger: nobody answers there. */
const NOWHERE = '198.51.100';

const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

const nodeOf = (id: number, ip: string, more: object): object => ({
  ID: id,
  StableID: `n${id}`,
  Name: `machine-${id}.net.test.`,
  User: 1,
  Machine: MACHINE,
  Addresses: [`${ip}/32`],
  AllowedIPs: [`${ip}/32`],
  Hostinfo: { OS: 'linux', Hostname: `machine-${id}` },
  Created: '2024-01-01T00:00:00Z',
  Cap: 125,
  Online: true,
  MachineAuthorized: true,
  ...more,
});

const friend = nodeOf(2, FRIEND_IP, {
  Key: nodeKeyFrom(bytes(friendKey)),
  Endpoints: [friendEndpoint],
  IsWireGuardOnly: true,
});

let crowds = 0;
function strangers(): object[] {
  const first = 10 + crowds * Number(crowd);
  return Array.from({ length: Number(crowd) }, (_, n) =>
    nodeOf(first + n, strangerIp(crowds, n), {
      Key: nodeKeyFrom(new Uint8Array(randomBytes(32))),
      DiscoKey: discoKeyFrom(new Uint8Array(randomBytes(32))),
      Endpoints: [`${NOWHERE}.${n & 255}:${1_024 + n}`],
    }),
  );
}

await using server = await FakeServer.open();
console.log(server.url);
const stream = await server.stream();
stream.send({
  Node: nodeOf(1, OWN_IP, { Key: stream.request['NodeKey'], Addresses: [`${OWN_IP}/32`, `${OWN_IP6}/128`] }),
  Domain: 'net.test',
  Peers: [friend],
  UserProfiles: [{ ID: 1, LoginName: 'crowd@net.test', DisplayName: 'Crowd' }],
  PacketFilter: [{ SrcIPs: ['*'], DstPorts: [{ IP: '*', Ports: { First: 0, Last: 65_535 } }] }],
  DNSConfig: {},
  DERPMap: { Regions: {} },
});
process.on('SIGUSR2', () => {
  crowds += 1;
  stream.send({ Peers: [friend, ...strangers()] });
});
process.on('SIGHUP', () => stream.send({ Peers: [friend] }));
const { promise: told, resolve: tell } = Promise.withResolvers<void>();
process.once('SIGTERM', tell);
await told;
