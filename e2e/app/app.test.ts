/** The app in short: from signing in by a key to an exit node and out again, by mouse and by keys. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { whyNoFlows } from './able.ts';
import { useExitNode } from './flows/exit-node.ts';
import { signInWithKey, signOut } from './flows/sign-in.ts';
import { HANDS } from './hands.ts';
import { World } from './world.ts';

describe.skipIf(whyNoFlows() !== undefined)('the app', () => {
  let world: World;

  beforeAll(async () => {
    world = await World.open();
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  test.each(['keyboard', 'mouse'] as const)('from sign-in to sign-out with the %s alone', async (name) => {
    await using tab = await world.openTab();
    const parts = { world, tab, hands: HANDS[name](tab.page) };
    await signInWithKey(parts);
    await useExitNode(parts);
    await signOut(parts);
    expect(tab.complaints).toEqual([]);
  });

  test('leaves no secret in a log', () => {
    expect(world.secretsIn(world.logs())).toEqual([]);
  });
});
