/** The state of the connection in one sentence: the heading of Home, what is read out, and the words of the tray. */
import { exitNodeOf } from '#shared/ui-state/derive.ts';
import type { Device } from '#shared/ui-state/types.ts';
import { t } from '../i18n/text.ts';
import { type AppState, uiOf } from '../store/store.ts';

type Told = Pick<AppState, 'snapshot' | 'nowMs' | 'line' | 'host'>;

/**
 * A page in a browser that lost its line knows no more than that. What was started anew has another link, which is for
 * whoever may ask for it: this page can't come back then.
 */
export const isOutOfReach = (state: Told): boolean =>
  state.host.kind === 'web' && state.line.kind === 'lost' && uiOf(state) === 'daemon-stopped';

/** The state in a word or two, for the window's title. */
export const wordOf = (state: Told): string =>
  isOutOfReach(state) ? t('trouble.out-of-reach.state') : t(`state.${uiOf(state)}`);

export function headingOf(state: Told): string {
  const { snapshot } = state;
  const ui = uiOf(state);
  if (isOutOfReach(state)) return t('trouble.out-of-reach.heading');
  switch (ui) {
    case 'on-exit': {
      const exit = exitNodeOf(snapshot);
      return t('home.heading.on-exit', { name: exit.kind === 'used' ? placeOf(exit.device) : '' });
    }
    case 'exit-broken': {
      const exit = exitNodeOf(snapshot);
      if (exit.kind !== 'broken') return t('home.heading.exit-broken');
      const name = exit.device === undefined ? undefined : placeOf(exit.device);
      return name === undefined
        ? t(`home.exit-broken.${exit.why}-unknown`)
        : t(`home.exit-broken.${exit.why}`, { name });
    }
    default:
      return t(`home.heading.${ui}`);
  }
}

/** A device that is nothing but a way out is known by its place. */
export function placeOf({ location, name, isMine }: Device): string {
  if (location === undefined || isMine || location.city === '') return name;
  return location.country === '' ? location.city : `${location.city}, ${location.country}`;
}
