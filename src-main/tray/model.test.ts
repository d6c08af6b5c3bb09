/** The tray in every state: what it says, what it offers, and its limits (desktop.md §6.3, §6.4). */
import { describe, expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { deriveUi, UI_STATES, type UiState } from '#shared/ui-state/derive.ts';
import { NO_SETTINGS } from '#shared/ui-state/empty.ts';
import type { Snapshot } from '#shared/ui-state/types.ts';
import { DEFAULTS } from '../settings/gui.ts';
import type { MenuEntry } from '../shell.ts';
import { FakeShell } from '../testing/fake-shell.ts';
import { device, devices, running, SNAPSHOTS } from '../testing/snapshots.ts';
import { textIn } from '../text/text.ts';
import { TrayAdapter } from './adapter.ts';
import { trayModel } from './model.ts';
import type { TrayItem, TrayModel } from './types.ts';

const t = textIn('en', 'en');
const modelOf = (snapshot: Snapshot, gui = DEFAULTS, locale = t): TrayModel =>
  trayModel({ state: deriveUi(snapshot, 0), snapshot, gui, t: locale, hasAttention: false });

/** As a person reads it: one line each, deeper ones indented. */
const read = (items: readonly TrayItem[], indent = ''): string[] =>
  items.flatMap((item) => {
    if (item.kind === 'separator') return [`${indent}-`];
    if (item.kind === 'submenu') return [`${indent}${item.text} >`, ...read(item.items, `${indent}  `)];
    if (item.kind === 'label') return [`${indent}(${item.text})`];
    const mark = item.isChecked ? ' *' : '';
    return [`${indent}${item.text}${mark}${item.isEnabled ? '' : ' (off)'}`];
  });

test.each(UI_STATES)('the snapshot for %s is in that state', (state) => {
  expect(deriveUi(SNAPSHOTS[state], 0)).toBe(state);
});

const ENDING = ['Open Rhumb', '-', 'Quit'];
const ACCOUNTS = ['Account: ann >', '  ann *', '  bob', '  -', '  Add account…'];

/** What reaches the tray of a system, with what it is told besides the menu. */
function shownOn(platform: string, model: TrayModel): readonly MenuEntry[] {
  const shell = new FakeShell();
  const tray = new TrayAdapter({
    shell,
    clock: new FakeClock(),
    platform,
    model: () => model,
    image: ({ icon }) => icon,
    act: async () => undefined,
    clicked: () => undefined,
  });
  tray.update();
  const [made] = shell.trays;
  expect([made?.image, made?.tooltip]).toEqual([model.icon, model.tooltip]);
  return made?.menus.at(-1) ?? [];
}

const drawn = (items: readonly MenuEntry[], indent = '  '): string[] =>
  items.flatMap((item) => {
    if (item.kind === 'separator') return [`${indent}───`];
    const mark = { label: '  ', submenu: '▸ ', action: '· ', check: '☐ ', radio: '○ ' }[item.kind];
    const isOn =
      'isChecked' in item && item.isChecked ? { check: '☑ ', radio: '◉ ', action: '· ' }[item.kind] : mark;
    const isOff = 'isEnabled' in item && !item.isEnabled ? ' (off)' : '';
    const line = `${indent}${isOn}${item.text}${isOff}   #${item.id}`;
    return item.kind === 'submenu' ? [line, ...drawn(item.items, `${indent}    `)] : [line];
  });

test('the menu of every state on every system is the one that was looked at', async () => {
  const systems = ['linux', 'win32', 'darwin'];
  const pages = UI_STATES.map((state) => {
    const menus = new Map<string, string[]>();
    for (const system of systems) {
      const menu = drawn(shownOn(system, modelOf(SNAPSHOTS[state]))).join('\n');
      menus.set(menu, [...(menus.get(menu) ?? []), system]);
    }
    return [...menus].map(([menu, on]) => `${state} on ${on.join(', ')}\n${menu}\n`).join('\n');
  });
  await expect(pages.join('\n')).toMatchFileSnapshot('testing/menus.txt');
});

test.each<readonly [UiState, readonly string[]]>([
  ['loading', ['(Rhumb — Starting…)', ...ENDING]],
  ['no-daemon', ["(Rhumb — The service isn't installed)", 'Install…', ...ENDING]],
  ['daemon-stopped', ["(Rhumb — The service isn't running)", 'Start service', ...ENDING]],
  ['untrusted-daemon', ["(Rhumb — Can't use the service)", 'Details…', ...ENDING]],
  ['version-mismatch', ['(Rhumb — App and service are different versions)', 'Restart service', ...ENDING]],
  ['reconnecting', ['(Rhumb — Reconnecting…)', ...ENDING]],
  ['other-user', ['(Rhumb — In use by another user)', ...ENDING]],
  ['signed-out', ['(Rhumb — Signed out)', 'Sign in…', ...ACCOUNTS, ...ENDING]],
  ['expired', ["(Rhumb — This device's key has expired)", 'Sign in again…', ...ACCOUNTS, ...ENDING]],
  [
    'waiting-browser',
    [
      '(Rhumb — Finish signing in in your browser)',
      'Open the page again',
      'Copy sign-in link',
      'Cancel sign-in',
      ...ENDING,
    ],
  ],
  [
    'waiting-approval',
    ['(Rhumb — Waiting for an admin to approve this device)', 'Open admin page', ...ENDING],
  ],
  ['off', ['(Rhumb — Off)', 'Connect', ...ACCOUNTS, 'This device: me (100.64.0.1)', ...ENDING]],
  [
    'on',
    [
      '(Rhumb — Connected)',
      'Disconnect',
      '-',
      'Exit node: none >',
      '  None *',
      '  My devices >',
      '    Frankfurt',
      '  -',
      '  Reach computers around me',
      '  Choose in Rhumb…',
      'Use shared networks',
      'Devices >',
      '  Frankfurt — 100.64.0.9',
      '  nas — 100.64.0.9',
      '  -',
      '  All devices…',
      ...ACCOUNTS,
      'This device: me (100.64.0.1)',
      '-',
      'Open Rhumb',
      'Settings…',
      'Quit',
      'Disconnect and quit',
    ],
  ],
])('%s', (state, lines) => {
  expect(read(modelOf(SNAPSHOTS[state]).menu)).toEqual(lines);
});

test('a broken exit node is the first thing to stop', () => {
  const { menu, icon, tooltip } = modelOf(SNAPSHOTS['exit-broken']);
  expect(read(menu).slice(0, 2)).toEqual([
    '(Rhumb — Internet blocked: Frankfurt can’t be used)',
    'Internet blocked: stop using Frankfurt',
  ]);
  expect([icon, tooltip]).toEqual(['blocked', 'Rhumb: Internet blocked: Frankfurt can’t be used']);
});

test('problems are counted and lead to Diagnostics', () => {
  expect(read(modelOf(SNAPSHOTS.degraded).menu)).toContain('1 problem…');
});

test('who may only look can not change anything, and can still copy, open and quit', () => {
  const { menu } = modelOf(running({ link: { kind: 'ready', rights: 'readonly' } }));
  const lines = read(menu);
  expect(lines).toContain('Disconnect (off)');
  expect(lines).toContain('  bob (off)');
  expect(lines).toContain('This device: me (100.64.0.1)');
  expect(lines).toContain('Quit');
});

test('two accounts of one name are told apart by their networks', () => {
  const accounts = running().accounts.map((one) => ({ ...one, name: 'ann@work' }));
  expect(read(modelOf(running({ accounts })).menu)).toContain('  other.example (ann@work)');
});

describe('limits', () => {
  const places = Array.from({ length: 60 }, (_, n) =>
    device(`srv${n}`, {
      isExitOption: true,
      location: {
        country: `Land ${String(n).padStart(2, '0')}`,
        countryCode: `L${n}`,
        city: 'Town',
        cityCode: 't',
        priority: 1,
      },
    }),
  );
  const own = Array.from({ length: 40 }, (_, n) => device(`own${n}`, { isExitOption: true }));
  const crowd = running({
    devices: devices(...places, ...own),
    suggestedExitNodeId: 'srv3',
    settings: { ...NO_SETTINGS, wantRunning: true },
  });
  const gui = {
    ...DEFAULTS,
    recentExitNodes: own.slice(0, 16).map(({ id }) => id),
    pinnedDevices: own.map(({ id }) => id),
  };

  const depth = (items: readonly TrayItem[]): number =>
    Math.max(0, ...items.map((item) => (item.kind === 'submenu' ? 1 + depth(item.items) : 0)));
  const longest = (items: readonly TrayItem[]): number =>
    Math.max(items.length, ...items.map((item) => (item.kind === 'submenu' ? longest(item.items) : 0)));

  test('no menu is deeper than two or longer than twenty rows', () => {
    const { menu } = modelOf(crowd, gui);
    expect(depth(menu)).toBe(2);
    expect(longest(menu)).toBeLessThanOrEqual(20);
    expect(read(menu)).toContain('  Suggested: Town, Land 03');
    expect(read(menu).filter((line) => line.trim() === 'More in Rhumb…')).toHaveLength(2);
  });

  test('five thousand devices with hostile names keep to them, and are not all looked at for each change', () => {
    const many = Array.from({ length: 5_000 }, (_, n) =>
      device(`d${n}`, {
        name: `${'\u202e'.repeat(20)}&${'W'.repeat(300)}${n}`,
        isExitOption: n % 2 === 0,
        addresses: [`100.64.${n >> 8}.${n & 255}`],
      }),
    );
    const snapshot = running({ devices: devices(...many), settings: { ...NO_SETTINGS, wantRunning: true } });
    const all = { ...gui, pinnedDevices: many.slice(0, 256).map(({ id }) => id) };
    const { menu } = modelOf(snapshot, all);
    expect([depth(menu), longest(menu) <= 20]).toEqual([2, true]);
    const lines = read(menu);
    expect(lines.length).toBeLessThan(80);
    for (const line of lines) expect([...line.trim()].length, line).toBeLessThan(70);
    expect(lines.join('')).not.toContain('\u202e');
  });

  test('no entry with a mark has entries below it', () => {
    const marked = (items: readonly MenuEntry[]): boolean =>
      items.some((item) => item.kind === 'submenu' && ('isChecked' in item || marked(item.items)));
    for (const state of UI_STATES)
      expect(marked(shownOn('linux', modelOf(SNAPSHOTS[state]))), state).toBe(false);
  });

  test('every id is there once', () => {
    const ids = (items: readonly TrayItem[]): string[] =>
      items.flatMap((item) =>
        item.kind === 'separator' ? [] : [item.id, ...(item.kind === 'submenu' ? ids(item.items) : [])],
      );
    const all = ids(modelOf(crowd, gui).menu);
    expect(new Set(all).size).toBe(all.length);
  });

  test('nothing in it ticks: latency, traffic and times change nothing', () => {
    const busy = device('nas', { lastSeenMs: 5, path: { ...device('x').path, latencyMs: 3 } });
    expect(modelOf(running({ devices: devices(busy) }))).toEqual(
      modelOf(running({ devices: devices(device('nas')) })),
    );
  });

  test('names are cut, freed of direction marks, and never become a key of the menu', () => {
    const nasty = device('n', { name: `A&B\u202e${'x'.repeat(100)}end` });
    const line =
      read(modelOf(running({ devices: devices(nasty) })).menu).find((one) => one.includes('A&&B')) ?? '';
    expect(line).toContain('…');
    expect(line).toContain('end — ');
    expect(line).not.toContain('\u202e');
    expect(line.length).toBeLessThan(70);
  });
});

test.each(['de', 'fr'])('it speaks %s', (locale) => {
  const { menu } = modelOf(SNAPSHOTS.on, DEFAULTS, textIn(locale, 'en'));
  expect(read(menu).join(' ')).not.toContain('Disconnect');
});
