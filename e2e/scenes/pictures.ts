/** `npm run screenshots [-- NAME…]`: every scene, light and dark, into docs/screenshots; some of them on a narrow window too. */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CHAPTERS, SCENES } from './catalogue/all.ts';
import { galleryText } from './gallery.ts';
import { madeWithText, PICTURES, pictureName, takePicture } from './picture.ts';
import { LOOKS, type Look, type Scene } from './scene.ts';
import { openStage } from './stage.ts';

/** The screens that a narrow window lays out anew. */
const ALSO_NARROW = ['state-on', 'devices', 'device-direct', 'exit-node', 'diagnostics-overview', 'settings'];
const AT_ONCE = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  // Somewhere else than where they are kept: to look at before.
  options: { into: { type: 'string', default: PICTURES } },
});
const isWanted = ({ name, isUnpictured }: Scene): boolean =>
  positionals.length > 0 ? positionals.some((one) => name.includes(one)) : isUnpictured !== true;

mkdirSync(values.into, { recursive: true });
await using stage = await openStage();
const shots = SCENES.filter(isWanted).flatMap((scene) =>
  LOOKS.filter(({ width }) => width > 720 || ALSO_NARROW.includes(scene.name)).map((look) => ({
    scene,
    look,
  })),
);
const wanted = new Set(shots.map(({ scene, look }) => pictureName(scene, look)));
const blank = await stage.browser.newPage();
const failed: string[] = [];
const waiting = [...shots];
await Promise.all(Array.from({ length: AT_ONCE }, worker));

if (positionals.length === 0) {
  for (const name of readdirSync(values.into))
    if (name.endsWith('.webp') && !wanted.has(name)) rmSync(join(values.into, name));
  writeFileSync(join(values.into, 'made-with.json'), madeWithText(stage.browser));
  writeFileSync(join(values.into, 'README.md'), galleryText(CHAPTERS, wanted));
}
const bytes = readdirSync(values.into).reduce((sum, name) => sum + statSync(join(values.into, name)).size, 0);
for (const one of failed) console.error(one);
console.log(
  `${shots.length - failed.length} of ${shots.length} pictures in ${values.into}, ${Math.round(bytes / 1_000)} kB`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

async function worker(): Promise<void> {
  for (let shot = waiting.shift(); shot !== undefined; shot = waiting.shift()) await take(shot);
}

async function take({ scene, look }: { readonly scene: Scene; readonly look: Look }): Promise<void> {
  try {
    await using shown = await stage.show(scene, look);
    writeFileSync(join(values.into, pictureName(scene, look)), await takePicture(shown.page, blank));
  } catch (error) {
    failed.push(`${scene.name}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
  }
}
