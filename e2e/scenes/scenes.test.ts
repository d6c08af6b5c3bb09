/**
 * The most telling scenes: Home in every state, everything that opens over a screen, one of each screen; each in a look that differs
 * from one to the next, each special look once. And what readers hear of the key screens. `scenes.slow.ts` has all.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath } from '../sign-in/chromium.ts';
import { SCENES } from './catalogue/all.ts';
import { HOME, STATES } from './catalogue/states.ts';
import { faultsOf } from './check.ts';
import { LAYERS_BY_ID } from './layers.ts';
import { LOOKS, type Look, lookName, type Scene, SPECIAL_LOOKS } from './scene.ts';
import { bundleExists } from './serve.ts';
import { openStage, type Stage } from './stage.ts';

const whyNot =
  chromiumPath === undefined
    ? 'there is no Chromium here'
    : bundleExists()
      ? undefined
      : 'the app is not built';

const named = (names: readonly string[]): readonly Scene[] =>
  SCENES.filter(({ name }) => names.includes(name));

const SCREENS = named([
  'intro-switch',
  'sign-in-qr',
  'accounts',
  'devices',
  'devices-hostile-names',
  'device-explained',
  'exit-node-country',
  'offer-exit-node-pending',
  'routes-managed',
  'settings',
  'settings-managed',
  'diagnostics-overview',
  'diagnostics-traffic',
  'diagnostics-path',
  'diagnostics-logs-odd-lines',
  'diagnostics-report-made',
  'installing-failed',
]);
const OVER = named(LAYERS_BY_ID.flatMap(({ scenes }) => scenes.slice(0, 1)));

interface Case {
  readonly name: string;
  readonly scene: Scene;
  readonly look: Look;
  /** With accessibility and the keyboard, which take the most time. */
  readonly isDeep: boolean;
}

const inTurn = (scenes: readonly Scene[], looks: readonly Look[], isDeep: (n: number) => boolean): Case[] =>
  scenes.flatMap((scene, n) => {
    const look = looks[n % looks.length];
    return look === undefined
      ? []
      : [{ name: `${scene.name} (${lookName(look)})`, scene, look, isDeep: isDeep(n) }];
  });

const CASES: readonly Case[] = [
  ...inTurn([...STATES, ...HOME], LOOKS, (n) => n % 4 === 0),
  ...inTurn([...SCREENS, ...OVER], LOOKS, (n) => n % 3 === 0),
  ...inTurn(SCREENS.slice(0, SPECIAL_LOOKS.length), SPECIAL_LOOKS, () => false),
];

/** What is read out must not change unnoticed: after a change that is meant, `vitest -u` writes it anew. */
const HEARD = named([
  'state-on',
  'state-signed-out',
  'state-exit-broken',
  'devices',
  'device-relayed',
  'exit-node-locations',
  'settings',
  'diagnostics-overview',
]);

let stage: Stage;

describe.skipIf(whyNot !== undefined)('scenes', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => stage[Symbol.asyncDispose]());

  test.concurrent.for(CASES)('$name', async ({ scene, look, isDeep }) => {
    expect(await faultsOf(stage, scene, look, { axe: isDeep, keyboard: isDeep })).toEqual([]);
  });

  test.for(HEARD)('$name is read out as before', async (scene) => {
    await using shown = await stage.show(scene, { theme: 'light', width: 1_280, height: 800 });
    const heard = await shown.page.locator('body').ariaSnapshot();
    await expect(`${heard}\n`).toMatchFileSnapshot(join(import.meta.dirname, 'heard', `${scene.name}.yaml`));
  });
});
