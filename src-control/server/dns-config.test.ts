/** The `dns` part of the configuration: what it comes to, and every mistake with its place. */
import { describe, expect, test } from 'vitest';
import { dnsConfig, dnsSettings, refuseOverlap } from './dns-config.ts';

const read = (given: object) => dnsConfig(dnsSettings.parse(given), undefined);
const KEY = { keyName: 'rhumb.key', keySecret: 'YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgb2s=' };
const UPDATE = { server: '192.0.2.53', zone: 'vpn.example.com', ...KEY };

describe('what it comes to', () => {
  test('nothing said is nothing told', () =>
    expect(dnsConfig(undefined, undefined)).toMatchObject({
      settings: { choice: {}, records: [], canPublish: false },
      responder: undefined,
      publish: undefined,
    }));

  test('the key outside is the same as the one inside, and they must not differ', () => {
    expect(dnsConfig(undefined, true).settings.choice.magicDns).toBe(true);
    expect(dnsConfig({ magicDns: true }, true).settings.choice.magicDns).toBe(true);
    expect(() => dnsConfig({ magicDns: true }, false)).toThrow(/leave that out/);
  });

  test('the responder is announced at its own address, without port 53', () => {
    const address = (responder: object) => read({ responder }).settings.responderAddress;
    expect(address({ listen: '100.64.0.1:53' })).toBe('100.64.0.1');
    expect(address({ listen: '100.64.0.1:5353' })).toBe('100.64.0.1:5353');
    expect(address({ listen: '[fd7a::1]:53' })).toBe('fd7a::1');
    expect(address({ listen: ':53', address: '192.0.2.1' })).toBe('192.0.2.1');
  });

  test('a way to publish makes certificates possible, and its secret is not printed', () => {
    const config = read({ https: { update: UPDATE, check: ['192.0.2.54', '[2001:db8::1]:5353'] } });
    expect(config.settings.canPublish).toBe(true);
    expect(config.publish).toMatchObject({
      way: { kind: 'update', server: { host: '192.0.2.53', port: 53 }, zone: 'vpn.example.com' },
      check: ['192.0.2.54:53', '[2001:db8::1]:5353'],
      timeoutMs: 60_000,
      keepMs: 600_000,
    });
    expect(JSON.stringify(config)).not.toContain(KEY.keySecret);
  });
});

describe('mistakes', () => {
  test.each([
    [{ overrideLocalDns: true }, /dns\.overrideLocalDns needs/],
    [{ nameservers: ['x'] }, /dns\.nameservers\.0: "x"/],
    [{ extraRecords: [{ name: 'a', value: '1.1.1.1' }] }, /dns\.extraRecords: entry 0: /],
    [{ overrides: [{ nameservers: ['1.1.1.1'] }] }, /dns\.overrides\.0: say for whom/],
    [{ overrides: [{ tags: ['kiosk'] }] }, /write tag:kiosk/],
    [{ overrides: [{ users: ['a'], splitDns: { 'a.b': ['x'] } }] }, /dns\.overrides\.0\.splitDns\.a\.b\.0/],
    [{ exitNodeFilteredSet: ['*.a.b'] }, /dns\.exitNodeFilteredSet\.0/],
    [{ responder: { listen: ':53' } }, /at which address machines reach/],
    [{ responder: { listen: 'host:53' } }, /an address of this machine/],
    [{ responder: { listen: '1.2.3.4:53', clients: ['x'] } }, /dns\.responder\.clients\.0/],
    [{ https: {} }, /give one of update, exec and responder/],
    [{ https: { responder: true } }, /there is no responder/],
    [{ https: { exec: ['/bin/true'], update: UPDATE } }, /give one of/],
    [{ https: { exec: ['/bin/true'], timeout: '10m' } }, /between 1s and 5m/],
    [{ https: { exec: ['/bin/true'], check: ['ns.example.com'] } }, /dns\.https\.check\.0/],
    [{ https: { update: { ...UPDATE, keySecret: 'short' } } }, /at least 16 bytes/],
    [{ https: { update: { ...UPDATE, keySecret: undefined } } }, /keySecret or keySecretFile/],
    [
      { https: { update: { ...UPDATE, keySecret: undefined, keySecretFile: '/nowhere' } } },
      /can't read the secret/,
    ],
  ])('%j', (given, words) => expect(() => read(given)).toThrow(words));

  test.each([
    ['net.example', 'https://net.example', true],
    ['net.example', 'https://vpn.net.example:8443', true],
    ['net.example', 'https://VPN.net.example.', true],
    ['net.example', 'https://example', false],
    ['net.example', 'https://xnet.example', false],
    ['vpn.net.example', 'https://net.example', false],
  ])('the base domain %s with the server at %s: %s', (domain, url, isRefused) => {
    const check = (): void => refuseOverlap(domain, url);
    if (isRefused) expect(check).toThrow(/must not lie in the base domain/);
    else expect(check).not.toThrow();
  });
});
