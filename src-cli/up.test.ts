/** Tests of the commands that change something: what they call in which order, print and exit with. */
import { describe, expect, test } from 'vitest';
import { testClock } from './testing/run-cli.ts';
import { loggedIn, PEER_KEY, running, SERVER, withDaemon } from './testing/two-machines.ts';

describe('up', () => {
  test('logs in for the first time: starts, asks for a login, shows the URL, says when it is done', async () => {
    const { exit, out, err, daemon } = await withDaemon(['up', '--login-server', SERVER, '--hostname=here'], {
      behaviour: {
        login: (fake) => {
          fake.send({ BrowseToURL: `${SERVER}/register/abc` });
          fake.send({ LoginFinished: {} });
          fake.enter('Starting');
          fake.enter('Running');
        },
      },
    });
    expect(err).toBe(`\nTo authenticate, visit:\n\n\t${SERVER}/register/abc\n\nSuccess.\n`);
    expect({ exit, out }).toEqual({ exit: 0, out: '' });
    expect(daemon.sequence).toEqual([
      'GET status',
      'GET prefs',
      'GET watch-ipn-bus?mask=0',
      'POST check-prefs',
      'POST start',
      'POST login-interactive',
      'GET status?peers=false',
    ]);
    expect(daemon.prefs).toMatchObject({
      ControlURL: SERVER,
      Hostname: 'here',
      WantRunning: true,
      CorpDNS: true,
    });
  });

  test('with an auth key hands it to start and shows no URL', async () => {
    const { exit, err, daemon } = await withDaemon(['up', '--login-server', SERVER, '--authkey=file:/key'], {
      world: { readFile: async () => ' tskey-auth-abc\n' },
      behaviour: {
        start: (fake) => {
          fake.send({ BrowseToURL: `${SERVER}/register/old` });
          fake.enter('Running');
        },
      },
    });
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(daemon.calls.find(({ path }) => path === 'start')?.body).toMatchObject({
      AuthKey: 'tskey-auth-abc',
      UpdatePrefs: { ControlURL: SERVER },
    });
  });

  test('bare, after a login, only wants to run', async () => {
    const { exit, daemon } = await withDaemon(['up'], {
      status: { ...running, BackendState: 'Stopped' },
      prefs: { ...loggedIn, WantRunning: false, Hostname: 'kept' },
    });
    expect(exit).toBe(0);
    expect(daemon.sequence).toEqual([
      'GET status',
      'GET prefs',
      'GET watch-ipn-bus?mask=0',
      'PATCH prefs',
      'GET status?peers=false',
    ]);
    expect(daemon.calls[3]?.body).toEqual({ WantRunning: true, WantRunningSet: true });
    expect(daemon.prefs.Hostname).toBe('kept');
  });

  test('edits while running, without a watch', async () => {
    const { exit, daemon } = await withDaemon(['up', '--hostname', 'new'], {
      status: running,
      prefs: loggedIn,
    });
    expect(exit).toBe(0);
    expect(daemon.sequence).toEqual(['GET status', 'GET prefs', 'PATCH prefs', 'GET status?peers=false']);
    expect(daemon.calls[2]?.body).toEqual({
      Hostname: 'new',
      HostnameSet: true,
      WantRunning: true,
      WantRunningSet: true,
    });
  });

  test('refuses to lose a setting, and changes nothing', async () => {
    const { exit, err, daemon } = await withDaemon(['up', '--accept-dns=false'], {
      status: running,
      prefs: { ...loggedIn, Hostname: 'here' },
    });
    expect(exit).toBe(1);
    expect(err).toContain('\trhumb up --accept-dns=false --hostname=here\n');
    expect(daemon.sequence).toEqual(['GET status', 'GET prefs']);
  });

  test('without a coordination server says how to name one', async () => {
    const { exit, err } = await withDaemon(['up']);
    expect(exit).toBe(1);
    expect(err).toMatch(/^no coordination server is set: name yours once with --login-server/);
  });

  test('tells the error of the coordination server', async () => {
    const { exit, err } = await withDaemon(['up', '--login-server', SERVER, '--auth-key=k'], {
      behaviour: { start: (fake) => fake.send({ ErrMessage: 'auth key expired' }) },
    });
    expect({ exit, err }).toEqual({ exit: 1, err: 'backend error: auth key expired\n' });
  });

  test('stops at what check-prefs refuses', async () => {
    const { exit, err, daemon } = await withDaemon(['up', '--login-server', SERVER, '--ssh'], {
      behaviour: { check: (prefs) => (prefs.RunSSH ? 'no SSH here' : '') },
    });
    expect({ exit, err }).toEqual({ exit: 1, err: 'no SSH here\n' });
    expect(daemon.sequence).not.toContain('POST start');
  });

  test('gives up after --timeout', async () => {
    const clock = testClock();
    const { exit, err, daemon } = await withDaemon(['up', '--login-server', SERVER, '--timeout=5s'], {
      world: { clock },
      behaviour: { login: () => clock.expire() },
    });
    expect(exit).toBe(1);
    expect(err).toBe(
      'timeout waiting for Rhumb to enter a Running state; check health with "rhumb status"\n',
    );
    expect(daemon.sequence).toContain('POST login-interactive');
  });

  const failing = (why: string) =>
    ({
      Health: {
        Warnings: {
          'login-state': {
            WarnableCode: 'login-state',
            Severity: 'medium',
            Title: 'Logged out',
            Text: 'You are logged out.',
            BrokenSince: undefined,
            Args: { error: why },
            DependsOn: undefined,
            ImpactsConnectivity: false,
            PrimaryAction: undefined,
            ETag: '',
          },
        },
      },
    }) as const;

  test('tells why a login fails while it waits, each reason once', async () => {
    const { exit, err } = await withDaemon(['up', '--login-server', SERVER], {
      behaviour: {
        login: (fake) => {
          for (const why of ['connection refused', 'connection refused', 'no route']) fake.send(failing(why));
          fake.enter('Running');
        },
      },
    });
    expect({ exit, err }).toEqual({
      exit: 0,
      err: "can't log in: connection refused; still trying\ncan't log in: no route; still trying\n",
    });
  });

  test('with --timeout gives the last reason in its error', async () => {
    const clock = testClock();
    let seen = '';
    const { exit } = await withDaemon(['up', '--login-server', SERVER, '--timeout=5s'], {
      world: {
        clock,
        err: (text) => {
          seen += text;
          // Asked for approval, it has read the reason, which came before.
          if (text.includes('approve')) clock.expire();
        },
      },
      behaviour: {
        login: (fake) => {
          fake.send(failing('connection refused'));
          fake.enter('NeedsMachineAuth');
        },
      },
    });
    expect(exit).toBe(1);
    expect(seen).not.toContain('still trying');
    expect(seen).toMatch(
      /\ntimeout waiting for Rhumb to enter a Running state: connection refused; check health/,
    );
  });

  test('notices that the daemon went away', async () => {
    const { exit, err } = await withDaemon(['up', '--login-server', SERVER], {
      behaviour: { login: (fake) => fake.endWatches() },
    });
    expect({ exit, err }).toEqual({ exit: 1, err: 'rhumbd ended the watch; has it just stopped?\n' });
  });

  test('shows where a machine is approved', async () => {
    const { exit, err } = await withDaemon(['up', '--login-server', SERVER], {
      behaviour: {
        login: (fake) => {
          fake.enter('NeedsMachineAuth');
          fake.enter('Running');
        },
      },
    });
    expect(exit).toBe(0);
    expect(err).toBe(`\nTo approve your machine, visit (as admin):\n\n\t${SERVER}/admin\n\nSuccess.\n`);
  });

  test('with --json prints two objects on standard output and nothing else', async () => {
    const { exit, out, err } = await withDaemon(['up', '--json', '--login-server', SERVER], {
      behaviour: {
        login: (fake) => {
          fake.send({ BrowseToURL: `${SERVER}/register/abc` });
          fake.enter('Running');
        },
      },
    });
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    const [first = '', second = ''] = out.split(/(?<=\})\n/);
    expect(JSON.parse(first)).toEqual({
      AuthURL: `${SERVER}/register/abc`,
      QR: expect.stringMatching(/^data:image\/png;base64,/),
      BackendState: 'NeedsLogin',
    });
    expect(first).toContain('\n\t"QR"');
    expect(second).toBe('{\n  "BackendState": "Running"\n}');
  });

  test('with --force-reauth waits until the key has changed', async () => {
    const { exit, daemon } = await withDaemon(['up', '--force-reauth'], {
      status: { ...running, AuthURL: `${SERVER}/register/old` },
      prefs: loggedIn,
      behaviour: {
        login: (fake) => {
          fake.send({ BrowseToURL: `${SERVER}/register/old` });
          fake.send({ State: 6 });
          fake.send({
            SelfChange: { ID: 1, StableID: 'n1', Name: '', User: 1, Key: PEER_KEY } as never,
          });
        },
      },
    });
    expect(exit).toBe(0);
    expect(daemon.sequence).toContain('POST login-interactive');
  });

  test('warns of health that concerns the flags', async () => {
    const { out } = await withDaemon(['up'], {
      status: {
        ...running,
        Health: ['Some peers are advertising routes but --accept-routes is false', 'something else'],
      },
      prefs: loggedIn,
    });
    expect(out).toBe('Some peers are advertising routes but --accept-routes is false\n');
  });
});

describe('login, logout, down, set', () => {
  test('login makes a new profile on the same server', async () => {
    const { exit, daemon } = await withDaemon(['login', '--nickname=work'], {
      status: running,
      prefs: loggedIn,
      behaviour: { login: (fake) => fake.enter('Running') },
    });
    expect(exit).toBe(0);
    expect(daemon.sequence.slice(0, 2)).toEqual(['GET prefs', 'PUT profiles/']);
    expect(daemon.prefs).toMatchObject({ ControlURL: SERVER, ProfileName: 'work' });
  });

  test('logout and down are silent', async () => {
    const logout = await withDaemon(['logout'], { status: running, prefs: loggedIn });
    expect(logout).toMatchObject({ exit: 0, out: '', err: '' });
    expect(logout.daemon.sequence).toEqual(['POST logout']);
    const down = await withDaemon(['down', '--reason', 'Wartung'], { status: running, prefs: loggedIn });
    expect(down).toMatchObject({ exit: 0, out: '', err: '' });
    expect(down.daemon.calls[1]?.headers['x-tailscale-reason']).toBe('V2FydHVuZw==');
    expect(down.daemon.status.BackendState).toBe('Stopped');
  });

  test('down twice says so', async () => {
    const { exit, err, daemon } = await withDaemon(['down'], {
      status: { ...running, BackendState: 'Stopped' },
    });
    expect({ exit, err }).toEqual({ exit: 0, err: 'Rhumb was already stopped.\n' });
    expect(daemon.sequence).toEqual(['GET status']);
  });

  test('down over SSH through the network asks first', async () => {
    const env = { SSH_CLIENT: '100.64.0.9 50000 22' };
    const refused = await withDaemon(['down'], { status: running, world: { env } });
    expect(refused).toMatchObject({ exit: 1, err: 'aborted, no changes made\n' });
    expect(refused.daemon.calls).toEqual([]);
    const accepted = await withDaemon(['down', '--accept-risk=lose-ssh'], {
      status: running,
      world: { env },
    });
    expect(accepted).toMatchObject({ exit: 0, out: '' });
  });

  test('set changes only what is mentioned and keeps the exit routes', async () => {
    const { exit, daemon } = await withDaemon(['set', '--advertise-routes=10.0.0.0/8', '--shields-up'], {
      status: running,
      prefs: { ...loggedIn, Hostname: 'here', AdvertiseRoutes: ['0.0.0.0/0', '::/0'] },
    });
    expect(exit).toBe(0);
    expect(daemon.prefs).toMatchObject({
      Hostname: 'here',
      ShieldsUp: true,
      AdvertiseRoutes: ['0.0.0.0/0', '::/0', '10.0.0.0/8'],
    });
    const nothing = await withDaemon(['set']);
    expect(nothing).toMatchObject({ exit: 1, daemon: { calls: [] } });
  });
});

describe('what is refused before the daemon is asked', () => {
  test.each([
    [['--client-id=x'], '--client-id: signing in by workload identity is not there'],
    [['--id-token=x'], '--id-token: signing in by workload identity is not there'],
    [
      ['--auth-key=arn:aws:ssm:eu-1:1:parameter/x'],
      '--auth-key: keys are not read from the AWS parameter store',
    ],
  ])('%j', async (args, message) => {
    const { exit, err, daemon } = await withDaemon(['up', `--login-server=${SERVER}`, ...args]);
    expect(exit).toBe(1);
    expect(err).toContain(message);
    expect(daemon.calls).toEqual([]);
  });

  test('a connector on macOS is asked about', async () => {
    const setting = { status: running, prefs: loggedIn, world: { platform: 'darwin' } };
    const refused = await withDaemon(['set', '--advertise-connector'], setting);
    expect(refused).toMatchObject({ exit: 1, err: 'aborted, no changes made\n' });
    expect(refused.out).toContain('--accept-risk=mac-app-connector');
    const accepted = await withDaemon(
      ['set', '--advertise-connector', '--accept-risk=mac-app-connector'],
      setting,
    );
    expect(accepted.daemon.prefs.AppConnector.Advertise).toBe(true);
  });
});
