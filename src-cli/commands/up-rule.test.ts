/** Tests of the rule about mentioning all settings: (current preferences, flags, state) → what `up` does. */
import { describe, expect, test } from 'vitest';
import { newPrefs, type Prefs } from '#shared/localapi/prefs.ts';
import { NO_PEER, NO_STATUS, type StateName, type Status } from '#shared/localapi/status.ts';
import { NO_USER } from '#shared/localapi/user.ts';
import { shellQuote } from '../print/shell.ts';
import { type FlagValue, flagValues } from './spec.ts';
import { upFlags } from './up-flags.ts';
import { prefsFromFlags } from './up-prefs.ts';
import { planUp, type UpPlan } from './up-rule.ts';

const SERVER = 'https://control.example.com';
const LOGGED_IN: Partial<Prefs> = {
  ControlURL: SERVER,
  WantRunning: true,
  Config: { UserProfile: { ...NO_USER, LoginName: 'alice@example.com' }, NodeID: 'n1' },
};

interface Case {
  readonly current?: Partial<Prefs>;
  readonly given?: Readonly<Record<string, FlagValue>>;
  readonly state?: StateName;
  readonly user?: string;
  readonly platform?: string;
}

function plan({
  current = {},
  given = {},
  state = 'Running',
  user = 'alice',
  platform = 'linux',
}: Case): UpPlan {
  const status: Status = {
    ...NO_STATUS,
    BackendState: state,
    Peer: { a: { ...NO_PEER, ID: 'exit', TailscaleIPs: ['100.64.0.9'], ExitNodeOption: true } },
  };
  const flags = flagValues(upFlags(platform), given);
  return planUp({
    flags,
    wanted: prefsFromFlags(flags, status).prefs,
    current: { ...newPrefs(), ...LOGGED_IN, ...current },
    status,
    platform,
    user,
    command: 'rhumb up',
  });
}

const NEVER = { ControlURL: '', Config: undefined } as const;

describe('settings that would be lost', () => {
  test.each<[string, Case, string]>([
    [
      'a hostname',
      { current: { Hostname: 'foo' }, given: { 'accept-dns': false } },
      '--accept-dns=false --hostname=foo',
    ],
    [
      'several, sorted, after those given, in order of name',
      {
        current: { Hostname: 'foo', ShieldsUp: true, RouteAll: true, CorpDNS: false },
        given: { ssh: true, 'advertise-routes': '10.0.0.0/8' },
      },
      '--advertise-routes=10.0.0.0/8 --ssh --accept-dns=false --accept-routes --hostname=foo --shields-up',
    ],
    [
      'routes without the exit routes, which have their own flag',
      {
        current: { AdvertiseRoutes: ['0.0.0.0/0', '10.0.0.0/8', '192.168.0.0/24', '::/0'] },
        given: { hostname: 'x' },
      },
      '--hostname=x --advertise-exit-node --advertise-routes=10.0.0.0/8,192.168.0.0/24',
    ],
    [
      'an exit node by its id, shown by its address',
      { current: { ExitNodeID: 'exit' }, given: { hostname: 'x' } },
      '--hostname=x --exit-node=100.64.0.9',
    ],
    [
      'an exit node by its address',
      { current: { ExitNodeIP: '100.64.0.5', ExitNodeAllowLANAccess: true }, given: { hostname: 'x' } },
      '--hostname=x --exit-node-allow-lan-access --exit-node=100.64.0.5',
    ],
    [
      'tags',
      { current: { AdvertiseTags: ['tag:a', 'tag:b'] }, given: { ssh: true } },
      '--ssh --advertise-tags=tag:a,tag:b',
    ],
    ['another operator', { current: { OperatorUser: 'bob' }, given: { ssh: true } }, '--ssh --operator=bob'],
    [
      'Linux settings',
      { current: { NoSNAT: true, NetfilterMode: 1 }, given: { ssh: true } },
      '--ssh --netfilter-mode=nodivert --snat-subnet-routes=false',
    ],
    [
      'a value with spaces',
      { current: { Hostname: "o'h hi" }, given: { ssh: true } },
      "--ssh --hostname='o'\\''h hi'",
    ],
    [
      'without repeating a key',
      { current: { Hostname: 'foo' }, given: { 'auth-key': 'secret' }, state: 'Stopped' },
      '--auth-key=… --hostname=foo',
    ],
    [
      'with the file of a key, and a flag that is no setting',
      {
        current: { Hostname: 'foo' },
        given: { 'auth-key': 'file:/a b', timeout: 5_000, qr: false },
        state: 'NeedsLogin',
      },
      "--auth-key='file:/a b' --qr=false --timeout=5s --hostname=foo",
    ],
    [
      'also when nothing is given but the login is over',
      { current: { Hostname: 'foo' }, state: 'NeedsLogin' },
      '--hostname=foo',
    ],
  ])('%s', (_name, given, command) => {
    const found = plan(given);
    expect(found.kind).toBe('refuse');
    const message = found.kind === 'refuse' ? found.message : '';
    expect(message.split('\n').at(-2)).toBe(`\trhumb up ${command}`);
    expect(message).toMatch(/^Error: changing settings via 'rhumb up' requires mentioning all\n/);
  });
});

describe('settings that are not lost', () => {
  test.each<[string, Case, UpPlan['kind']]>([
    ['nothing given: as before', { current: { Hostname: 'foo' }, state: 'Stopped' }, 'simple'],
    ['nothing given while running', { current: { Hostname: 'foo' } }, 'edit'],
    [
      'nothing given, waiting for approval',
      { current: { Hostname: 'foo' }, state: 'NeedsMachineAuth' },
      'simple',
    ],
    ['--reset', { current: { Hostname: 'foo' }, given: { reset: true } }, 'edit'],
    ['all mentioned', { current: { Hostname: 'foo' }, given: { hostname: 'bar' } }, 'edit'],
    [
      'mentioned as it is',
      { current: { Hostname: 'foo' }, given: { hostname: 'foo' }, state: 'Stopped' },
      'start',
    ],
    ['the operator who runs it', { current: { OperatorUser: 'alice' }, given: { ssh: true } }, 'edit'],
    [
      'stateful filtering of old defaults',
      { current: { NoStatefulFiltering: false }, given: { ssh: true } },
      'edit',
    ],
    [
      'routes that the system takes by default',
      { current: { RouteAll: true }, given: { ssh: true }, platform: 'win32' },
      'edit',
    ],
    [
      'never configured',
      { current: { ...NEVER, Hostname: 'x' }, given: { 'login-server': SERVER }, state: 'NeedsLogin' },
      'start',
    ],
    [
      'settings of another system',
      { current: { NoSNAT: true }, given: { ssh: true }, platform: 'darwin' },
      'edit',
    ],
    [
      'a null list is an empty one',
      { current: { AdvertiseTags: [], AdvertiseRoutes: [] }, given: { ssh: true } },
      'edit',
    ],
  ])('%s', (_name, given, kind) => {
    expect(plan(given).kind).toBe(kind);
  });
});

describe('the coordination server', () => {
  test('must be named once', () => {
    expect(plan({ current: NEVER, state: 'NeedsLogin' })).toMatchObject({
      kind: 'refuse',
      message: expect.stringMatching(/^no coordination server is set/),
    });
  });

  test('is kept when it is not mentioned, also by --reset', () => {
    for (const given of [{ ssh: true }, { reset: true }])
      expect(plan({ given, state: 'Stopped' })).toMatchObject({
        kind: 'start',
        prefs: { ControlURL: SERVER },
      });
  });

  test('changes only with a new login', () => {
    const other = { 'login-server': 'https://other.example.com' };
    expect(plan({ given: other })).toEqual({
      kind: 'refuse',
      message: "can't change --login-server without --force-reauth",
    });
    expect(plan({ given: { ...other, 'force-reauth': true } }).kind).toBe('start');
    expect(plan({ given: other, state: 'Stopped' }).kind).toBe('start');
  });

  test('has two official names that mean the same', () => {
    const found = plan({
      current: { ControlURL: 'https://login.tailscale.com' },
      given: { 'login-server': 'https://controlplane.tailscale.com' },
    });
    expect(found.kind).toBe('edit');
  });
});

describe('what needs a new start while running', () => {
  test.each<[string, Case['given'] & object]>([
    ['an auth key', { 'auth-key': 'k' }],
    ['a forced login', { 'force-reauth': true }],
    ['other tags', { 'advertise-tags': 'a' }],
  ])('%s', (_name, given) => {
    expect(plan({ given }).kind).toBe('start');
  });
});

describe('the edit', () => {
  test('has only what was mentioned', () => {
    expect(plan({ given: { 'advertise-exit-node': true, 'exit-node': '', qr: true } })).toEqual({
      kind: 'edit',
      edit: { AdvertiseRoutes: ['0.0.0.0/0', '::/0'], ExitNodeIP: '', ExitNodeID: '', WantRunning: true },
    });
    expect(plan({ given: { 'exit-node': 'auto:any' } })).toMatchObject({
      edit: { AutoExitNode: 'any', ExitNodeIP: '', ExitNodeID: '' },
    });
  });

  test('has every setting with --reset', () => {
    const found = plan({ current: { Hostname: 'x', NoSNAT: true }, given: { reset: true } });
    expect(found).toMatchObject({
      edit: { Hostname: '', NoSNAT: false, ControlURL: SERVER, CorpDNS: true, WantRunning: true },
    });
    expect(found.kind === 'edit' && Object.keys(found.edit)).toHaveLength(18);
  });
});

test('words are quoted for the shell only when they must be', () => {
  expect(['a-b_c.d/e:f,g@h%i+j=k', 'a b', '', "it's", '$x'].map(shellQuote)).toEqual([
    'a-b_c.d/e:f,g@h%i+j=k',
    "'a b'",
    "''",
    "'it'\\''s'",
    "'$x'",
  ]);
});
