/** The relay's flags: defaults, the official spellings, and what is refused in one line. */
import { expect, test } from 'vitest';
import { parseFlags, type RelayOptions } from './flags.ts';

const parse = (line: string) => parseFlags(line === '' ? [] : line.split(' '), { socket: '/sock' });
function options(line: string): RelayOptions {
  const flags = parse(line);
  if (flags.kind !== 'run') throw new Error(JSON.stringify(flags));
  return flags.options;
}

test('with a name alone it is a relay on the usual ports with a certificate of an authority', () => {
  expect(options('--hostname relay.example.com')).toMatchObject({
    listen: { host: '::', port: 443 },
    tls: { mode: 'letsencrypt', host: 'relay.example.com', folder: '/var/lib/rhumb-relay/certs' },
    httpPort: 80,
    stunPorts: [3_478],
    answersGenericStun: true,
    servesDerp: true,
    keyFile: '/var/lib/rhumb-relay/relay.key',
    verifyBySocket: undefined,
    verifyUrl: undefined,
    isVerifyFailOpen: true,
    home: { kind: 'page' },
  });
});

test.each<[string, object]>([
  ['-a :8443', { listen: { host: '::', port: 8_443 }, tls: undefined, httpPort: undefined }],
  ['-a=192.0.2.1:443 -hostname=r.test', { listen: { host: '192.0.2.1', port: 443 } }],
  ['-a [2001:db8::1]:8443 --certmode self --hostname 2001:db8::1', { tls: { mode: 'self' } }],
  ['--hostname r.test --http-port -1', { httpPort: undefined, tls: { acme: { challenge: 'tls-alpn-01' } } }],
  ['--hostname r.test -stun=false', { stunPorts: [] }],
  ['--hostname r.test --stun-port 1,2,3', { stunPorts: [1, 2, 3] }],
  ['--hostname r.test -derp=false', { servesDerp: false }],
  ['--hostname r.test --stun-generic=false', { answersGenericStun: false }],
  ['--hostname r.test -verify-clients', { verifyBySocket: '/sock' }],
  ['--hostname r.test -verify-clients --socket /other', { verifyBySocket: '/other' }],
  ['--hostname r.test -verify-client-url-fail-open=false', { isVerifyFailOpen: false }],
  ['--hostname r.test --home blank', { home: { kind: 'blank' } }],
  [
    '--hostname r.test --mesh-psk-file /k --mesh-with a.test,b.test:8443,c.test/192.0.2.7',
    {
      meshKeyFile: '/k',
      meshWith: [
        { host: 'a.test', port: 443, dialHost: 'a.test' },
        { host: 'b.test', port: 8_443, dialHost: 'b.test' },
        { host: 'c.test', port: 443, dialHost: '192.0.2.7' },
      ],
    },
  ],
  ['--dev', { listen: { host: '::', port: 3_340 }, tls: undefined, keyFile: undefined }],
  ['--hostname r.test --accept-connection-limit 50', { acceptPerSecond: 50, acceptBurst: 50 }],
])('%s', (line, wanted) => expect(options(line)).toMatchObject(wanted));

test.each([
  ['', 'give --hostname'],
  ['--hostname 192.0.2.1', 'use --certmode self'],
  ['--hostname a..b', 'must be a host name or an IP address'],
  ['-a 443 --hostname r.test', 'write :443'],
  ['--hostname r.test --stun-port 99999', 'must be a port'],
  ['--hostname r.test --certmode gcp', 'use manual, self, letsencrypt'],
  ['--hostname r.test --mesh-with a.test', '--mesh-with needs --mesh-psk-file'],
  ['--hostname r.test --mesh-with a/b/c', 'is not host'],
  ['--hostname r.test --verify-client-url ftp://x', 'must be an http or https URL'],
  ['--hostname r.test --derp=maybe', 'must be true or false'],
  ['--hostname r.test --derp=false --stun=false', 'leave nothing to do'],
  ['--hostnam r.test', 'did you mean --hostname?'],
  ['--hostname r.test extra', 'too many arguments'],
])('%s is refused', (line, why) => {
  const flags = parse(line);
  expect(flags).toMatchObject({ kind: 'error' });
  if (flags.kind === 'error') {
    expect(flags.text).toContain(why);
    expect(flags.text).toMatch(/^rhumb-relay: [^\n]*$/);
  }
});

test('help and version are no errors', () => {
  expect(parse('--help').kind).toBe('help');
  expect(parse('--version').kind).toBe('version');
});
