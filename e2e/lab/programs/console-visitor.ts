/**
 * A person with a real browser, in whatever host this runs.
 *
 *   node console-visitor.ts add URL LOGIN              signs in at the provider and confirms the machine's page
 *   node console-visitor.ts policy SERVER LOGIN FILE   signs in to the console, puts the text of FILE into the policy editor and
 *                                                      saves it; says when it was in force, ms since 1970
 */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { openTab } from '../../sign-in/chromium.ts';

const [what = '', address = '', login = '', last = ''] = process.argv.slice(2);

async function passProvider(page: Page): Promise<void> {
  await page.getByPlaceholder('Enter any login').fill(login);
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

async function enterConsole(page: Page, path: string): Promise<void> {
  await page.goto(`${address}/login?next=${encodeURIComponent(`/admin${path}`)}`);
  await page.getByRole('link', { name: 'Continue with Lab ID' }).click();
  await passProvider(page);
  await page.getByRole('heading', { level: 1, name: 'Policy' }).waitFor();
}

async function addMachine(page: Page): Promise<void> {
  await page.goto(address);
  await passProvider(page);
  await page.getByRole('button', { name: 'Add this machine' }).click();
  await page.getByRole('heading', { name: 'The machine is in' }).waitFor();
}

async function writePolicy(page: Page): Promise<void> {
  await enterConsole(page, '/policy');
  const editor = page.getByRole('textbox', { name: 'Text of the policy' });
  await editor.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(readFileSync(last, 'utf8'));
  await page.getByRole('button', { name: 'Save…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'What changes, and why' }).fill('from the lab');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  const sure = dialog.getByText('I know, and want it so');
  // Shown, and read out.
  const done = page.getByText(/Version \d+ is in force/).first();
  await sure.or(done).first().waitFor();
  if (await sure.isVisible()) {
    await sure.click();
    await dialog.getByRole('button', { name: 'Save anyway' }).click();
  }
  await done.waitFor();
}

await using tab = await openTab();
const { page } = tab;
try {
  if (what === 'add') await addMachine(page);
  else await writePolicy(page);
  console.log(Date.now());
} catch (error) {
  console.error(
    `${page.url()}\n${await page.textContent('body').catch(() => '')}\n${tab.complaints.join('\n')}`,
  );
  throw error;
}
