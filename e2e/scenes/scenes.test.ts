/** Home in every state, each in a look that differs from one to the next, and each special look with one of them. `scenes.slow.ts` has all. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath } from '../sign-in/chromium.ts';
import { HOME, STATES } from './catalogue/states.ts';
import { faultsOf } from './check.ts';
import { LOOKS, type Look, lookName, type Scene, SPECIAL_LOOKS } from './scene.ts';
import { bundleExists } from './serve.ts';
import { openStage, type Stage } from './stage.ts';

const whyNot =
  chromiumPath === undefined
    ? 'there is no Chromium here'
    : bundleExists()
      ? undefined
      : 'the app is not built';

const SCENES: readonly Scene[] = [...STATES, ...HOME];

interface Case {
  readonly name: string;
  readonly scene: Scene;
  readonly look: Look;
  readonly isDeep: boolean;
}

/** Accessibility and the keyboard with every third: all together within a minute on two cores. */
const once: readonly Case[] = SCENES.flatMap((scene, n) => {
  const look = LOOKS[n % LOOKS.length];
  return look === undefined
    ? []
    : [{ name: `${scene.name} (${lookName(look)})`, scene, look, isDeep: n % 3 === 0 }];
});

const special: readonly Case[] = SPECIAL_LOOKS.flatMap((look, n) => {
  const scene = SCENES[(n * 37 + 16) % SCENES.length];
  return scene === undefined
    ? []
    : [{ name: `${scene.name} (${lookName(look)})`, scene, look, isDeep: false }];
});

let stage: Stage;

describe.skipIf(whyNot !== undefined)('scenes', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => stage[Symbol.asyncDispose]());

  test.concurrent.for([...once, ...special])('$name', async ({ scene, look, isDeep }) => {
    expect(await faultsOf(stage, scene, look, { axe: isDeep, keyboard: isDeep })).toEqual([]);
  });
});
