/** The app's page, served by a real daemon, against a real coordination server: whole flows, by mouse, by keys and by ear. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { whyNoFlows } from './able.ts';
import { switchAccounts } from './flows/accounts.ts';
import { copyAddress, pingUntilDirect, readWhyRelayed } from './flows/devices.ts';
import { buildReport, checkNetwork } from './flows/diagnostics.ts';
import { loseExitNode, useExitNode } from './flows/exit-node.ts';
import { comeTwice, lookOnly, missesFiles, upgradeFrom } from './flows/guards.ts';
import type { Flow } from './flows/parts.ts';
import { switchOffAndOn } from './flows/power.ts';
import { acceptRoutes, shareRoutes } from './flows/routes.ts';
import { comeBackByItself, outliveService, renewKey } from './flows/service.ts';
import { signInByBrowser, signInWithKey, signOut, waitForApproval } from './flows/sign-in.ts';
import { HANDS, type HandsName } from './hands.ts';
import { World } from './world.ts';

/** On a machine with other work. */
const OPENS_MS = 180_000;

const FLOWS: readonly (readonly [what: string, flow: Flow])[] = [
  ['signs in with an auth key', signInWithKey],
  ['switches off and on', switchOffAndOn],
  ['finds a device and copies its address', copyAddress],
  ['reads why a device is relayed', readWhyRelayed],
  ['pings it and sees a relay become direct', pingUntilDirect],
  ['uses an exit node, stops, and uses it again', useExitNode],
  ['is told when the exit node dies, and gets out', loseExitNode],
  ['accepts routes', acceptRoutes],
  ['shares a route, which an admin approves and another device uses', shareRoutes],
  ['adds an account, switches back and removes it', switchAccounts],
  ['checks the network', checkNetwork],
  ['makes a report that has no secret in it', buildReport],
  ['signs in again when the key is over', renewKey],
  ['outlives the service', outliveService],
  ['signs out', signOut],
  ['signs in by the browser', signInByBrowser],
  ['signs out again', signOut],
  ['waits for an admin', waitForApproval],
  ['signs out at last', signOut],
];

describe.skipIf(whyNoFlows() !== undefined)('the app', () => {
  let world: World;

  beforeAll(async () => {
    world = await World.open();
  }, OPENS_MS);
  afterAll(async () => world?.[Symbol.asyncDispose](), OPENS_MS);

  describe.each(Object.keys(HANDS) as HandsName[])('with the %s alone', (name) => {
    test.each(FLOWS)('%s', async (_what, flow) => {
      await using tab = await world.openTab();
      await flow({ world, tab, hands: HANDS[name](tab.page) });
      expect(tab.complaints).toEqual([]);
    });
  });

  describe('whoever may not', () => {
    beforeAll(() => world.signIn(), OPENS_MS);

    test.each(Object.keys(HANDS) as HandsName[])('looks and changes nothing, with the %s', async (name) => {
      await using tab = await world.openTab('--readonly');
      await lookOnly({ world, tab, hands: HANDS[name](tab.page) });
      expect(tab.complaints).toEqual([]);
    });
    test('finds no section for what the daemon can’t do', async () => {
      await using tab = await world.openTab();
      await missesFiles({ tab });
    });
    test('does not come in twice by one link', () => comeTwice({ world }));
    test.each([
      { name: 'the page itself', headers: {}, code: '101' },
      { name: 'another origin', headers: { Origin: 'http://evil.example' }, code: '403' },
      { name: 'no origin', headers: { Origin: '' }, code: '403' },
      { name: 'another name', headers: { Host: 'evil.example', Origin: 'http://evil.example' }, code: '403' },
    ])('$name gets $code from the bridge', async ({ headers, code }) => {
      expect(await upgradeFrom(world, headers)).toBe(code);
    });
    test('comes back by itself where the network is shown the page', () => comeBackByItself({ world }));
  });

  test('nothing of all this left a secret in a log', () => {
    const logs = world.logs();
    expect(logs).toContain('state.entered');
    expect(world.secretsIn(logs)).toEqual([]);
  });
});
