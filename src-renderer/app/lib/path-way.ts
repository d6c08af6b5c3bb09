/** A way of packets as the daemon's record of changes names it, in words. */
import type { Relay } from '#shared/ui-state/types.ts';
import { t } from '../i18n/text.ts';
import { cut } from './foreign.tsx';

const WAY = /^(none|direct\+relay|direct|relay)(?: (?!relay )(\S+))?(?: relay (\d+)| (\d+))?$/;

/** Such as `direct 192.0.2.1:41641`, `relay relay 900`, `direct+relay 192.0.2.1:41641 relay 900`. */
export function wayText(way: string, relays: readonly Relay[]): string {
  const [, kind, address = '', region] = WAY.exec(way) ?? [];
  const id = Number(region);
  const relay = relays.find((one) => one.id === id);
  const name = relay === undefined ? (region ?? '') : relay.name || relay.code;
  switch (kind) {
    case 'none':
      return t('path.none');
    case 'direct':
      return [t('path.direct'), cut(address, 64)].join(' ').trim();
    case 'relay':
      return [t('path.relay'), cut(name, 40)].join(' ').trim();
    case 'direct+relay':
      return t('path.both', { address: cut(address, 64), name: cut(name, 40) });
    default:
      return way === '' ? t('path.none') : cut(way, 60);
  }
}
