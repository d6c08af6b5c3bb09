/** The network in three numbers: who is there, and how they are reached. */
import { useMemo } from 'react';
import type { Device } from '#shared/ui-state/types.ts';
import { Card } from '../../../ui/page.tsx';
import { formatNumber } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { Link } from '../../shell/link.tsx';
import { useSnapshot } from '../../store/store.ts';
import { useAsOf } from './as-of.ts';

interface Counts {
  readonly all: number;
  readonly online: number;
  readonly direct: number;
  readonly relayed: number;
}

/** Servers that are nothing but exit nodes are no devices of anybody. */
function countsOf(devices: Readonly<Record<string, Device>>): Counts {
  const own = Object.values(devices).filter(({ location }) => location === undefined);
  const count = (test: (device: Device) => boolean): number => own.filter(test).length;
  return {
    all: own.length,
    online: count(({ isOnline }) => isOnline),
    direct: count(({ isOnline, path }) => isOnline && path.kind === 'direct'),
    relayed: count(({ isOnline, path }) => isOnline && (path.kind === 'relay' || path.kind === 'peer-relay')),
  };
}

export function Glance(): React.JSX.Element | null {
  const devices = useSnapshot(({ devices }) => devices);
  const asOf = useAsOf();
  const { all, online, direct, relayed } = useMemo(() => countsOf(devices), [devices]);
  if (all === 0) return null;
  return (
    <Card title={t('home.glance.title')} {...(asOf === undefined ? {} : { about: asOf })}>
      <div className="glance">
        <Count
          to="/devices?show=online"
          value={online}
          what={`${t('home.glance.online')} ${t('home.glance.ofDevices', { count: all })}`}
        />
        <Count to="/devices?show=direct,online" value={direct} what={t('home.glance.direct')} />
        <Count to="/devices?show=relayed,online" value={relayed} what={t('home.glance.relayed')} />
      </div>
    </Card>
  );
}

const Count = ({
  to,
  value,
  what,
}: {
  readonly to: string;
  readonly value: number;
  readonly what: string;
}): React.JSX.Element => (
  <Link to={to} className="glance-count">
    <span className="glance-number numbers">{formatNumber(value)}</span>{' '}
    <span className="glance-what">{what}</span>
  </Link>
);
