/** Where settings come from: YAML and JSON files with the line of each problem, and the environment. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Config, loadConfig } from './config.ts';

const dir = mkdtempSync(join(tmpdir(), 'rhumb-config-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function load(text: string, env: Record<string, string> = {}, name = 'config.yaml'): Config {
  const file = join(dir, name);
  writeFileSync(file, text);
  return loadConfig(file, {}, env);
}

describe('a file', () => {
  test('may be YAML with comments, or JSON', () => {
    const want = {
      listen: { host: '::', port: 9_000 },
      dns: { settings: { choice: { magicDns: true } } },
      derpMapFiles: ['a', 'b'],
    };
    expect(
      load('# ours\nlisten: ":9000"\nmagicDns: true # yes\nderpMapFiles:\n  - a\n  - b\n'),
    ).toMatchObject(want);
    expect(load('{"listen": ":9000", "magicDns": true, "derpMapFiles": ["a", "b"]}')).toMatchObject(want);
  });

  test('with nothing but comments leaves every default', () => {
    expect(load('# nothing\n')).toEqual(loadConfig(undefined, {}));
  });

  test.each([
    ['listen: ":1"\nmagicDNS: true\n', /unknown key "magicDNS": did you mean "magicDns"\? \(line 2\)/],
    ['relay:\n  stunPorts:\n    - 1\n    - x\n', /relay\.stunPorts\.1: .* \(line 4\)/],
    ['relay:\n  listn: ":1"\n', /unknown key "relay\.listn": did you mean "listen"\? \(line 2\)/],
    ['oidc:\n  issuer: x\n  clientID: y\n', /unknown key "oidc\.0\.clientID": did you mean "clientId"\?/],
    ['listen: ":1"\nlisten: ":2"\n', /is not YAML: line 2: .*unique/],
    ['listen: [\n', /is not YAML: line 2: /],
    ['a: &x [1,2]\nb: [*x,*x]\n', /unknown key "a"/],
    ['- listen\n', /the file: /],
    ['magicDns: "yes"\n', /magicDns: .* \(line 1\)/],
    ['{"listen": ":1", "listen": ":2"}', /is not JSON: line 1: /],
  ])('%j is refused with the place', (text, why) => expect(() => load(text)).toThrow(why));

  test('whose aliases would fill the memory is refused', () => {
    const levels = Array.from({ length: 12 }, (_, n) =>
      n === 0
        ? 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]'
        : `a${n}: &a${n} [${Array(10)
            .fill(`*a${n - 1}`)
            .join(',')}]`,
    );
    expect(() => load(levels.join('\n'))).toThrow(/can't be read/);
  });
});

describe('the environment', () => {
  test('goes over the file, and flags over it', () => {
    const config = load('keyExpiry: 1h\nminClientVersion: 100\nlisten: ":1"\n', {
      RHUMB_CONTROL_KEY_EXPIRY: '0',
      RHUMB_CONTROL_MAGIC_DNS: 'true',
      RHUMB_CONTROL_LISTEN: '127.0.0.1:2',
      RHUMB_CONTROL_DERP_MAP_FILES: '[x, y]',
      OTHER: 'x',
    });
    expect(config).toMatchObject({
      keyLifetimeMs: 0,
      dns: { settings: { choice: { magicDns: true } } },
      minClientVersion: 100,
      listen: { host: '127.0.0.1', port: 2 },
      derpMapFiles: ['x', 'y'],
    });
    const env = { RHUMB_CONTROL_LISTEN: ':2' };
    expect(loadConfig(undefined, { listen: ':3' }, env).listen.port).toBe(3);
  });

  test('reaches what lies deeper', () => {
    const config = load('relay:\n  regionName: Ours\n', {
      RHUMB_CONTROL_RELAY__REGION_ID: '950',
      RHUMB_CONTROL_RELAY__REGION_CODE: '12',
    });
    expect(config.relay).toMatchObject({ regionId: 950, regionCode: '12', regionName: 'Ours' });
    const oidc = { RHUMB_CONTROL_OIDC__CLIENT_SECRET: '123' };
    const provider = load('oidc:\n  issuer: https://id.example.com\n  clientId: a\n', oidc).oidc[0];
    expect(provider?.clientSecret?.reveal()).toBe('123');
  });

  test.each([
    [{ RHUMB_CONTROL_LISTN: ':1' }, /RHUMB_CONTROL_LISTN is no setting: did you mean RHUMB_CONTROL_LISTEN\?/],
    [{ RHUMB_CONTROL_RELAY__LISTN: ':1' }, /did you mean RHUMB_CONTROL_RELAY__LISTEN\?/],
    [{ RHUMB_CONTROL_MAGIC_DNS: 'maybe' }, /with RHUMB_CONTROL_MAGIC_DNS: magicDns: /],
    [{ RHUMB_CONTROL_DERP_MAP_FILES: '[a' }, /RHUMB_CONTROL_DERP_MAP_FILES can't be read/],
    [{ RHUMB_CONTROL_OIDC__CLIENT_ID: 'a' }, /oidc is a list/],
  ])('%j is refused by its name', (env, why) =>
    expect(() => load('oidc:\n  - issuer: https://id.example.com\n    clientId: a\n', env)).toThrow(why),
  );
});
