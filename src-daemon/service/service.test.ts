/** What the service manager hears, over a real socket where one is needed. */
import { expect, test } from 'vitest';
import { NO_STATUS } from '#shared/localapi/status.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { MAX_UNIX_PATH, openUnixDatagrams } from '../ffi/unix-datagram.ts';
import { openServiceManager, type ServiceManager, watchdogMs } from './service-manager.ts';
import { statusText } from './status-text.ts';

function rig(env: Record<string, string>): {
  service: ServiceManager;
  said: string[];
  clock: FakeClock;
  paths: string[];
} {
  const said: string[] = [];
  const paths: string[] = [];
  const clock = new FakeClock();
  const service = openServiceManager({
    env,
    pid: 42,
    clock,
    log: silent,
    open: (path) => {
      paths.push(path);
      return {
        send: (data) => {
          said.push(new TextDecoder().decode(data));
          return undefined;
        },
        [Symbol.dispose]: () => void said.push('closed'),
      };
    },
  });
  return { service, said, clock, paths };
}

test('says when it is ready, how it is, and that it ends', () => {
  const { service, said, paths } = rig({ NOTIFY_SOCKET: '/run/systemd/notify' });
  service.ready();
  service.status('Starting');
  service.status('Starting');
  service.status('Connected; a@b; 100.64.0.1');
  service.stopping();
  service[Symbol.dispose]();
  expect(paths).toEqual(['/run/systemd/notify']);
  expect(said).toEqual([
    'READY=1',
    'STATUS=Starting',
    'STATUS=Connected; a@b; 100.64.0.1',
    'STOPPING=1\nSTATUS=Stopping',
    'closed',
  ]);
});

test('lives for the watchdog, twice as often as that looks', async () => {
  const { service, said, clock } = rig({
    NOTIFY_SOCKET: '@x',
    WATCHDOG_USEC: '60000000',
    WATCHDOG_PID: '42',
  });
  service.ready();
  await clock.advance(90_000);
  expect(said).toEqual(['READY=1', 'WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1']);
  service[Symbol.dispose]();
  await clock.advance(90_000);
  expect(said).toHaveLength(6);
});

test.each([
  { env: {}, ms: undefined },
  { env: { WATCHDOG_USEC: '2000000' }, ms: 1_000 },
  { env: { WATCHDOG_USEC: '2000000', WATCHDOG_PID: '1' }, ms: undefined },
  { env: { WATCHDOG_USEC: '0' }, ms: undefined },
  { env: { WATCHDOG_USEC: 'soon' }, ms: undefined },
])('$env: every $ms ms', ({ env, ms }) => {
  expect(watchdogMs(env, 42)).toBe(ms);
});

test.each([{}, { NOTIFY_SOCKET: '' }, { NOTIFY_SOCKET: 'relative' }, { NOTIFY_SOCKET: 'vsock:2:1' }])(
  'says nothing to nobody: %o',
  (env: Record<string, string>) => {
    const { service, said, paths } = rig(env);
    service.ready();
    service.status('x');
    service[Symbol.dispose]();
    expect([...said, ...paths]).toEqual([]);
  },
);

test('lets no text of others become a command', () => {
  const { service, said } = rig({ NOTIFY_SOCKET: '@x' });
  service.status(`Connected; a\nMAINPID=1\r; ${'x'.repeat(500)}`);
  expect(said[0]).toMatch(/^STATUS=Connected; a MAINPID=1 ; x+$/);
  expect(said[0]).toHaveLength('STATUS='.length + 200);
});

test.each([
  { state: 'NeedsLogin', more: {}, text: 'Needs login: rhumb up' },
  { state: 'NeedsLogin', more: { AuthURL: 'https://c/r/1' }, text: 'Needs login: https://c/r/1' },
  { state: 'Stopped', more: {}, text: 'Stopped; to connect: rhumb up' },
  {
    state: 'Running',
    more: { TailscaleIPs: ['100.64.0.1', 'fd7a:115c:a1e0::1'] },
    text: 'Connected; 100.64.0.1 fd7a:115c:a1e0::1',
  },
  { state: 'NoState', more: {}, text: 'NoState' },
])('$state is told as "$text"', ({ state, more, text }) => {
  expect(statusText({ ...NO_STATUS, ...more, BackendState: state })).toBe(text);
});

test('the real socket refuses what is no path, and a place where nobody listens', () => {
  expect(() => openUnixDatagrams('')).toThrow(/no path/);
  expect(() => openUnixDatagrams(`/${'x'.repeat(MAX_UNIX_PATH)}`)).toThrow(/no path/);
  expect(() => openUnixDatagrams('/nowhere/notify')).toThrow(/ENOENT/);
  expect(() => openUnixDatagrams('@rhumb-test-nobody')).toThrow(/ECONNREFUSED/);
});
