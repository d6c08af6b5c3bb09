/** From what the daemon says on its bus, through desk and decisions, to what a person is shown: one long afternoon. */
import { expect, test } from 'vitest';
import { Desk } from '#shared/desk/desk.ts';
import { FakeApi, peerOf, statusOf } from '#shared/desk/testing/fake-api.ts';
import { ofManager } from '#shared/desk/testing/of-manager.ts';
import type { HealthState, Notify } from '#shared/localapi/notify.ts';
import { State } from '#shared/localapi/status.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { DEFAULTS } from '../settings/gui.ts';
import { FakeShell } from '../testing/fake-shell.ts';
import { textIn } from '../text/text.ts';
import { Notifier } from './adapter.ts';

const EXIT = { ExitNodeOption: true, HostName: 'frankfurt', DNSName: 'frankfurt.net.example.' };

function afternoon() {
  const clock = new FakeClock();
  const api = new FakeApi();
  api.wanted = { ...api.wanted, WantRunning: true };
  const shell = new FakeShell();
  const desk = new Desk(ofManager({ api, clock }));
  const gui = { ...DEFAULTS, notifications: { 'device.new': true } };
  const notifier = new Notifier({
    shell,
    clock,
    log: silent,
    text: () => textIn('en', 'en'),
    look: () => ({ snapshot: desk.snapshot, gui, isWindowShown: false, isWindowFocused: false }),
    act: () => undefined,
    onAttention: () => undefined,
  });
  desk.subscribe(() => notifier.look());
  const began = clock.monotonic();
  const told: string[] = [];
  let seen = 0;
  const open = new Set<number>();
  const note = (): void => {
    const at = Math.round((clock.monotonic() - began) / 1_000);
    for (const [n, notice] of shell.notices.entries()) {
      if (n < seen) {
        if (notice.isClosed && open.delete(n)) told.push(`${at} gone: ${notice.title}`);
        continue;
      }
      told.push(`${at} ${notice.isUrgent ? '! ' : ''}${notice.title}`);
      open.add(n);
    }
    seen = shell.notices.length;
  };
  /** Seconds pass; what is shown or taken away is noted to the second. */
  const pass = async (seconds: number): Promise<void> => {
    for (let n = 0; n < seconds; n++) {
      await clock.advance(1_000);
      note();
    }
  };
  return { api, clock, desk, notifier, pass, told };
}

const warnings = (...codes: readonly (readonly [string, string])[]): Notify =>
  ({
    Health: {
      Warnings: Object.fromEntries(
        codes.map(([code, title]) => [
          code,
          { WarnableCode: code, Severity: 'medium', Title: title, Text: 'text', ImpactsConnectivity: false },
        ]),
      ),
    } as unknown as HealthState,
  }) as Notify;

test('forty messages of a daemon are eight notices, and each goes when its cause does', async () => {
  const { api, desk, notifier, pass, told } = afternoon();
  const nas = peerOf(1, { HostName: 'nas', DNSName: 'nas.net.example.' });
  const exit = peerOf(2, EXIT);
  const put = (state: string, peers = [nas, exit], more = {}): void => {
    api.state = statusOf(peers, { BackendState: state as 'Running', ...more });
  };
  let said = 0;
  const say = (...messages: readonly Notify[]): void => {
    said += messages.length;
    for (const message of messages) api.say(message);
  };

  put('Running');
  await pass(6);
  // A flap of the connection, over before it is anybody's business.
  put('Starting');
  say({ State: State.Starting }, { State: State.Starting });
  await pass(3);
  put('Running');
  say({ State: State.Running }, { State: State.Running });
  await pass(3);
  // One that is not.
  put('Starting');
  say({ State: State.Starting });
  await pass(7);
  put('Running');
  say({ State: State.Running });
  await pass(3);
  // Warnings: one, the same again, a second one, the first gone, all gone.
  say(warnings(['a', 'No relay']), warnings(['a', 'No relay']), warnings(['a', 'No relay']));
  await pass(2);
  say(warnings(['a', 'No relay'], ['b', 'No IPv4']));
  await pass(2);
  say(warnings(['b', 'No IPv4']));
  await pass(2);
  say(warnings());
  await pass(2);
  say(warnings(['a', 'No relay']), warnings());
  await pass(2);
  // A server that invents a new warning with each breath.
  for (let n = 0; n < 20; n++) {
    say(warnings([`x${n}`, `Click <a href="https://evil.example/${n}">here</a>`]));
    await pass(1);
  }
  say(warnings());
  await pass(2);
  // An exit node that goes and comes, twice.
  api.wanted = { ...api.wanted, ExitNodeID: exit.ID };
  say({ Prefs: api.wanted as unknown as Notify['Prefs'] } as Notify);
  await pass(2);
  for (let n = 0; n < 2; n++) {
    put('Running', [nas, { ...exit, Online: false }]);
    say({ State: State.Running });
    await pass(2);
    put('Running');
    say({ State: State.Running });
    await pass(2);
  }
  // Three devices at once.
  const more = [3, 4, 5].map((n) => peerOf(n, { HostName: `new${n}`, DNSName: `new${n}.net.example.` }));
  put('Running', [nas, exit, ...more]);
  say({ State: State.Running });
  await pass(3);
  // The daemon ends, and comes back.
  api.isThere = false;
  api.drop();
  await pass(14);
  api.isThere = true;
  await pass(5);

  expect(said).toBeGreaterThanOrEqual(39);
  expect(told).toEqual([
    '17 ! Disconnected from net',
    '20 gone: Disconnected from net',
    '23 No relay',
    '25 gone: No relay',
    '25 2 problems',
    '29 gone: 2 problems',
    // What is new each second is told twice, and then there has been enough of it.
    '33 Click ‹a href="https://evil.example/0"›here‹/a›',
    '34 gone: Click ‹a href="https://evil.example/0"›here‹/a›',
    '34 Click ‹a href="https://evil.example/1"›here‹/a›',
    '53 gone: Click ‹a href="https://evil.example/1"›here‹/a›',
    '57 ! Internet blocked',
    '59 gone: Internet blocked',
    '65 3 new devices',
    '77 ! Rhumb’s service stopped answering',
    '83 gone: Rhumb’s service stopped answering',
  ]);
  notifier.stop();
  await desk[Symbol.asyncDispose]();
});
