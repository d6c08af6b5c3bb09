/** NAT-PMP, PCP and SSDP messages: the vectors of the specification, what is refused, and that nothing makes them throw. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../bytes/hex.ts';
import { decodePmp, encodeAddressRequest, encodePmpMap } from './nat-pmp.ts';
import { decodePcp, encodeAnnounce, encodePcpMap } from './pcp.ts';
import { decodeSsdp, orderReplies, type SsdpReply, searches } from './ssdp.ts';

const hex = (text: string): Uint8Array => {
  const bytes = fromHex(text.replaceAll(' ', ''));
  if (bytes === undefined) throw new Error(text);
  return bytes;
};
const SELF = Uint8Array.of(192, 168, 1, 7);

describe('NAT-PMP', () => {
  test('asks for the address', () => expect(toHex(encodeAddressRequest())).toBe('0000'));

  test('asks for a port', () =>
    expect(toHex(encodePmpMap({ internalPort: 41_641, externalPort: 1_234, lifetimeS: 7_200 }))).toBe(
      '00010000a2a904d200001c20',
    ));

  test.each([
    {
      name: 'an address',
      data: '0080 0000 00000102 cb007109',
      want: { type: 'address', epochS: 258, ip: Uint8Array.of(203, 0, 113, 9) },
    },
    {
      name: 'a mapping',
      data: '0081 0000 00000102 a2a9 04d2 00001c20',
      want: { type: 'map', epochS: 258, internalPort: 41_641, externalPort: 1_234, lifetimeS: 7_200 },
    },
    {
      name: 'a refusal of a mapping without its fields',
      data: '0081 0002 00000102',
      want: { type: 'refused', op: 'map', result: 2 },
    },
    {
      name: 'a refusal of the address',
      data: '0080 0003 00000102 00000000',
      want: { type: 'refused', op: 'address', result: 3 },
    },
    { name: 'an address that is cut short', data: '0080 0000 00000102 cb0071', want: undefined },
    { name: 'a mapping that is too long', data: '0081 0000 00000102 a2a9 04d2 00001c20 00', want: undefined },
    { name: 'a mapping for TCP', data: '0082 0000 00000102 a2a9 04d2 00001c20', want: undefined },
    { name: 'a request', data: '0001 0000 a2a9 04d2 00001c20', want: undefined },
    { name: 'another version', data: '0180 0000 00000102 cb007109', want: undefined },
    { name: 'nothing', data: '', want: undefined },
  ])('reads $name', ({ data, want }) => expect(decodePmp(hex(data))).toEqual(want));
});

describe('PCP', () => {
  const NONCE = hex('81700918f1d0fb2d9d4c0abc');

  test('announces itself', () =>
    expect(toHex(encodeAnnounce(SELF))).toBe(`0200000000000000${'00000000000000000000ffff'}c0a80107`));

  test('asks for a port', () =>
    expect(
      toHex(
        encodePcpMap({
          self: SELF,
          nonce: NONCE,
          internalPort: 1_234,
          externalPort: 0,
          external: new Uint8Array(4),
          lifetimeS: 7_200,
        }),
      ),
    ).toBe(
      '0201000000001c20' +
        '00000000000000000000ffffc0a80107' +
        '81700918f1d0fb2d9d4c0abc' +
        '1100000004d20000' +
        '00000000000000000000ffff00000000',
    ));

  // nat-traversal.md §10.7
  const GRANTED =
    '0281000000001c2000029bed000000000000000000000000' +
    '81700918f1d0fb2d9d4c0abc1100000004d204d2' +
    '00000000000000000000ffff87b4aff6';
  test.each([
    {
      name: 'a mapping',
      data: GRANTED,
      want: {
        type: 'map',
        epochS: 170_989,
        lifetimeS: 7_200,
        nonce: NONCE,
        internalPort: 1_234,
        externalPort: 1_234,
        external: Uint8Array.of(135, 180, 175, 246),
      },
    },
    {
      name: 'a refusal',
      data: GRANTED.replace('02810000', '02810002'),
      want: { type: 'refused', result: 2, epochS: 170_989, lifetimeS: 7_200, nonce: NONCE },
    },
    {
      name: 'an announcement',
      data: '0280000c0000000000029bed000000000000000000000000',
      want: { type: 'announce', result: 12, epochS: 170_989 },
    },
    { name: 'a mapping for TCP', data: GRANTED.replace('bc11', 'bc06'), want: undefined },
    { name: 'a mapping that is cut short', data: GRANTED.slice(0, -8), want: undefined },
    { name: 'a length that is no multiple of four', data: `${GRANTED}00`, want: undefined },
    { name: 'a request', data: GRANTED.replace('0281', '0201'), want: undefined },
    { name: 'another version', data: GRANTED.replace('0281', '0181'), want: undefined },
    { name: 'more than may be sent', data: GRANTED + '00'.repeat(1_100), want: undefined },
  ])('reads $name', ({ data, want }) => expect(decodePcp(hex(data))).toEqual(want));

  test('what is asked can be answered', () => {
    const port = fc.integer({ min: 1, max: 65_535 });
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 12, maxLength: 12 }),
        port,
        port,
        (nonce, internal, external) => {
          const answer = encodePcpMap({
            self: SELF,
            nonce,
            internalPort: internal,
            externalPort: external,
            external: SELF,
            lifetimeS: 600,
          });
          answer[1] = 0x81;
          answer.set([0, 0, 0, 0], 8);
          expect(decodePcp(answer)).toMatchObject({
            type: 'map',
            nonce,
            internalPort: internal,
            externalPort: external,
            external: SELF,
            lifetimeS: 600,
          });
        },
      ),
    );
  });
});

describe('SSDP', () => {
  const text = (lines: readonly string[]): Uint8Array =>
    new TextEncoder().encode(`${lines.join('\r\n')}\r\n\r\n`);
  const USN = 'uuid:1::urn:schemas-upnp-org:device:InternetGatewayDevice:1';
  const reply = (location: string, usn = USN): Uint8Array =>
    text(['HTTP/1.1 200 OK', `LOCATION: ${location}`, 'Server: box/1', `USN: ${usn}`]);
  const GATEWAY = '192.168.1.1';

  test('searches the router, then everybody, then everybody by name', () => {
    const sent = searches(GATEWAY).map(({ to, datagram }) => [to.ip, new TextDecoder().decode(datagram)]);
    expect(sent.map(([ip]) => ip)).toEqual([GATEWAY, '239.255.255.250', '239.255.255.250']);
    expect(sent[0]?.[1]).toBe(
      'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nST: ssdp:all\r\nMAN: "ssdp:discover"\r\nMX: 2\r\n\r\n',
    );
    expect(sent[2]?.[1]).toContain('ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n');
  });

  test.each([
    ['at the router', 'http://192.168.1.1:5000/root.xml?a=1', 'http://192.168.1.1:5000/root.xml?a=1'],
    ['elsewhere, bent to the router', 'http://10.9.9.9:5000/root.xml', 'http://192.168.1.1:5000/root.xml'],
    ['with a name', 'http://evil.example/root.xml', 'http://192.168.1.1/root.xml'],
    ['with a password', 'http://a:b@192.168.1.1/x', 'http://192.168.1.1/x'],
    ['over TLS', 'https://192.168.1.1/root.xml', undefined],
    ['in a file', 'file:///etc/passwd', undefined],
    ['that is none', 'root.xml', undefined],
    ['that is too long', `http://192.168.1.1/${'a'.repeat(2_000)}`, undefined],
    ['that is empty', '', undefined],
  ])('a location %s', (_name, location, want) =>
    expect(decodeSsdp(reply(location), GATEWAY)?.location).toBe(want),
  );

  test.each([
    ['of a printer', reply('http://192.168.1.1/', 'uuid:1::urn:schemas-upnp-org:device:Printer:1')],
    ['of a search', text(['M-SEARCH * HTTP/1.1', 'LOCATION: http://192.168.1.1/', `USN: ${USN}`])],
    ['of a refusal', text(['HTTP/1.1 404 No', 'LOCATION: http://192.168.1.1/', `USN: ${USN}`])],
    ['that is too long', text(['HTTP/1.1 200 OK', `X: ${'a'.repeat(3_000)}`, `USN: ${USN}`])],
    ['of nothing', new Uint8Array()],
  ])('a reply %s is none', (_name, data) => expect(decodeSsdp(data, GATEWAY)).toBeUndefined());

  test('version 2 comes before 1, and each description once', () => {
    const one: SsdpReply = { location: 'http://192.168.1.1/1', server: 'a', usn: USN };
    const two = { ...one, location: 'http://192.168.1.1/2', usn: USN.replace(/1$/, '2') };
    expect(orderReplies([one, two, one])).toEqual([two, one]);
    const many = Array.from({ length: 50 }, (_, i) => ({ ...one, location: `http://192.168.1.1/${i}` }));
    expect(orderReplies(many)).toHaveLength(12);
  });
});

test('no bytes make a reader throw, and what is read as a location is at the router', () => {
  const noise = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(noise, fc.constantFrom(0x80, 0x81, 0x00), fc.constantFrom(0, 1, 2), (data, op, version) => {
      for (const bytes of [data, Uint8Array.of(version, op, ...data)]) {
        decodePmp(bytes);
        decodePcp(bytes);
      }
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 300 }), fc.webUrl()), (location) => {
      const data = new TextEncoder().encode(
        `HTTP/1.1 200 OK\r\nLocation: ${location}\r\nUSN: :InternetGatewayDevice:\r\n\r\n`,
      );
      const read = decodeSsdp(data, '192.168.1.1');
      if (read !== undefined) expect(new URL(read.location).hostname).toBe('192.168.1.1');
    }),
  );
});
