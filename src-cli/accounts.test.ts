/** Tests of the commands about accounts and settings: switch, get, set, whoami. */
import { describe, expect, test } from 'vitest';
import { newPrefs } from '#shared/localapi/prefs.ts';
import { encodeLoginProfile, type LoginProfile, NO_PROFILE } from '#shared/localapi/user.ts';
import type { Behaviour } from './testing/fake-daemon.ts';
import { loggedIn, running, withDaemon } from './testing/two-machines.ts';

const profile = (ID: string, Name: string, DomainName: string, DisplayName = ''): LoginProfile => ({
  ...NO_PROFILE,
  ID,
  Name,
  NetworkProfile: { ...NO_PROFILE.NetworkProfile, DomainName, DisplayName },
});
const HOME = profile('1a2b', 'alice@example.com', 'home.example');
const WORK = profile('3c4d', 'work', 'work.example', 'Work Inc');

const accounts: Behaviour = {
  reply: ({ method, path }) => {
    switch (`${method} ${path}`) {
      case 'GET profiles/current':
        return { status: 200, json: encodeLoginProfile(HOME) };
      case 'GET profiles/':
        return { status: 200, json: [HOME, WORK].map(encodeLoginProfile) };
      case 'POST profiles/3c4d':
      case 'DELETE profiles/3c4d':
        return { status: 204 };
      default:
        return undefined;
    }
  },
};
const setting = { behaviour: accounts, status: running };

describe('switch', () => {
  test('lists the accounts and marks the one in use', async () => {
    const { out } = await withDaemon(['switch', '--list'], setting);
    expect(out).toBe(
      'ID    Tailnet       Account\n1a2b  home.example  alice@example.com*\n3c4d  Work Inc      work\n',
    );
    const json = await withDaemon(['switch', '--list', '--json'], setting);
    expect(JSON.parse(json.out)).toEqual([
      {
        id: '1a2b',
        nickname: 'alice@example.com',
        tailnet: 'home.example',
        account: '',
        selected: true,
      },
      { id: '3c4d', nickname: 'work', tailnet: 'Work Inc', account: '', selected: false },
    ]);
  });

  test.each(['3c4d', 'work.example', 'work', 'Work Inc'])('finds an account by %s', async (name) => {
    const { exit, out, daemon } = await withDaemon(['switch', name], setting);
    expect({ exit, out }).toEqual({ exit: 0, out: `Switching to account "${name}"\nSuccess.\n` });
    expect(daemon.sequence).toContain('POST profiles/3c4d');
  });

  test('says where it is already, and whom it does not know', async () => {
    const same = await withDaemon(['switch', '1a2b'], setting);
    expect(same).toMatchObject({ exit: 0, out: 'Already on account "1a2b"\n' });
    const unknown = await withDaemon(['switch', 'nobody'], setting);
    expect(unknown).toMatchObject({ exit: 1, err: 'No profile named "nobody"\n' });
  });

  test.each([
    ['NeedsLogin', 0, 'Logged out.\nTo log in, run:\n  rhumb up\n'],
    ['Stopped', 1, 'Rhumb is stopped.\n'],
  ] as const)('an account in state %s says so', async (BackendState, exit, rest) => {
    const result = await withDaemon(['switch', 'work'], {
      behaviour: accounts,
      status: { ...running, BackendState },
    });
    expect(result).toMatchObject({ exit, out: `Switching to account "work"\n${rest}` });
  });

  test('remove forgets another account and never the one in use', async () => {
    const removed = await withDaemon(['switch', 'remove', 'work'], setting);
    expect(removed).toMatchObject({ exit: 0, out: '' });
    expect(removed.daemon.sequence).toContain('DELETE profiles/3c4d');
    const own = await withDaemon(['switch', 'remove', 'home.example'], setting);
    expect(own.daemon.sequence.filter((call) => call.startsWith('DELETE'))).toEqual([]);
  });
});

describe('get', () => {
  const prefs = {
    ...loggedIn,
    Hostname: 'a b',
    ExitNodeID: 'n2',
    AdvertiseRoutes: ['10.0.0.0/8', '0.0.0.0/0', '::/0'],
    RelayServerPort: 0,
  };
  const get = (...args: string[]) => withDaemon(['get', ...args], { status: running, prefs });

  test.each([
    ['hostname', 'a b\n'],
    ['exit-node', '100.64.0.2\n'],
    ['advertise-routes', '10.0.0.0/8\n'],
    ['advertise-exit-node', 'true\n'],
    ['relay-server-port', '0\n'],
    ['netfilter-mode', 'on\n'],
    ['sync', 'false\n'],
  ])('%s alone is its bare value', async (name, out) => {
    expect(await get(name)).toMatchObject({ exit: 0, out });
  });

  test('all are a table in order of name, without the hidden ones', async () => {
    const { out } = await get();
    const names = out.split('\n').map((line) => line.split(' ')[0] ?? '');
    expect(names[0]).toBe('NAME');
    expect(names.slice(1, -1)).toEqual(names.slice(1, -1).toSorted());
    expect(names).not.toContain('sync');
    expect(names).not.toContain('login-server');
  });

  test('as flags they can be given to set', async () => {
    expect((await get('--set-flags')).out).toContain("--hostname='a b' ");
    expect((await get('--set-flags')).out).toContain('--shields-up=false');
  });

  test('an exit node that is chosen anew is shown as it was set', async () => {
    const auto = { ...newPrefs(), AutoExitNode: 'any' };
    expect(await withDaemon(['get', 'exit-node'], { status: running, prefs: auto })).toMatchObject({
      out: 'auto:any\n',
    });
  });

  test('an unknown name is an error', async () => {
    expect(await get('frob')).toMatchObject({
      exit: 1,
      err: 'unknown setting "frob"; see "rhumb set --help" for valid settings\n',
    });
  });
});

describe('settings that only set has', () => {
  const set = (...args: string[]) => withDaemon(['set', ...args], { status: running, prefs: loggedIn });
  const sent = async (...args: string[]) => {
    const { daemon } = await set(...args);
    const body = daemon.calls.find(({ method }) => method === 'PATCH')?.body as Record<string, unknown>;
    const names = Object.keys(body).filter((name) => name.endsWith('Set'));
    return Object.fromEntries(names.map((name) => [name, body[name.slice(0, -3)]]));
  };

  test('each changes its own field alone', async () => {
    expect(await sent('--nickname=x')).toEqual({ ProfileNameSet: 'x' });
    expect(await sent('--relay-server-port=0')).toEqual({ RelayServerPortSet: 0 });
    expect(await sent('--webclient')).toEqual({ RunWebClientSet: true });
    expect(await sent('--relay-server-static-endpoints=[2001:db8::1]:4,192.0.2.1:4,192.0.2.1:4')).toEqual({
      RelayServerStaticEndpointsSet: ['192.0.2.1:4', '[2001:db8::1]:4'],
    });
  });

  test('both flags of updates are parts of one field', async () => {
    const { daemon } = await set('--update-check=false', '--auto-update');
    expect(daemon.calls.find(({ method }) => method === 'PATCH')?.body).toMatchObject({
      AutoUpdate: { Check: false, Apply: true },
      AutoUpdateSet: { CheckSet: true, ApplySet: true },
    });
  });

  test.each([
    ['--relay-server-port=70000', '--relay-server-port: "70000" is no port'],
    ['--relay-server-static-endpoints=host:1', '--relay-server-static-endpoints: "host:1" is not an address'],
  ])('%s is refused', async (flag, message) => {
    const { exit, err, daemon } = await set(flag);
    expect(exit).toBe(1);
    expect(err).toContain(message);
    expect(daemon.sequence.filter((call) => call.startsWith('PATCH'))).toEqual([]);
  });

  test('the web interface is told of where it is', async () => {
    expect((await set('--webclient')).out).toBe('\nWeb interface now running at 100.64.0.1:5252\n');
  });
});
