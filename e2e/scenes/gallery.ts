/** The page that shows the pictures: docs/screenshots/README.md. */
import type { Chapter } from './catalogue/all.ts';
import { pictureName } from './picture.ts';
import { LOOKS, type Scene } from './scene.ts';

const HEAD = `# Screenshots

Made by \`npm run screenshots\` from the scenes in \`e2e/scenes/catalogue\`: the app as it is built, over a host that says what the
scene wants. Light and dark, and on a narrow window where that changes what one sees.
`;

/** `sign-in-qr` → `Sign in qr`. */
const titleOf = ({ name }: Scene): string => {
  const words = name.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** `drawn`: the names of the pictures there are. */
export function galleryText(chapters: readonly Chapter[], drawn: ReadonlySet<string>): string {
  const parts = chapters.flatMap(({ title, scenes }) => {
    const rows = scenes.flatMap((scene) => {
      const names = LOOKS.map((look) => pictureName(scene, look)).filter((name) => drawn.has(name));
      return names.length === 0 ? [] : [`### ${titleOf(scene)}\n\n${names.map(pictureOf).join('\n')}\n`];
    });
    return rows.length === 0 ? [] : [`## ${title}\n\n${rows.join('\n')}`];
  });
  return [HEAD, ...parts].join('\n');
}

const pictureOf = (name: string): string =>
  `<img src="${name}" width="${name.includes('-narrow') ? 180 : 400}" alt="${name.replace(/\.webp$/, '').replaceAll('-', ' ')}">`;
