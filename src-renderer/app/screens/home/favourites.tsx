/** The devices one reaches for: pinned ones, then those in touch lately; or how to get a first one. */
import { MonitorSmartphone, Pin } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { Device } from '#shared/ui-state/types.ts';
import { Status, type Tone } from '../../../ui/badge.tsx';
import { Button } from '../../../ui/button.tsx';
import { CopyButton } from '../../../ui/copy.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { compareNames, formatMs } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { Foreign } from '../../lib/foreign.tsx';
import { Link } from '../../shell/link.tsx';
import { useApp, useSnapshot } from '../../store/store.ts';
import { AddDevice } from './add-device.tsx';
import { useAsOf } from './as-of.ts';

const MOST = 6;

/** Pinned first; then online ones, the last spoken with before others. */
export function favouritesOf(
  devices: Readonly<Record<string, Device>>,
  pinned: readonly string[],
): readonly Device[] {
  const isPinned = new Set(pinned);
  return Object.values(devices)
    .filter(({ location, id }) => location === undefined || isPinned.has(id))
    .sort(
      (a, b) =>
        Number(isPinned.has(b.id)) - Number(isPinned.has(a.id)) ||
        Number(b.isOnline) - Number(a.isOnline) ||
        (b.lastHandshakeMs ?? 0) - (a.lastHandshakeMs ?? 0) ||
        compareNames(a.name, b.name),
    )
    .slice(0, MOST);
}

export function Favourites(): React.JSX.Element {
  const devices = useSnapshot(({ devices }) => devices);
  const pinned = useApp(({ gui }) => gui.pinnedDevices);
  const asOf = useAsOf();
  const [isAdding, setAdding] = useState(false);
  const shown = useMemo(() => favouritesOf(devices, pinned), [devices, pinned]);
  if (shown.length === 0)
    return (
      <Card>
        <EmptyState
          icon={MonitorSmartphone}
          title={t('home.empty.title')}
          action={<Button onPress={() => setAdding(true)}>{t('add.button')}</Button>}
        >
          <p>{t('home.empty.text')}</p>
        </EmptyState>
        {isAdding ? <AddDevice onClose={() => setAdding(false)} /> : null}
      </Card>
    );
  return (
    <Card
      title={t('home.favourites.title')}
      actions={
        <Link to="/devices" className="button button-plain button-small">
          {t('home.favourites.all')}
        </Link>
      }
    >
      <ul className="favourites">
        {shown.map((device) => (
          <li key={device.id}>
            <Favourite device={device} isPinned={pinned.includes(device.id)} asOf={asOf} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Favourite({
  device: { id, name, addresses, isOnline, isExpired, path },
  isPinned,
  asOf,
}: {
  readonly device: Device;
  readonly isPinned: boolean;
  /** Instead of how it is, while nobody says so. */
  readonly asOf: string | undefined;
}): React.JSX.Element {
  const [address] = addresses;
  return (
    <div className="favourite">
      <span className="favourite-name">
        <Link to={`/devices/${encodeURIComponent(id)}`}>
          <Foreign text={name} max={63} />
        </Link>
        {isPinned ? <Pin role="img" aria-label={t('home.favourites.pinned')} /> : null}
      </span>
      <span className="favourite-state">
        {asOf ?? <Status tone={toneOf(isOnline, isExpired)}>{wordOf(isOnline, isExpired, path)}</Status>}
      </span>
      {address === undefined ? null : (
        <span className="favourite-address numbers">
          {address}
          <CopyButton text={address} label={t('home.copyAddress', { address })} />
        </span>
      )}
    </div>
  );
}

const toneOf = (isOnline: boolean, isExpired: boolean): Tone =>
  isExpired ? 'bad' : isOnline ? 'good' : 'quiet';

function wordOf(isOnline: boolean, isExpired: boolean, { kind, latencyMs }: Device['path']): string {
  if (isExpired) return t('home.device.expired');
  if (!isOnline) return t('home.device.offline');
  if (kind === 'idle' || kind === 'none') return t('home.device.online');
  const way = t(`home.device.${kind}`);
  return latencyMs === undefined ? way : `${way}, ${formatMs(latencyMs)}`;
}
