/** A wish shows at once, and goes when it is granted, refused, contradicted or late. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CallError } from '../bridge/failure.ts';
import { settings, snapshot } from '../testing/build.ts';
import { type FakeBridge, fakeBridge } from '../testing/fake-bridge.ts';
import { switchAccount } from './accounts.ts';
import { newsFromDaemon, wishFor } from './act.ts';
import { show, uiOf, useApp } from './store.ts';

const off = snapshot({ state: 'Stopped', settings: settings({ wantRunning: false }) });
const ui = (): string => uiOf(useApp.getState());

function begin(answer: FakeBridge['answers']['prefs.edit']): FakeBridge {
  const bridge = fakeBridge(answer === undefined ? {} : { 'prefs.edit': answer });
  useApp.setState({ bridge });
  show(off, undefined);
  return bridge;
}
const switchOn = (): Promise<boolean> =>
  wishFor({ kind: 'running', on: true }, 'prefs.edit', { wantRunning: true });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('shows at once, and stays until the daemon confirms', async () => {
  const bridge = begin(() => undefined);
  const done = switchOn();
  expect(ui()).toBe('connecting');
  expect(await done).toBe(true);
  expect(bridge.asked).toEqual([{ name: 'prefs.edit', arg: { wantRunning: true } }]);
  newsFromDaemon(snapshot());
  expect(ui()).toBe('on');
  expect(useApp.getState().wish).toBeUndefined();
});

test('goes back when the daemon says no', async () => {
  begin(() => Promise.reject(new CallError('not-allowed', 'no')));
  expect(await switchOn()).toBe(false);
  expect(ui()).toBe('off');
});

test('goes back when nothing is confirmed in time', async () => {
  begin(() => undefined);
  await switchOn();
  vi.advanceTimersByTime(2_999);
  expect(ui()).toBe('connecting');
  vi.advanceTimersByTime(1);
  expect(ui()).toBe('off');
});

test('a switch of accounts that failed says which account stays, and why', async () => {
  begin(undefined);
  const account = (id: string, isCurrent: boolean) => ({
    ...{ id, name: id, loginName: id, network: '', server: '' },
    isCurrent,
  });
  const both = snapshot({ accounts: [account('ada', true), account('bo', false)] });
  useApp.setState({
    bridge: fakeBridge({ 'account.switch': () => Promise.reject(new CallError('unavailable', 'no disk')) }),
  });
  show(both, undefined);
  const done = switchAccount('bo');
  expect(useApp.getState().snapshot.accounts.find(({ isCurrent }) => isCurrent)?.id).toBe('bo');
  await done;
  expect(useApp.getState().snapshot.accounts.find(({ isCurrent }) => isCurrent)?.id).toBe('ada');
});

test('goes at once when the daemon says otherwise', async () => {
  begin(() => undefined);
  await switchOn();
  newsFromDaemon(snapshot({ state: 'NeedsLogin' }));
  expect(ui()).toBe('signed-out');
});

test('what is known is dated when it ceases to be news', () => {
  const at = (): number | undefined => useApp.getState().asOfMs;
  vi.setSystemTime(5_000);
  show(snapshot(), undefined);
  newsFromDaemon(off);
  expect(at()).toBe(5_000);
  vi.setSystemTime(9_000);
  newsFromDaemon(off);
  expect(at()).toBe(5_000);
  newsFromDaemon(snapshot());
  expect(at()).toBeUndefined();
  newsFromDaemon(snapshot({ link: { kind: 'lost', sinceMs: 7_000 } }));
  expect(at()).toBe(7_000);
});
