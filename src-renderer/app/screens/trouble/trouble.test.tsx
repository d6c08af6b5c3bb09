/** What brings the service back: starting it now or with the computer, reading along, and a newer app on disk. */
import { act, type ReactNode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import { CallError } from '../../bridge/failure.ts';
import { show, useApp } from '../../store/store.ts';
import { type FakeBridge, fakeBridge } from '../../testing/fake-bridge.ts';
import { Trouble } from './trouble.tsx';

let root: Root;
const place = document.createElement('div');
const render = (node: ReactNode): Promise<void> => act(async () => root.render(node));

function host(answers: FakeBridge['answers']): FakeBridge {
  const bridge = fakeBridge(answers);
  useApp.setState({
    bridge,
    host: { kind: 'electron', can: ['service'], platform: 'linux', version: '1.0.0' },
  });
  return bridge;
}

const button = (text: string): HTMLButtonElement | undefined =>
  [...place.querySelectorAll('button')].find(({ textContent }) => textContent === text);
const press = (text: string): Promise<void> => act(async () => button(text)?.click());

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  document.body.append(place);
  root = createRoot(place);
  show({ ...NO_SNAPSHOT, link: { kind: 'absent', why: 'stopped' } }, undefined);
});
afterEach(async () => {
  await act(async () => root.unmount());
  place.remove();
  vi.unstubAllGlobals();
});

test('a service that is switched off can be had with the computer, and only when somebody says so', async () => {
  const bridge = host({
    'service.status': () => ({ isAtBoot: false, lines: ['it ended'], isAppReplaced: false }),
    'service.start': () => undefined,
  });
  await render(<Trouble ui="daemon-stopped" />);
  expect(place.querySelector('details')?.textContent).toContain('it ended');
  await press('Start the service');
  await act(async () => place.querySelector<HTMLInputElement>('input[type=checkbox]')?.click());
  await press('Start the service');
  expect(bridge.asked.filter(({ name }) => name === 'service.start').map(({ arg }) => arg)).toEqual([
    { atBoot: false },
    { atBoot: true },
  ]);
  // What it wrote meanwhile is asked for, however that went.
  expect(bridge.asked.filter(({ name }) => name === 'service.status')).toHaveLength(3);
});

test('where nothing can be chosen and nothing is kept, nothing is shown of it', async () => {
  host({ 'service.status': () => ({ isAtBoot: null, lines: null, isAppReplaced: false }) });
  await render(<Trouble ui="daemon-stopped" />);
  expect([place.querySelector('input'), place.querySelector('details')]).toEqual([null, null]);
  expect(button('Start the service')).toBeDefined();
});

test('what the helper says is read along, its last lines only, and goes into what is copied when it fails', async () => {
  const { promise, reject } = Promise.withResolvers<undefined>();
  const bridge = host({ 'service.install': () => promise });
  await render(<Trouble ui="no-daemon" />);
  await press('Install the service');
  await act(async () => {
    bridge.tell('operation', { call: 'operator.grant', line: 'of another call' });
    for (let n = 0; n < 25; n++) bridge.tell('operation', { call: 'service.install', line: `step ${n}` });
  });
  const lines = [...place.querySelectorAll('[role=log] li')].map(({ textContent }) => textContent);
  expect([lines.length, lines.at(0), lines.at(-1)]).toEqual([20, 'step 5', 'step 24']);
  const copied = vi.spyOn(navigator.clipboard, 'writeText').mockResolvedValue();
  await act(async () => reject(new CallError('internal', 'the helper ended with 3')));
  await press('Copy details');
  expect(copied.mock.calls[0]?.[0]).toMatch(/^service\.install: internal\nthe helper ended with 3\nstep 5\n/);
});

test.each([true, false])('a newer app on disk (%s) is what can be started anew', async (isAppReplaced) => {
  const bridge = host({
    'service.status': () => ({ isAtBoot: true, lines: [], isAppReplaced }),
    'app.relaunch': () => undefined,
  });
  show({ ...NO_SNAPSHOT, link: { kind: 'mismatch', daemonVersion: '3.0.0' } }, undefined);
  await render(<Trouble ui="version-mismatch" />);
  expect(button('Restart the app') !== undefined).toBe(isAppReplaced);
  await press('Restart the app');
  expect(bridge.asked.some(({ name }) => name === 'app.relaunch')).toBe(isAppReplaced);
});
