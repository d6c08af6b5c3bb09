/** Light, dark, contrast and density: the program's settings as attributes of the page, which the style sheet reads. */
import type { GuiSettings } from '#shared/bridge/contract.ts';

type Look = Pick<GuiSettings, 'theme' | 'contrast' | 'density'>;

export function applyLook({ theme, contrast, density }: Look): void {
  const { dataset } = document.documentElement;
  set(dataset, 'theme', theme === 'system' ? undefined : theme);
  set(dataset, 'contrast', contrast === 'more' ? 'more' : undefined);
  set(dataset, 'density', density === 'compact' ? 'compact' : undefined);
}

function set(dataset: DOMStringMap, name: string, value: string | undefined): void {
  if (value === undefined) delete dataset[name];
  else dataset[name] = value;
}
