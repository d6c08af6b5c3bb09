/** Descriptions and answers of UPnP routers: what is read from them, what is refused, and that none of it throws. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { servicesOf } from './igd.ts';
import { envelope, readSoap } from './soap.ts';
import { atGateway } from './url.ts';
import { child, parseXml, textOf } from './xml.ts';

const LOCATION = 'http://192.168.1.1:5000/rootDesc.xml';
const GATEWAY = '192.168.1.1';
const IP2 = 'urn:schemas-upnp-org:service:WANIPConnection:2';
const IP1 = 'urn:schemas-upnp-org:service:WANIPConnection:1';
const PPP1 = 'urn:schemas-upnp-org:service:WANPPPConnection:1';
const OLD = 'urn:dslforum-org:service:WANIPConnection:1';

const service = (type: string, url: string): string =>
  `<service><serviceType>${type}</serviceType><controlURL>${url}</controlURL></service>`;
const device = (services: string, inner = ''): string =>
  `<device><serviceList>${services}</serviceList>${inner === '' ? '' : `<deviceList>${inner}</deviceList>`}</device>`;
const root = (inside: string, base = ''): string =>
  `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">${base}${inside}</root>`;

describe('a description', () => {
  test('is looked through at every depth, best service first', () => {
    const xml = root(
      device(
        service('urn:schemas-upnp-org:service:Layer3Forwarding:1', '/l3f'),
        device(
          service(OLD, '/old'),
          device(service(PPP1, '/ppp') + service(IP1, '/ip1')) + device(service(IP2, '/ip2')),
        ),
      ),
    );
    expect(servicesOf(xml, LOCATION, GATEWAY)).toEqual([
      { type: IP2, controlUrl: 'http://192.168.1.1:5000/ip2' },
      { type: IP1, controlUrl: 'http://192.168.1.1:5000/ip1' },
      { type: PPP1, controlUrl: 'http://192.168.1.1:5000/ppp' },
      { type: OLD, controlUrl: 'http://192.168.1.1:5000/old' },
    ]);
  });

  test.each([
    { name: 'relative', url: 'ctl/IP', base: '', want: 'http://192.168.1.1:5000/ctl/IP' },
    { name: 'absolute', url: 'http://192.168.1.1:80/c', base: '', want: 'http://192.168.1.1/c' },
    { name: 'of another machine', url: 'http://10.0.0.9:81/c', base: '', want: 'http://192.168.1.1:81/c' },
    {
      name: 'relative to a base',
      url: '/c',
      base: '<URLBase>http://192.168.1.1:2869/</URLBase>',
      want: 'http://192.168.1.1:2869/c',
    },
    {
      name: 'relative to a base elsewhere',
      url: '/c',
      base: '<URLBase>http://attacker.example:99/</URLBase>',
      want: 'http://192.168.1.1:99/c',
    },
    { name: 'with entities', url: '/c?a=1&amp;b=2', base: '', want: 'http://192.168.1.1:5000/c?a=1&b=2' },
    { name: 'with an empty base', url: '/c', base: '<URLBase></URLBase>', want: 'http://192.168.1.1:5000/c' },
  ])('with a control url that is $name', ({ url, base, want }) =>
    expect(servicesOf(root(device(service(IP1, url)), base), LOCATION, GATEWAY)).toEqual([
      { type: IP1, controlUrl: want },
    ]),
  );

  test.each([
    ['with a document type', `<!DOCTYPE a [<!ENTITY x "y">]>${root(device(service(IP1, '/c')))}`],
    ['that is too long', root(device(service(IP1, '/c')) + ' '.repeat(70_000))],
    ['that nests too deep', `${'<a>'.repeat(300)}${'</a>'.repeat(300)}`],
    ['that is no XML', 'GET / HTTP/1.1'],
    ['without services', root(device(''))],
    ['of nothing', ''],
  ])('%s has none', (_name, xml) => expect(servicesOf(xml, LOCATION, GATEWAY)).toEqual([]));

  test('of a thousand services is read up to a bound', () => {
    const xml = root(device(service(IP1, '/c').repeat(400)));
    expect(servicesOf(xml, LOCATION, GATEWAY)).toHaveLength(16);
  });
});

describe('a call', () => {
  const call = {
    service: { type: IP1, controlUrl: LOCATION },
    action: 'AddPortMapping',
    args: [
      ['NewRemoteHost', ''],
      ['NewPortMappingDescription', `a<b>&"'`],
    ],
    localIp: '192.168.1.7',
  } as const;

  test('is an envelope whose values cannot break out', () => {
    const xml = envelope(call);
    expect(xml).toContain(`<u:AddPortMapping xmlns:u="${IP1}"><NewRemoteHost></NewRemoteHost>`);
    expect(xml).toContain('a&lt;b&gt;&amp;&quot;&apos;');
    const body = child(child(parseXml(xml), 'Envelope'), 'Body');
    expect(textOf(child(body, 'AddPortMapping'), 'NewPortMappingDescription')).toBe(`a<b>&"'`);
  });

  const answer = (inside: string): string =>
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${inside}</s:Body></s:Envelope>`;
  const fault = (inside: string): string =>
    answer(
      `<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>${inside}</detail></s:Fault>`,
    );

  test('is answered with values', () => {
    const xml = answer(
      `<u:GetXResponse xmlns:u="${IP1}"><NewExternalIPAddress>203.0.113.9</NewExternalIPAddress></u:GetXResponse>`,
    );
    const result = readSoap(xml, 'GetX', 200);
    expect(result.ok && textOf(result.values, 'NewExternalIPAddress')).toBe('203.0.113.9');
  });

  test.each(['<u:AddResponse/>', '<u:AddResponse></u:AddResponse>'])(
    'is answered by %s with nothing',
    (xml) => expect(readSoap(answer(xml), 'Add', 200)).toEqual({ ok: true, values: {} }),
  );

  test.each([
    {
      name: 'a number',
      xml: fault(
        '<UPnPError><errorCode>718</errorCode><errorDescription>Conflict</errorDescription></UPnPError>',
      ),
      status: 500,
      want: { ok: false, code: 718, why: 'Conflict' },
    },
    {
      name: 'a number and status 200',
      xml: fault('<UPnPError><errorCode>725</errorCode></UPnPError>'),
      status: 200,
      want: { ok: false, code: 725, why: 'UPnPError' },
    },
    { name: 'a fault without one', xml: fault(''), status: 500, want: { ok: false, code: undefined } },
    { name: 'a status', xml: '', status: 404, want: { ok: false, code: undefined, why: 'http status 404' } },
    {
      name: 'the answer to something else',
      xml: answer('<u:OtherResponse/>'),
      status: 200,
      want: { ok: false, code: undefined },
    },
    {
      name: 'a number that is none',
      xml: fault('<UPnPError><errorCode>x</errorCode></UPnPError>'),
      status: 500,
      want: { ok: false, code: undefined },
    },
  ])('is refused with $name', ({ xml, status, want }) =>
    expect(readSoap(xml, 'Add', status)).toMatchObject(want),
  );
});

test('no text makes a reader throw, and every control url is at the router', () => {
  const words = fc.constantFrom(
    '<root>',
    '</root>',
    '<device>',
    '</device>',
    '<serviceList>',
    '<service>',
    '</service>',
    '<serviceType>',
    IP1,
    '</serviceType>',
    '<controlURL>',
    'http://evil/',
    '</controlURL>',
    '<![CDATA[',
    ']]>',
    '<!--',
    '&lt;',
    '<__proto__>',
    '<constructor>',
    '<a:b c="d"/>',
  );
  const soup = fc.array(fc.oneof(words, fc.string({ maxLength: 8 })), { maxLength: 40 });
  fc.assert(
    fc.property(soup, (parts) => {
      const xml = parts.join('');
      for (const { controlUrl } of servicesOf(xml, LOCATION, GATEWAY))
        expect(new URL(controlUrl).hostname).toBe(GATEWAY);
      readSoap(xml, 'Add', 200);
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true })), (text) => {
      const url = atGateway(text, GATEWAY, LOCATION);
      if (url !== undefined) expect(new URL(url).hostname).toBe(GATEWAY);
    }),
  );
});
