/** The app's page, served by a real daemon, against a real coordination server: from signing in to signing out, by mouse and by keys. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { whyNot as whyNoLab } from '../lab/scenario.ts';
import { bundleExists } from '../scenes/serve.ts';
import { chromiumPath } from '../sign-in/chromium.ts';
import * as flows from './flows.ts';
import { HANDS } from './hands.ts';
import { World } from './world.ts';

const whyNot =
  whyNoLab(['nft', 'curl']) ??
  (chromiumPath === undefined
    ? 'there is no Chromium here'
    : bundleExists()
      ? undefined
      : 'the app is not built');

let world: World;

describe.skipIf(whyNot !== undefined)('the app', () => {
  beforeAll(async () => {
    world = await World.open();
    await world.network.control.cli('users', 'create', 'other');
  });
  afterAll(async () => world[Symbol.asyncDispose]());

  describe.each(['mouse', 'keyboard'] as const)('with the %s alone', (name) => {
    test.each([
      ['signs in with an auth key', flows.signInWithKey],
      ['switches off and on', flows.switchOffAndOn],
      ['finds a device and copies its address', flows.copyAddress],
      ['uses an exit node and stops', flows.useExitNode],
      ['accepts and shares routes', flows.shareRoutes],
      ['reads why a device is relayed', flows.readWhyRelayed],
      ['adds an account and switches back', flows.switchAccounts],
      ['signs out', flows.signOut],
      ['signs in by the browser', flows.signInByBrowser],
      ['signs out again', flows.signOut],
    ] as const)('%s', async (_what, flow) => {
      await using tab = await world.openPage(await world.link());
      await flow({ world, tab, hands: HANDS[name](tab.page) });
      expect(tab.complaints).toEqual([]);
    });
  });
});
