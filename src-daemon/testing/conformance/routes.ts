/** Conformance: cryptokey routing both ways, service addresses, what is handed up (data-plane.md §1.7, §4.4, §4.8). */
import { expect, test } from 'vitest';
import { dataPacket, engineRig, FAR, FAR_INNER, INNER, PEER } from '../engine-rig.ts';
import { ipPacket } from '../packets.ts';
import type { MakeEngine } from '../tunnel-host.ts';

const OTHER = 6;
const ICMP = 1;
const TSMP = 99;
const SERVICE = '100.100.100.100';

const echo = (type: number, ident: number): Uint8Array =>
  Uint8Array.of(type, 0, 0, 0, ident >> 8, ident & 255, 0, 1);

export function routeConformance(make: MakeEngine): void {
  test('the most specific route decides where a packet goes and who may send from there', async () => {
    await using rig = await engineRig(make);
    rig.engine.apply([
      { op: 'peer-add', peer: OTHER, publicKey: new Uint8Array(32).fill(9) },
      { op: 'path-set', peer: OTHER, path: { mode: 'direct', direct: { ip: '192.0.2.6', port: 6 } } },
      {
        op: 'routes-set',
        routes: [
          { prefix: '10.1.0.0/16', peer: PEER },
          { prefix: '10.1.7.0/24', peer: OTHER },
          { prefix: 'fd00::/64', peer: PEER },
        ],
      },
    ]);
    rig.install();
    rig.install({ peer: OTHER, localIndex: 66, remoteIndex: 66, receiveKey: new Uint8Array(32).fill(6) });
    rig.sent.length = 0;
    rig.fromHost(ipPacket({ from: INNER, to: '10.1.9.9' }));
    rig.fromHost(ipPacket({ from: INNER, to: '10.1.7.9' }));
    rig.fromHost(ipPacket({ from: 'fd00::1', to: 'fd00::2' }));
    expect(rig.sent.map(({ to }) => to.ip)).toEqual([FAR.ip, '192.0.2.6', FAR.ip]);
    const stolen = ipPacket({ from: '10.1.7.9', to: INNER });
    await rig.fromWire(dataPacket(0n, stolen));
    expect(rig.toHost).toEqual([]);
    expect(rig.stat('drop.wrong-source')).toBe(1);
    await rig.fromWire(dataPacket(0n, stolen, { key: new Uint8Array(32).fill(6), index: 66 }));
    expect(rig.toHost).toEqual([stolen]);
  });

  test('a destination that nobody has is told once a second', async () => {
    await using rig = await engineRig(make);
    const nowhere = ipPacket({ from: INNER, to: '10.200.0.1' });
    for (let i = 0; i < 3; i++) rig.fromHost(nowhere);
    rig.fromHost(ipPacket({ from: 'fd00::1', to: 'fd00::99' }));
    await rig.clock.advance(1_000);
    rig.fromHost(nowhere);
    await rig.clock.advance(1);
    expect(rig.seen('unknown-destination').map(({ ip }) => ip)).toEqual([
      '10.200.0.1',
      'fd00::99',
      '10.200.0.1',
    ]);
    expect(rig.stat('drop.no-route')).toBe(5);
  });

  test('routes can be replaced, and a removed peer has none', async () => {
    await using rig = await engineRig(make);
    rig.install();
    rig.sent.length = 0;
    rig.engine.apply([{ op: 'routes-set', routes: [] }]);
    rig.fromHost(ipPacket({ from: INNER, to: FAR_INNER }));
    rig.engine.apply([{ op: 'routes-set', routes: [{ prefix: `${FAR_INNER}/32`, peer: PEER }] }]);
    rig.engine.apply([{ op: 'peer-del', peer: PEER }]);
    rig.fromHost(ipPacket({ from: INNER, to: FAR_INNER }));
    await rig.fromWire(dataPacket(0n, ipPacket({ from: FAR_INNER, to: INNER })));
    expect(rig.sent).toEqual([]);
    expect(rig.toHost).toEqual([]);
    expect(rig.stat('drop.no-route')).toBe(2);
    expect(rig.stat('drop.unknown-index')).toBe(1);
  });

  test('service addresses are answered by us, our own are not sent', async () => {
    await using rig = await engineRig(make);
    rig.install();
    rig.sent.length = 0;
    rig.engine.apply([
      { op: 'routes-set', routes: [{ prefix: '0.0.0.0/0', peer: PEER }] },
      { op: 'local-ips', own: [INNER], service: [SERVICE], forwarded: [] },
    ]);
    const query = ipPacket({ from: INNER, to: SERVICE });
    rig.fromHost(query);
    rig.fromHost(ipPacket({ from: INNER, to: INNER }));
    await rig.clock.advance(1);
    expect(rig.seen('local')).toEqual([{ type: 'local', data: query }]);
    expect(rig.stat('drop.to-self')).toBe(1);
    expect(rig.sent).toEqual([]);
  });

  test('what is forwarded for peers comes in, and goes out like anything else of the host', async () => {
    await using rig = await engineRig(make);
    rig.install();
    rig.sent.length = 0;
    rig.engine.apply([
      { op: 'routes-set', routes: [{ prefix: '0.0.0.0/0', peer: PEER }] },
      { op: 'local-ips', own: [INNER], service: [SERVICE], forwarded: ['10.7.0.0/16', '10.0.0.0/8'] },
    ]);
    const through = ipPacket({ from: FAR_INNER, to: '10.7.0.9' });
    await rig.fromWire(dataPacket(0n, through));
    await rig.fromWire(dataPacket(1n, ipPacket({ from: FAR_INNER, to: '192.0.2.99' })));
    expect(rig.toHost).toEqual([through]);
    expect(rig.stat('drop.not-local')).toBe(1);
    rig.fromHost(ipPacket({ from: '10.7.0.9', to: '10.7.0.10' }));
    rig.fromHost(ipPacket({ from: INNER, to: INNER }));
    expect(rig.sent).toHaveLength(1);
    expect(rig.stat('drop.to-self')).toBe(1);
  });

  test('own and service addresses stay so within what is forwarded, even as equal prefixes', async () => {
    await using rig = await engineRig(make);
    rig.install();
    rig.engine.apply([
      {
        op: 'local-ips',
        own: [INNER],
        service: [SERVICE],
        forwarded: ['0.0.0.0/0', `${INNER}/32`, `${SERVICE}/32`],
      },
    ]);
    rig.fromHost(ipPacket({ from: INNER, to: INNER }));
    rig.fromHost(ipPacket({ from: INNER, to: SERVICE }));
    await rig.fromWire(dataPacket(0n, ipPacket({ from: FAR_INNER, to: SERVICE })));
    await rig.fromWire(dataPacket(1n, ipPacket({ from: FAR_INNER, to: '192.0.2.99' })));
    expect(rig.stat('drop.to-self')).toBe(1);
    expect(rig.seen('local')).toHaveLength(1);
    expect(rig.stat('drop.not-local')).toBe(1);
    expect(rig.toHost).toHaveLength(1);
  });

  test('an exit node sends from anywhere but from addresses of other peers and of this host', async () => {
    await using rig = await engineRig(make);
    rig.engine.apply([
      { op: 'peer-add', peer: OTHER, publicKey: new Uint8Array(32).fill(9) },
      {
        op: 'routes-set',
        routes: [
          { prefix: '0.0.0.0/0', peer: PEER },
          { prefix: '::/0', peer: PEER },
          { prefix: '10.1.0.7/32', peer: OTHER },
          { prefix: 'fd00::7/128', peer: OTHER },
        ],
      },
      { op: 'local-ips', own: [INNER, 'fd00::1'], service: [SERVICE], forwarded: ['10.7.0.0/16'] },
    ]);
    rig.install();
    const far = ipPacket({ from: '203.0.113.5', to: INNER });
    await rig.fromWire(dataPacket(0n, far));
    const forged = [
      ipPacket({ from: '10.1.0.7', to: INNER }),
      ipPacket({ from: 'fd00::7', to: 'fd00::1' }),
      ipPacket({ from: INNER, to: INNER }),
      ipPacket({ from: 'fd00::1', to: 'fd00::1' }),
      ipPacket({ from: SERVICE, to: INNER }),
    ];
    for (const [i, packet] of forged.entries()) await rig.fromWire(dataPacket(BigInt(i + 1), packet));
    expect(rig.toHost).toEqual([far]);
    expect(rig.stat('drop.wrong-source')).toBe(forged.length);
  });

  test('an exit node does not speak for networks that this host is in, but a router of just that network does', async () => {
    await using rig = await engineRig(make);
    const beside = ['192.168.1.0/24', '10.0.0.0/8', 'fe80::/10'];
    rig.engine.apply([
      {
        op: 'routes-set',
        routes: [
          { prefix: '0.0.0.0/0', peer: PEER },
          { prefix: '::/0', peer: PEER },
          { prefix: '10.9.0.0/16', peer: PEER },
        ],
      },
      { op: 'local-ips', own: [INNER, 'fd00::1'], service: [SERVICE], forwarded: [], beside },
    ]);
    rig.install();
    const honest = ['203.0.113.5', '10.9.0.1', '192.168.2.1'].map((from) => ipPacket({ from, to: INNER }));
    const forged = [
      ipPacket({ from: '192.168.1.1', to: INNER }),
      ipPacket({ from: '10.8.0.1', to: INNER }),
      ipPacket({ from: 'fe80::1', to: 'fd00::1' }),
    ];
    for (const [i, packet] of [...honest, ...forged].entries())
      await rig.fromWire(dataPacket(BigInt(i), packet));
    expect(rig.toHost).toEqual(honest);
    expect(rig.stat('drop.wrong-source')).toBe(forged.length);
  });

  test('in-tunnel messages are handed up, and the host may not send any', async () => {
    await using rig = await engineRig(make);
    rig.install();
    rig.sent.length = 0;
    const message = ipPacket({ from: FAR_INNER, to: INNER, protocol: TSMP });
    await rig.fromWire(dataPacket(0n, message));
    expect(rig.seen('tsmp')).toEqual([{ type: 'tsmp', peer: PEER, data: message }]);
    expect(rig.toHost).toEqual([]);
    const own = ipPacket({ from: INNER, to: FAR_INNER, protocol: TSMP });
    rig.fromHost(own);
    expect(rig.stat('drop.tsmp-from-host')).toBe(1);
    expect(rig.engine.inject([{ kind: 'to-peer', peer: PEER, data: own }])).toBe(1);
    expect(rig.sent).toHaveLength(1);
  });

  test('the reply to an echo of ours comes to us, other replies go to the host', async () => {
    await using rig = await engineRig(make);
    rig.install();
    const reply = (ident: number): Uint8Array =>
      ipPacket({ from: FAR_INNER, to: INNER, protocol: ICMP, payload: echo(0, ident) });
    rig.engine.inject([
      {
        kind: 'to-peer',
        peer: PEER,
        data: ipPacket({ from: INNER, to: FAR_INNER, protocol: ICMP, payload: echo(8, 777) }),
      },
    ]);
    await rig.fromWire(dataPacket(0n, reply(777)));
    await rig.fromWire(dataPacket(1n, reply(778)));
    expect(rig.seen('icmp-echo-reply')).toEqual([{ type: 'icmp-echo-reply', peer: PEER, data: reply(777) }]);
    expect(rig.toHost).toEqual([reply(778)]);
    await rig.clock.advance(11_000);
    await rig.fromWire(dataPacket(2n, reply(777)));
    expect(rig.toHost).toHaveLength(2);
  });

  test('disco and STUN are handed up with their source', async () => {
    await using rig = await engineRig(make);
    const disco = new Uint8Array(62 + 20);
    disco.set([0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac]);
    const stun = Uint8Array.of(0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    await rig.fromWire(disco);
    await rig.fromWire(stun);
    expect(rig.records).toEqual([
      { type: 'disco', from: FAR, data: disco },
      { type: 'stun', from: FAR, data: stun },
    ]);
  });

  test('packets can be put in at every place', async () => {
    await using rig = await engineRig(make);
    rig.install();
    rig.sent.length = 0;
    const raw = Uint8Array.of(1, 2, 3);
    const packet = ipPacket({ from: INNER, to: FAR_INNER });
    expect(
      rig.engine.inject([
        { kind: 'udp', to: { ip: '192.0.2.77', port: 3_478 }, data: raw },
        { kind: 'to-host', data: packet },
        { kind: 'from-host', data: packet },
        { kind: 'to-peer', peer: 404, data: packet },
      ]),
    ).toBe(3);
    expect(rig.sent.map(({ to }) => to.ip)).toEqual(['192.0.2.77', FAR.ip]);
    expect(rig.toHost).toEqual([packet]);
  });
}
