/** What the palette offers in each state. */
import { expect, test } from 'vitest';
import type { Account } from '#shared/ui-state/types.ts';
import { type AppState, show, useApp } from '../store/store.ts';
import { device, snapshot } from '../testing/build.ts';
import { allCommands, found } from './commands.ts';

const account = (id: string, isCurrent: boolean): Account => ({
  ...{ id, name: id, loginName: id, network: `${id}.example`, server: '' },
  isCurrent,
});
const NETWORK = {
  devices: [
    device({ name: 'atlas', hasSsh: true, addresses: ['100.64.0.7'] }),
    device({ name: 'tablet', isOnline: false }),
    device({ name: 'harbour', isExitOption: true }),
  ],
  accounts: [account('ada', true), account('bo', false)],
};
function state(change: Parameters<typeof snapshot>[0] = {}): AppState {
  show(snapshot({ ...NETWORK, ...change }), undefined);
  return useApp.getState();
}
const texts = (words: string, of = state()): readonly string[] =>
  found(allCommands(of), words).map(({ text }) => text);

test('without words: where one can go and what one can do, not every device', () => {
  const all = texts('');
  expect(all).toEqual(expect.arrayContaining(['Disconnect', 'Home', 'Devices', 'Settings', 'bo']));
  expect(all.join()).not.toMatch(/atlas|harbour/);
});

test('a device is opened, copied, asked and entered', () => {
  const all = texts('atlas');
  expect(all[0]).toBe('atlas');
  expect(all.map((text) => text.replace(/[\u2068\u2069]/g, ''))).toEqual(
    expect.arrayContaining(['Copy address of atlas', 'Ping atlas', 'Open a terminal on atlas (SSH)']),
  );
});

test('one that is away is not asked, and one without SSH not entered', () => {
  expect(texts('tablet').join()).not.toMatch(/Ping|terminal/);
  expect(texts('harbour').join()).not.toMatch(/terminal/);
});

test('a device is found by its address', () => {
  expect(texts('100.64.0.7')[0]).toBe('atlas');
});

test('who may only look is offered nothing that changes something', () => {
  const only = state({ link: { kind: 'ready', rights: 'readonly' } });
  expect(texts('', only)).not.toContain('Disconnect');
  expect(texts('bo', only)).not.toContain('bo');
  expect(texts('internet', only)).toEqual([]);
});

test('every command is one of its own', () => {
  const ids = allCommands(state()).map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});
