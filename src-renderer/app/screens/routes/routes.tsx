/** Networks behind devices: using those that others share, and sharing those of this device. */
import { Network } from 'lucide-react';
import { useMemo } from 'react';
import type { Settings } from '#shared/ui-state/types.ts';
import { Badge } from '../../../ui/badge.tsx';
import { EmptyState, Notice, Skeleton } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { Switch } from '../../../ui/toggle.tsx';
import { compareNames } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { cut, Foreign } from '../../lib/foreign.tsx';
import { conflictOf, type LocalNetwork } from '../../lib/prefixes.ts';
import { useWished } from '../../lib/setting.ts';
import { useAsked } from '../../lib/use-asked.ts';
import { Link } from '../../shell/link.tsx';
import { Screen } from '../../shell/screen.tsx';
import { useMayManage, useSnapshot } from '../../store/store.ts';
import { Advertise } from './advertise.tsx';
import './routes.css';

export function RoutesScreen(): React.JSX.Element {
  const settings = useSnapshot((snapshot) => snapshot.settings);
  const { answer } = useAsked('routes.local', undefined);
  const local = answer.kind === 'ready' ? answer.value : NO_NETWORKS;
  return (
    <Screen title={t('routes.title')} about={t('routes.about')}>
      {settings === undefined ? (
        <Skeleton />
      ) : (
        <>
          <Accept settings={settings} local={local} />
          <Advertise settings={settings} local={local} />
        </>
      )}
    </Screen>
  );
}

const NO_NETWORKS: readonly LocalNetwork[] = [];

interface Shared {
  readonly id: string;
  readonly deviceId: string;
  readonly route: string;
  readonly name: string;
  readonly isOnline: boolean;
}

function useShared(): readonly Shared[] {
  const devices = useSnapshot((snapshot) => snapshot.devices);
  return useMemo(
    () =>
      Object.values(devices)
        .flatMap(({ id, name, routes, isOnline }) =>
          routes.map((route) => ({ id: `${id} ${route}`, deviceId: id, route, name, isOnline })),
        )
        .sort((a, b) => compareNames(a.route, b.route) || compareNames(a.name, b.name)),
    [devices],
  );
}

function Accept({
  settings,
  local,
}: {
  readonly settings: Settings;
  readonly local: readonly LocalNetwork[];
}): React.JSX.Element {
  const mayManage = useMayManage();
  const shared = useShared();
  const { value, set } = useWished(settings.acceptRoutes, (acceptRoutes) => ({ acceptRoutes }));
  return (
    <Card title={t('routes.accept')}>
      <Switch isSelected={value} onChange={set} isDisabled={!mayManage} note={t('routes.acceptNote')}>
        {t('routes.acceptSwitch')}
      </Switch>
      {!value && shared.length > 0 ? (
        <Notice tone="warn">{t('routes.unused', { count: shared.length })}</Notice>
      ) : null}
      {shared.length === 0 ? (
        <EmptyState icon={Network} title={t('routes.none')}>
          {t('routes.noneText')}
        </EmptyState>
      ) : (
        <ul className="routes-list" aria-label={t('routes.shared')}>
          {shared.map((one) => (
            <SharedRow key={one.id} shared={one} isAccepted={value} conflict={conflictOf(one.route, local)} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function SharedRow({
  shared: { route, name, deviceId, isOnline },
  isAccepted,
  conflict,
}: {
  readonly shared: Shared;
  readonly isAccepted: boolean;
  readonly conflict: LocalNetwork | undefined;
}): React.JSX.Element {
  return (
    <li className="routes-row">
      <span className="mono routes-prefix">{cut(route, 64)}</span>
      <span className="routes-through">
        {t('routes.through')}{' '}
        <Link to={`/devices/${encodeURIComponent(deviceId)}`}>
          <Foreign text={name} max={80} />
        </Link>
      </span>
      <span className="routes-state">
        {!isAccepted ? (
          <Badge>{t('routes.notUsed')}</Badge>
        ) : isOnline ? (
          <Badge tone="good">{t('routes.inUse')}</Badge>
        ) : (
          <Badge tone="warn">{t('routes.offline')}</Badge>
        )}
      </span>
      {conflict === undefined ? null : (
        <span className="routes-note">
          {t('routes.conflict', { network: conflict.prefix, interface: conflict.interface })}
        </span>
      )}
    </li>
  );
}
