/** The web console in a real browser against a real server: every screen, both themes, the keyboard, narrow and enlarged. */
import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath, type Tab } from '../sign-in/chromium.ts';
import { type Seeded, seeded } from './seeded.ts';

const SCREENS = [
  ['machines', '/machines', 'Machines'],
  ['a machine', '/machines/1', 'laptop'],
  ['routes', '/routes', 'Routes'],
  ['dns', '/dns', 'DNS'],
  ['relays', '/relays', 'Relays'],
  ['policy', '/policy', 'Policy'],
  ['policy: try out', '/policy/explain', 'Policy'],
  ['policy: history', '/policy/history', 'Policy'],
  ['access map', '/map', 'Access map'],
  ['users', '/users', 'Users'],
  ['auth keys', '/keys', 'Keys'],
  ['API keys', '/keys/api', 'Keys'],
  ['OAuth clients', '/keys/oauth', 'Keys'],
  ['audit log', '/audit', 'Audit log'],
  ['settings', '/settings', 'Settings'],
] as const;

interface RunOnly {
  readonly type: 'tag' | 'rule';
  readonly values: string[];
}
const EVERYTHING: RunOnly = {
  type: 'tag',
  values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
};
const CONTRAST: RunOnly = { type: 'rule', values: ['color-contrast'] };

/** Run in the page, whose names this program does not know. */
const LARGER = (css: string): string => `{
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(${JSON.stringify(css)});
  document.adoptedStyleSheets = [sheet];
}`;
const OVERFLOWING = `[document.documentElement, document.querySelector('main')]
  .some((one) => one !== null && one.scrollWidth > one.clientWidth + 1)`;
const POLICY_STATUS = `fetch('/admin/api/session').then((answer) => answer.json()).then(({ csrf }) =>
  fetch('/admin/api/call/policy.get', {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-csrf-token': csrf }, body: '{}',
  })).then(({ status }) => status)`;

let server: Seeded;

describe.skipIf(chromiumPath === undefined)('the web console', () => {
  beforeAll(async () => {
    server = await seeded(60);
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  const goTo = async ({ page }: Tab, path: string, title: string): Promise<void> => {
    await page.goto(`${server.lab.url}/admin${path}`);
    await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
    await page.getByText('Loading', { exact: true }).waitFor({ state: 'detached' });
  };

  const accessibilityFaults = async (
    { page }: Tab,
    rules: RunOnly = EVERYTHING,
  ): Promise<readonly string[]> => {
    const { violations } = await new AxeBuilder({ page }).options({ runOnly: rules }).analyze();
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`,
    );
  };

  test('every screen is right and accessible, light and dark', async () => {
    await using tab = await server.open('alice', '/machines', 'light');
    const faults: string[] = [];
    for (const [name, path, title] of SCREENS) {
      await goTo(tab, path, title);
      for (const fault of await accessibilityFaults(tab)) faults.push(`${name}: ${fault}`);
      // What is in the page is the same in the dark; only its colours are looked at again.
      await tab.page.emulateMedia({ colorScheme: 'dark' });
      for (const fault of await accessibilityFaults(tab, CONTRAST)) faults.push(`${name}, dark: ${fault}`);
      await tab.page.emulateMedia({ colorScheme: 'light' });
    }
    expect(faults).toEqual([]);
    expect(tab.complaints).toEqual([]);
  });

  test.each([
    ['320 pixels wide', 320, ''],
    ['text twice as large', 1_280, 'html { font-size: 200% !important }'],
  ])('nothing is cut off with %s', async (_name, width, style) => {
    await using tab = await server.open('alice', '/machines');
    await tab.page.setViewportSize({ width, height: 800 });
    await tab.page.addInitScript({ content: LARGER(style) });
    const wide: string[] = [];
    for (const [name, path, title] of SCREENS) {
      await goTo(tab, path, title);
      if ((await tab.page.evaluate(OVERFLOWING)) === true) wide.push(name);
    }
    expect(wide).toEqual([]);
  });

  test('the keyboard alone finds, selects, opens and renames a machine', async () => {
    await using tab = await server.open('alice', '/machines');
    const { page } = tab;
    await goTo(tab, '/machines', 'Machines');
    await page.keyboard.press('/');
    await page.keyboard.type('tablet-13');
    await page.getByText('1 of 60 machines').waitFor();
    const row = page.getByRole('row', { name: /^tablet-13,/ });
    await row.focus();
    await page.keyboard.press('Space');
    await page.getByText('1 selected').waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'tablet-13' }).waitFor();
    await page.getByRole('button', { name: 'Rename' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByLabel('Name').fill('kiosk');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'kiosk' }).waitFor();
    expect(server.lab.server.network.nodeByName('kiosk')).toBeDefined();
    expect(tab.complaints).toEqual([]);
  });

  test('what happens on the server is on the screen at once', async () => {
    await using tab = await server.open('alice', '/machines');
    await goTo(tab, '/machines', 'Machines');
    // Of a long list only what is in view is in the page.
    await tab.page.keyboard.press('/');
    await tab.page.keyboard.type('laptop');
    await server.lab.admin.call('nodes.rename', { node: 'laptop', newName: 'ann-laptop' });
    await tab.page.getByRole('row', { name: /^ann-laptop,/ }).waitFor();
    await server.lab.admin.call('nodes.rename', { node: 'ann-laptop', newName: 'laptop' });
    await tab.page.getByRole('row', { name: /^laptop,/ }).waitFor();
  });

  test('the palette goes to a machine by name', async () => {
    await using tab = await server.open('alice', '/settings');
    await goTo(tab, '/settings', 'Settings');
    await tab.page.keyboard.press('Control+k');
    await tab.page.keyboard.type('router');
    await tab.page
      .getByRole('option', { name: /^router/ })
      .first()
      .waitFor();
    await tab.page.keyboard.press('Enter');
    await tab.page.getByRole('heading', { level: 1, name: 'router' }).waitFor();
  });

  test('a policy with a mistake shows where, and one without is saved and can be taken back', async () => {
    await using tab = await server.open('alice', '/policy');
    const { page } = tab;
    await goTo(tab, '/policy', 'Policy');
    await page.getByText('Valid, all its tests pass').waitFor();
    const editor = page.getByRole('textbox', { name: 'Text of the policy' });
    await editor.click();
    await page.keyboard.press('Control+Home');
    await page.keyboard.type('oops');
    await page.getByText(/^1 error$|errors$/).waitFor();
    await page.keyboard.press('Control+z');
    await page.getByText('Valid, all its tests pass').waitFor();
    await page.keyboard.type('// Changed in a test. ');
    await page.getByRole('button', { name: 'Save…' }).click();
    await page.getByRole('dialog').getByLabel('What changes, and why').fill('a remark');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByText('version 2', { exact: true }).waitFor();
    await page.getByRole('tab', { name: 'History' }).click();
    await page.getByRole('row', { name: /version 2, a remark/ }).waitFor();
    expect(tab.complaints).toEqual([]);
  });

  test('somebody who was faster is not overwritten unseen', async () => {
    await using tab = await server.open('alice', '/policy');
    const { page } = tab;
    await goTo(tab, '/policy', 'Policy');
    await page.getByRole('textbox', { name: 'Text of the policy' }).click();
    await page.keyboard.type('// mine ');
    const { text } = await server.lab.admin.call('policy.get', {});
    await server.lab.admin.call('policy.set', { text: `${text}// theirs\n` });
    await page.getByText(/Somebody else has saved version/).waitFor();
    await page.getByRole('button', { name: 'Save…' }).click();
    await page.getByRole('heading', { name: 'Somebody else was faster' }).waitFor();
    await page.getByRole('button', { name: 'Take theirs, drop mine' }).click();
    await page.getByText('// theirs').waitFor();
  });

  test('a key is shown once, with a command and a code', async () => {
    await using tab = await server.open('alice', '/keys');
    const { page } = tab;
    await goTo(tab, '/keys', 'Keys');
    await page.getByRole('button', { name: 'Make an auth key' }).click();
    await page.getByRole('button', { name: 'Make the key' }).click();
    const command = page.getByText(/rhumb up --login-server=.*--auth-key=rhkey-auth-/);
    await command.waitFor();
    expect(await accessibilityFaults(tab)).toEqual([]);
    await page.getByRole('button', { name: 'Done' }).click();
    await page
      .getByText(/rhkey-auth-\w+…/)
      .first()
      .waitFor();
    expect(await page.content()).not.toMatch(/rhkey-auth-\w{12}-\w{20}/);
  });

  test('a member sees what is theirs and nothing else', async () => {
    await using tab = await server.open('bob', '/');
    const { page } = tab;
    await page.getByRole('heading', { level: 1, name: 'My machines' }).waitFor();
    const links = await page.getByRole('navigation').getByRole('link').allTextContents();
    expect(links).toEqual(['My machines']);
    expect(await accessibilityFaults(tab)).toEqual([]);
    const status: unknown = await page.evaluate(POLICY_STATUS);
    expect(status).toBe(403);
  });
});
