/** Packets to the service addresses and what comes back, byte for byte; TCP against a kernel that is played by the test. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseIp } from '#shared/ip/address.ts';
import { silent } from '#shared/log/log.ts';
import { decoded, queryFor, world } from '../testing/world.ts';
import { adjusted, inverted, sum16 } from './checksum.ts';
import { get16, put16, readPacket } from './packet.ts';
import { DnsService } from './service.ts';

const bytesOf = (ip: string): Uint8Array => parseIp(ip) ?? new Uint8Array();
const OWN = { 4: bytesOf('100.64.0.1'), 6: bytesOf('fd7a:115c:a1e0::1') };
const SERVICE = { 4: bytesOf('100.100.100.100'), 6: bytesOf('fd7a:115c:a1e0::53') };
const CHECKSUM_AT: Readonly<Record<number, number>> = { 1: 2, 6: 16, 17: 6, 58: 2 };

interface Sent {
  readonly version: 4 | 6;
  readonly protocol: number;
  readonly from?: Uint8Array;
  readonly to?: Uint8Array;
  readonly payload: Uint8Array;
}

/** With all checksums right, as the kernel makes it. */
function packetOf({
  version,
  protocol,
  from = OWN[version],
  to = SERVICE[version],
  payload,
}: Sent): Uint8Array {
  const at = version === 4 ? 20 : 40;
  const out = new Uint8Array(at + payload.length);
  if (version === 4) {
    out.set([0x45, 0, out.length >> 8, out.length & 255, 0, 9, 0, 0, 64, protocol]);
    out.set(from, 12);
    out.set(to, 16);
    put16(out, 10, inverted(sum16(out, 0, 20)));
  } else {
    out.set([0x60, 0, 0, 0, payload.length >> 8, payload.length & 255, protocol, 64]);
    out.set(from, 8);
    out.set(to, 24);
  }
  out.set(payload, at);
  put16(out, at + (CHECKSUM_AT[protocol] as number), 0);
  put16(out, at + (CHECKSUM_AT[protocol] as number), inverted(wholeSum(out)));
  return out;
}

/** All ones when the checksums hold. */
function wholeSum(packet: Uint8Array): number {
  const read = readPacket(packet);
  if (read === undefined) return 0;
  const { addressesAt, addressSize, protocol, at, end } = read;
  const isBare = protocol === 1;
  const pseudo = isBare ? 0 : sum16(packet, addressesAt, addressesAt + 2 * addressSize, protocol + end - at);
  return sum16(packet, at, end, pseudo);
}

const udp = (source: number, destination: number, payload: Uint8Array): Uint8Array => {
  const out = new Uint8Array(8 + payload.length);
  put16(out, 0, source);
  put16(out, 2, destination);
  put16(out, 4, out.length);
  out.set(payload, 8);
  return out;
};

const tcp = (source: number, destination: number, flags: number, payload = new Uint8Array()): Uint8Array => {
  const out = new Uint8Array(20 + payload.length);
  put16(out, 0, source);
  put16(out, 2, destination);
  out.set([0, 0, 1, 0], 4);
  out[12] = 0x50;
  out[13] = flags;
  out.set(payload, 20);
  return out;
};

function setup() {
  const { resolver, clock } = world();
  const sent: Uint8Array[] = [];
  const service = new DnsService({ resolver, clock, log: silent, toHost: (packet) => sent.push(packet) });
  const ask = (packet: Uint8Array) => {
    service.packet(packet);
    return sent.pop();
  };
  return { service, ask, clock };
}

const check = (packet: Uint8Array | undefined): Uint8Array => {
  if (packet === undefined) throw new Error('no answer');
  expect(wholeSum(packet)).toBe(0xffff);
  if (packet[0] === 0x45) expect(sum16(packet, 0, 20)).toBe(0xffff);
  return packet;
};

describe.each([4, 6] as const)('IPv%i', (version) => {
  const at = version === 4 ? 20 : 40;
  const addresses = (packet: Uint8Array) => {
    const from = version === 4 ? 12 : 8;
    const size = version === 4 ? 4 : 16;
    return [packet.slice(from, from + size), packet.slice(from + size, from + 2 * size)];
  };

  test('a datagram with a question comes back with the answer', () => {
    const payload = udp(40_000, 53, new Uint8Array(queryFor('box.net.test', 'A')));
    const answer = check(setup().ask(packetOf({ version, protocol: 17, payload })));
    expect(addresses(answer)).toEqual([SERVICE[version], OWN[version]]);
    expect([get16(answer, at), get16(answer, at + 2)]).toEqual([53, 40_000]);
    expect(decoded(answer.slice(at + 8)).answers).toMatchObject([{ data: '100.64.0.7' }]);
  });

  test('another port is told to be unreachable', () => {
    const sent = packetOf({ version, protocol: 17, payload: udp(40_000, 54, new Uint8Array(20)) });
    const answer = check(setup().ask(sent));
    expect([answer[at], answer[at + 1]]).toEqual(version === 4 ? [3, 3] : [1, 4]);
    expect(answer.slice(at + 8, at + 8 + at + 8)).toEqual(sent.slice(0, at + 8));
  });

  test('echo is answered', () => {
    const payload = Uint8Array.from([version === 4 ? 8 : 128, 0, 0, 0, 1, 2, 3, 4, 5]);
    const answer = check(setup().ask(packetOf({ version, protocol: version === 4 ? 1 : 58, payload })));
    expect(answer[at]).toBe(version === 4 ? 0 : 129);
    expect(answer.slice(at + 4)).toEqual(payload.slice(4));
  });

  test('a connection to a port without listener is reset, a reset is not', () => {
    const { ask } = setup();
    const answer = check(ask(packetOf({ version, protocol: 6, payload: tcp(40_000, 80, 2) })));
    expect([answer[at + 13], [...answer.slice(at + 8, at + 12)]]).toEqual([0x14, [0, 0, 1, 1]]);
    expect(ask(packetOf({ version, protocol: 6, payload: tcp(40_000, 80, 4) }))).toBeUndefined();
  });

  test('a connection is turned to its listener and back', () => {
    const { service, ask } = setup();
    service.reflection.set(53, { ip: OWN[version], port: 7_777 });
    const there = check(ask(packetOf({ version, protocol: 6, payload: tcp(40_000, 53, 2) })));
    expect(addresses(there)).toEqual([SERVICE[version], OWN[version]]);
    expect([get16(there, at), get16(there, at + 2)]).toEqual([40_000, 7_777]);
    const payload = tcp(7_777, 40_000, 0x12, Uint8Array.from([1, 2, 3]));
    const back = check(ask(packetOf({ version, protocol: 6, payload })));
    expect(addresses(back)).toEqual([SERVICE[version], OWN[version]]);
    expect([get16(back, at), get16(back, at + 2)]).toEqual([53, 40_000]);
    expect([...back.slice(at + 20)]).toEqual([1, 2, 3]);
  });

  test('two programs with one port at different addresses are not mixed up', () => {
    const { service, ask, clock } = setup();
    service.reflection.set(53, { ip: OWN[version], port: 7_777 });
    const other = bytesOf(version === 4 ? '192.0.2.9' : '2001:db8::9');
    ask(packetOf({ version, protocol: 6, payload: tcp(40_000, 53, 2) }));
    const refused = packetOf({ version, protocol: 6, from: other, payload: tcp(40_000, 53, 2) });
    expect((ask(refused)?.[at + 13] ?? 0) & 4).toBe(4);
    return clock.advance(300_000).then(() => {
      expect((ask(refused)?.[at + 13] ?? 4) & 4).toBe(0);
    });
  });
});

describe('bad packets', () => {
  test('no bytes make it throw', () => {
    const { service } = setup();
    service.reflection.set(53, { ip: OWN[4], port: 7_777 });
    const good = packetOf({ version: 4, protocol: 6, payload: tcp(40_000, 53, 2) });
    const changed = fc
      .tuple(fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 5 }), fc.nat(60))
      .map(([changes, length]) => {
        const out = good.slice(0, length);
        for (const [where, value] of changes) if (where < out.length) out[where] = value;
        return out;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), changed), (bytes) => service.packet(bytes)),
      { numRuns: 3_000 },
    );
  });

  test('fragments, and what is for others, are not answered', () => {
    const { ask } = setup();
    const payload = udp(40_000, 53, new Uint8Array(queryFor('box.net.test', 'A')));
    const fragment = packetOf({ version: 4, protocol: 17, payload });
    fragment[6] = 0x20;
    expect(ask(fragment)).toBeUndefined();
    expect(ask(packetOf({ version: 4, protocol: 17, payload, to: OWN[4] }))).toBeUndefined();
  });

  test('a checksum by difference is the whole one', () =>
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 40, maxLength: 40 }),
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        (bytes, change) => {
          fc.pre(sum16(bytes, 8, 40) !== 0);
          const checksum = inverted(sum16(bytes, 0, 40));
          const before = sum16(bytes, 0, 8);
          bytes.set(change);
          expect(adjusted(checksum, before, sum16(change, 0, 8))).toBe(inverted(sum16(bytes, 0, 40)));
        },
      ),
    ));
});
