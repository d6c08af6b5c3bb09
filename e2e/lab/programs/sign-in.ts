/**
 * A person at a browser: opens the address that a machine shows, signs in at the provider, and confirms the machine.
 *
 *   node sign-in.ts ADDRESS LOGIN     prints the title of each page of the coordination server as a JSON list
 */
import { Browser, signInAt } from '../../../src-control/testing/browser.ts';

const [address = '', login = ''] = process.argv.slice(2);
const browser = new Browser();
const asked = await signInAt(browser, await browser.open(address), login);
const pages = [asked];
if (asked.status === 200) pages.push(await browser.submit(asked, { answer: 'yes' }));
console.log(JSON.stringify(pages.map(({ text }) => /<h1>([^<]*)<\/h1>/.exec(text)?.[1] ?? '')));
