/** Everything that is asked of one scene in one look. */
import { accessibilityFaults } from './axe.ts';
import { escapeFaults, keyboardFaults } from './keyboard.ts';
import { layoutFaults } from './layout.ts';
import { type Look, lookName, type Scene } from './scene.ts';
import type { Stage } from './stage.ts';

/** What costs most; the rest is always done. */
export interface Depth {
  readonly axe: boolean;
  readonly keyboard: boolean;
}

/** Sentences, each with the scene and the look; none = all is well. */
export async function faultsOf(
  stage: Stage,
  scene: Scene,
  look: Look,
  depth: Depth,
): Promise<readonly string[]> {
  const said = (faults: readonly string[]): string[] =>
    faults.map((fault) => `${scene.name} (${lookName(look)}): ${fault}`);
  try {
    await using shown = await stage.show(scene, look);
    const { page } = shown;
    const faults = [...(await layoutFaults(page))];
    if (depth.axe) faults.push(...(await accessibilityFaults(page)));
    if (depth.keyboard) {
      faults.push(...(await keyboardFaults(page)));
      if (scene.isLayer === true) faults.push(...(await escapeFaults(page)));
    }
    faults.push(...(await shown.complaints()).map((one) => `console: ${one}`));
    return said(faults);
  } catch (error) {
    return said([
      `does not come up: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`,
    ]);
  }
}
