/** What the keys do in a page: where they work, where they are letters, and where they belong to somebody else. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { show, useApp } from '../store/store.ts';
import { snapshot } from '../testing/build.ts';
import { fakeBridge } from '../testing/fake-bridge.ts';
import { listenToKeys } from './keys.ts';
import { go, routeNow } from './route.ts';

const opened: string[] = [];
let stop = (): void => undefined;

beforeEach(() => {
  opened.length = 0;
  useApp.setState({ bridge: fakeBridge({ 'prefs.edit': () => undefined }), host: fakeBridge().host });
  show(snapshot(), undefined);
  document.body.innerHTML = `
    <div data-pane tabindex="-1" id="side"><a href="#/" aria-current="page" id="here">Home</a></div>
    <main data-pane tabindex="-1" id="main">
      <div data-pane tabindex="-1" id="list">
        <div class="search"><input data-search id="find"><button class="search-clear">x</button></div>
      </div>
      <aside data-pane tabindex="-1" id="detail"><input id="name"></aside>
    </main>`;
  go('/', 'replace');
  stop = listenToKeys({ openPalette: () => opened.push('palette'), openKeys: () => opened.push('keys') });
});
afterEach(() => {
  stop();
  document.body.innerHTML = '';
});

const part = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`there is no ${id}`);
  return found;
};
/** True when nobody else is to have it. */
function press(key: string, held: KeyboardEventInit = {}, at: HTMLElement = document.body): boolean {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...held });
  at.dispatchEvent(event);
  return event.defaultPrevented;
}

test.each([
  { key: '1', path: '/' },
  { key: '2', path: '/devices' },
  { key: '3', path: '/exit-node' },
  { key: '4', path: '/diagnostics' },
  { key: '5', path: '/settings' },
  { key: 'e', path: '/exit-node' },
  { key: ',', path: '/settings' },
])('Ctrl $key goes to $path, also while writing', ({ key, path }) => {
  expect(press(key, { ctrlKey: true }, part('name'))).toBe(true);
  expect(routeNow().path).toBe(path);
});

test('Ctrl K finds anything, ? shows the keys', () => {
  press('k', { ctrlKey: true });
  press('?', { shiftKey: true });
  expect(opened).toEqual(['palette', 'keys']);
});

test('signs are letters in a text field', () => {
  expect(press('?', {}, part('name'))).toBe(false);
  expect(press('/', {}, part('name'))).toBe(false);
  expect(press('ArrowLeft', { altKey: true }, part('name'))).toBe(false);
  expect(opened).toEqual([]);
});

test('/ and Ctrl F go to the search of the screen', () => {
  for (const [key, held] of [
    ['/', {}],
    ['f', { ctrlKey: true }],
  ] as const) {
    part('main').focus();
    expect(press(key, held)).toBe(true);
    expect(document.activeElement).toBe(part('find'));
  }
});

test('Ctrl Shift D switches, where there is something to switch', () => {
  vi.useFakeTimers();
  press('D', { ctrlKey: true, shiftKey: true });
  expect(useApp.getState().wish).toEqual({ kind: 'running', on: false });
  show(snapshot({ link: { kind: 'ready', rights: 'readonly' } }), undefined);
  expect(press('D', { ctrlKey: true, shiftKey: true })).toBe(false);
  vi.useRealTimers();
});

test('Escape clears the search first, then goes back', () => {
  go('/devices');
  const find = part('find') as HTMLInputElement;
  const clear = find.nextElementSibling;
  clear?.addEventListener('click', () => {
    find.value = '';
  });
  find.value = 'nas';
  expect(press('Escape', {}, part('list'))).toBe(true);
  expect([find.value, routeNow().path]).toEqual(['', '/devices']);
  press('Escape', {}, part('list'));
  expect(routeNow().path).toBe('/');
  expect(press('Escape')).toBe(false);
});

test('Escape in a field with text is the field’s', () => {
  go('/devices');
  (part('name') as HTMLInputElement).value = 'half written';
  expect(press('Escape', {}, part('name'))).toBe(false);
  expect(routeNow().path).toBe('/devices');
});

test('F6 goes round the parts of the window, and back with Shift', () => {
  const round = ['here', 'list', 'detail', 'here'];
  part('detail').focus();
  expect(
    round.map(() => {
      press('F6');
      return document.activeElement?.id;
    }),
  ).toEqual(['here', 'list', 'detail', 'here']);
  press('F6', { shiftKey: true });
  expect(document.activeElement?.id).toBe('detail');
});

test('behind a dialog or a menu nothing happens', () => {
  document.body.insertAdjacentHTML('beforeend', '<div class="veil"></div>');
  expect(press('k', { ctrlKey: true })).toBe(false);
  expect(press('F6')).toBe(false);
  expect(press('Escape')).toBe(false);
  expect(opened).toEqual([]);
});

test('what was dealt with already is left alone', () => {
  part('name').addEventListener('keydown', (event) => event.preventDefault());
  press('k', { ctrlKey: true }, part('name'));
  expect(opened).toEqual([]);
});
