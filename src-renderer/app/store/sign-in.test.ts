/** Signing in from the press of the button to the end, whichever it is. */
import { beforeEach, expect, test, vi } from 'vitest';
import { CallError } from '../bridge/failure.ts';
import { settings, snapshot } from '../testing/build.ts';
import { type FakeBridge, fakeBridge } from '../testing/fake-bridge.ts';
import { newsFromDaemon } from './act.ts';
import { cancelSignIn, forgetSignIn, noticePage, startSignIn, useSignIn } from './sign-in.ts';
import { show, useApp } from './store.ts';

const out = snapshot({ state: 'NeedsLogin', settings: settings({ wantRunning: false, loggedOut: true }) });
const URL_A = 'https://control.example.com/a/1';
const urls = ({ asked }: FakeBridge): number => asked.filter(({ name }) => name === 'open.url').length;
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

function begin(answers: FakeBridge['answers'] = {}): FakeBridge {
  const bridge = fakeBridge({
    'login.start': () => undefined,
    'login.cancel': () => undefined,
    'open.url': () => ({ url: URL_A, isOpened: true }),
    ...answers,
  });
  useApp.setState({ bridge, host: bridge.host });
  show(out, undefined);
  return bridge;
}

beforeEach(() => {
  forgetSignIn();
  useSignIn.setState({ page: undefined });
});

test('the page is opened once, when the service has it', async () => {
  const bridge = begin();
  await startSignIn();
  expect(useSignIn.getState().startedMs).toBeDefined();
  expect(urls(bridge)).toBe(0);
  newsFromDaemon({ ...out, authUrl: URL_A });
  newsFromDaemon({ ...out, authUrl: URL_A, warnings: [] });
  await settled();
  expect(urls(bridge)).toBe(1);
  expect(useSignIn.getState().isUnopened).toBe(false);
});

test('a browser that did not come up is told of', async () => {
  begin({ 'open.url': () => ({ url: URL_A, isOpened: false }) });
  await startSignIn();
  newsFromDaemon({ ...out, authUrl: URL_A });
  await settled();
  expect(useSignIn.getState().isUnopened).toBe(true);
});

test('it is over when the service is in, or the server said no', async () => {
  begin();
  await startSignIn();
  newsFromDaemon(snapshot());
  expect(useSignIn.getState().startedMs).toBeUndefined();
  begin();
  await startSignIn({ authKey: 'k' });
  newsFromDaemon({ ...out, loginError: 'auth key expired' });
  expect(useSignIn.getState().startedMs).toBeUndefined();
});

test.each([
  { message: 'the auth key was already used', want: /used before/ },
  { message: 'dial control server: connection refused', want: /can’t be reached/ },
  { message: 'no disk', want: /no disk/ },
])('a start that fails with "$message" says what to do', async ({ message, want }) => {
  begin({ 'login.start': () => Promise.reject(new CallError('unavailable', message)) });
  await startSignIn();
  expect(useSignIn.getState().problem).toMatch(want);
  expect(useSignIn.getState().startedMs).toBeUndefined();
});

test('giving up tells the service, and opens nothing later', async () => {
  const bridge = begin();
  await startSignIn();
  await cancelSignIn();
  newsFromDaemon({ ...out, authUrl: URL_A });
  await settled();
  expect(bridge.asked.map(({ name }) => name)).toEqual(['login.start', 'login.cancel']);
});

test('a page is as old as when it was first seen', () => {
  vi.useFakeTimers({ now: 1_000 });
  noticePage(URL_A);
  vi.setSystemTime(9_000);
  noticePage(URL_A);
  forgetSignIn();
  expect(useSignIn.getState().page).toEqual({ url: URL_A, sinceMs: 1_000 });
  noticePage(`${URL_A}2`);
  expect(useSignIn.getState().page?.sinceMs).toBe(9_000);
  vi.useRealTimers();
});
