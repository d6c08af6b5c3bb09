/** Configurations written for Headscale: recognised, taken over key by key, and nothing of them lost without a word. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Config, loadConfig } from '../config.ts';
import { readHeadscaleConfig } from '../config-schema.ts';
import { isHeadscale } from './read.ts';

const dir = mkdtempSync(join(tmpdir(), 'rhumb-hs-config-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const BASE =
  'server_url: https://vpn.example.com\nlisten_addr: 0.0.0.0:443\nnoise: {private_key_path: noise.key}\n';

function write(text: string): string {
  const file = join(dir, 'config.yaml');
  writeFileSync(file, text);
  return file;
}
const load = (text: string): Config => loadConfig(write(BASE + text), {});
const ignored = (text: string): Record<string, string> =>
  Object.fromEntries(
    (readHeadscaleConfig(write(BASE + text))?.ignored ?? []).map(({ key, why }) => [key, why]),
  );

describe('what it is', () => {
  test.each([
    [{ server_url: 'x', noise: {} }, true],
    [{ SERVER_URL: 'x', Derp: {} }, true],
    [{ server_url: 'x' }, false],
    [{ noise: {} }, false],
    [{ server_url: 'x', noise: {}, stateDir: '/x' }, false],
    [{ serverUrl: 'x', listen: ':1' }, false],
    [['server_url'], false],
    [null, false],
  ])('%j: %s', (value, is) => expect(isHeadscale(value)).toBe(is));

  test('a slip in a file of our own is still a slip', () => {
    expect(() => loadConfig(write('server_url: https://vpn.example.com\nstateDir: /x\n'), {})).toThrow(
      /unknown key "server_url": did you mean "serverUrl"\? \(line 1\)/,
    );
  });
});

describe('its keys', () => {
  test('come to ours', () => {
    const config = load(`
metrics_listen_addr: 127.0.0.1:9090
trusted_proxies: [10.0.0.0/8]
data_dir: /srv/rhumb
prefixes: {v4: 100.64.8.0/24, v6: "fd7a:115c:a1e0:8::/64", allocation: random}
derp:
  server:
    enabled: true
    region_id: 900
    region_code: lab
    region_name: Laboratory
    verify_clients: false
    stun_listen_addr: "0.0.0.0:3478"
    ipv4: 192.0.2.1
  urls: [https://relays.example.com/map.json]
  paths: [/etc/relays.yaml]
  update_frequency: 90m
node:
  expiry: 180d
  ephemeral: {inactivity_timeout: 30m}
  routes: {ha: {probe_interval: 2500ms, probe_timeout: 2s}}
tls_cert_path: cert.pem
tls_key_path: /keys/key.pem
log: {level: trace}
policy: {mode: file, path: policy.hujson}
dns:
  magic_dns: true
  base_domain: net.example.org
  override_local_dns: false
  nameservers:
    global: [192.0.2.53]
    split: {corp.example.com: [192.0.2.54]}
  search_domains: [corp.example.com]
  extra_records: [{name: grafana.net.example.org, type: A, value: 100.64.8.3}]
`);
    expect(config).toMatchObject({
      ...{ serverUrl: 'https://vpn.example.com', listen: { host: '0.0.0.0', port: 443 } },
      ...{ stateDir: '/srv/rhumb', metricsListen: { host: '127.0.0.1', port: 9_090 } },
      tls: { certFile: join(dir, 'cert.pem'), keyFile: '/keys/key.pem' },
      ...{ logLevel: 'debug', keyLifetimeMs: 180 * 86_400_000, ephemeralTimeoutMs: 1_800_000 },
      ...{ baseDomain: 'net.example.org', policy: { file: join(dir, 'policy.hujson') } },
      ...{ derpMapUrls: ['https://relays.example.com/map.json'], derpMapFiles: ['/etc/relays.yaml'] },
      ...{ derpMapRefreshMs: 5_400_000, routing: { probeIntervalMs: 3_000, probeTimeoutMs: 2_000 } },
      addresses: { strategy: 'random' },
      relay: {
        ...{ regionId: 900, regionCode: 'lab', regionName: 'Laboratory', verifiesClients: false },
        ...{ stunPorts: [3_478], ipv4: '192.0.2.1' },
      },
      dns: { settings: { choice: { magicDns: true, overrideLocalDns: false } } },
    });
    expect(config.dns.settings.records).toHaveLength(1);
    expect(config.trustedProxies).toHaveLength(1);
  });

  test('have the defaults they have there where nothing is said', () => {
    expect(load('')).toMatchObject({
      ...{ keyLifetimeMs: 0, ephemeralTimeoutMs: 120_000, relay: undefined, oidc: [] },
      ...{ acme: undefined, tls: undefined, policy: { file: undefined } },
      dns: { settings: { choice: { magicDns: true } } },
    });
  });

  test('are the same in capital letters, and nothing where they are empty', () => {
    const text =
      'DNS: {Base_Domain: net.example.org}\ntls_cert_path: ""\noidc: {issuer: ""}\nmetrics_listen_addr:\n';
    expect(load(text)).toMatchObject({ baseDomain: 'net.example.org', tls: undefined, oidc: [] });
    expect(ignored(text)).toEqual({ 'noise.private_key_path': expect.any(String) });
  });

  test('of a certificate authority count where a name is given', () => {
    expect(
      load(
        'acme_email: me@example.com\ntls_letsencrypt_hostname: vpn.example.com\ntls_letsencrypt_listen: ":http"\n',
      ).acme,
    ).toMatchObject({ email: 'me@example.com', challenge: 'http-01', httpListen: { port: 80 } });
    expect(
      load('tls_letsencrypt_hostname: vpn.example.com\ntls_letsencrypt_challenge_type: TLS-ALPN-01\n').acme,
    ).toMatchObject({ challenge: 'tls-alpn-01' });
    expect(ignored('tls_letsencrypt_hostname: other.example.com\n')).toHaveProperty(
      'tls_letsencrypt_hostname',
    );
  });

  test('of an identity provider count where there is one', () => {
    writeFileSync(join(dir, 'secret'), 'hush\n');
    const [provider] = load(`oidc:
  issuer: https://id.example.com/realm
  client_id: vpn
  client_secret_path: secret
  scope: [openid, email]
  allowed_domains: [example.com]
  extra_params: {domain_hint: example.com}
  use_expiry_from_token: true
  only_start_if_oidc_is_available: false
  pkce: {enabled: false}
`).oidc;
    expect(provider).toMatchObject({
      ...{ clientId: 'vpn', scopes: ['openid', 'email'], allowedDomains: ['example.com'] },
      ...{ extraParams: { domain_hint: 'example.com' }, expiry: { kind: 'token' }, usesPkce: true },
      mustBeThere: false,
    });
    expect(provider?.clientSecret?.reveal()).toBe('hush');
    expect(load('oidc: {issuer: "https://id.example.com", client_id: vpn}\n').oidc[0]?.mustBeThere).toBe(
      true,
    );
  });
});

describe('what has no effect', () => {
  test('is named once with a reason, a whole group as one', () => {
    const found = ignored(`
grpc_listen_addr: ":50443"
unix_socket: /run/x.sock
database: {type: postgres, postgres: {host: db, port: 5432}, gorm: {prepare_stmt: true}}
tuning: {batch_change_delay: 800ms, node_store_batch_size: 1}
taildrop: {enabled: false}
logtail: {enabled: true}
node: {routes: {ha: {probe_interval: 0}}}
what_is_this: 1
prefixes: {v4: 100.64.0.0/10}
`);
    expect(Object.keys(found).sort()).toEqual([
      ...['database.gorm', 'database.postgres', 'database.type', 'grpc_listen_addr', 'logtail.enabled'],
      ...['node.routes.ha.probe_interval', 'noise.private_key_path', 'prefixes.v6', 'taildrop.enabled'],
      ...['tuning', 'unix_socket', 'what_is_this'],
    ]);
    expect(found['what_is_this']).toBe('this is no key that is known');
  });

  test('is not named where it is so here anyway', () => {
    expect(
      ignored('taildrop: {enabled: true}\nlogtail: {enabled: false}\ndisable_check_updates: true\n'),
    ).toEqual({
      'noise.private_key_path': expect.any(String),
    });
  });
});

test.each([
  ['dns: {base_domain: "a b"}\n', /a b/],
  ['log: {level: loud}\n', /logLevel: .* \(from log\.level, line 4\)/],
  ['node:\n  expiry: soon\n', /"soon" is not a span of time/],
  [
    'derp: {server: {enabled: true, region_id: many}}\n',
    /relay\.regionId: .* \(from derp\.server\.region_id, line 4\)/,
  ],
  ['prefixes: {v4: 10.0.0.0/8}\n', /must lie within 100\.64\.0\.0\/10/],
])('%j is refused with the key it stands at', (text, why) => expect(() => load(text)).toThrow(why));

test('an import finds database, keys and policy beside the file', () => {
  const source = (text: string): unknown => readHeadscaleConfig(write(BASE + text))?.source;
  expect(
    source('database: {type: sqlite, sqlite: {path: db.sqlite}}\npolicy: {path: /etc/p.hujson}\n'),
  ).toEqual({
    ...{ database: join(dir, 'db.sqlite'), noiseKey: join(dir, 'noise.key'), relayKey: undefined },
    policy: { kind: 'file', path: '/etc/p.hujson' },
  });
  expect(source('database: {type: postgres}\npolicy: {mode: database}\n')).toMatchObject({
    database: undefined,
    policy: { kind: 'database' },
  });
  expect(source('policy: {mode: file, path: ""}\n')).toMatchObject({ policy: { kind: 'none' } });
});
