/** Networks behind devices: using those that others share, and sharing those of this device. */
import { Network } from 'lucide-react';
import { useMemo } from 'react';
import type { Settings } from '#shared/ui-state/types.ts';
import { Badge } from '../../../ui/badge.tsx';
import { EmptyState, Notice, Skeleton } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { Switch } from '../../../ui/toggle.tsx';
import { t } from '../../i18n/text.ts';
import { cut, Foreign } from '../../lib/foreign.tsx';
import { conflictOf, type LocalNetwork } from '../../lib/prefixes.ts';
import { useWished } from '../../lib/setting.ts';
import { useAsked } from '../../lib/use-asked.ts';
import { Fixed, useIsFixed } from '../../shell/fixed.tsx';
import { Link } from '../../shell/link.tsx';
import { Screen } from '../../shell/screen.tsx';
import { useMayManage, useSnapshot } from '../../store/store.ts';
import { Advertise } from './advertise.tsx';
import { type Shared, sharedNetworks } from './model.ts';
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

function useShared(isAccepted: boolean): readonly Shared[] {
  const devices = useSnapshot((snapshot) => snapshot.devices);
  return useMemo(() => sharedNetworks(Object.values(devices), isAccepted), [devices, isAccepted]);
}

function Accept({
  settings,
  local,
}: {
  readonly settings: Settings;
  readonly local: readonly LocalNetwork[];
}): React.JSX.Element {
  const mayManage = useMayManage();
  const isFixed = useIsFixed('acceptRoutes');
  const { value, set } = useWished(settings.acceptRoutes, (acceptRoutes) => ({ acceptRoutes }));
  const shared = useShared(value);
  return (
    <Card title={t('routes.accept')}>
      <Switch
        isSelected={value}
        onChange={set}
        isDisabled={!mayManage || isFixed}
        note={t('routes.acceptNote')}
      >
        {t('routes.acceptSwitch')}
      </Switch>
      {isFixed ? <Fixed /> : null}
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
            <SharedRow key={one.id} shared={one} conflict={conflictOf(one.route, local)} />
          ))}
        </ul>
      )}
    </Card>
  );
}

const TONES = { 'not-used': 'quiet', 'in-use': 'good', 'stands-by': 'quiet', offline: 'warn' } as const;

function SharedRow({
  shared: { route, name, deviceId, state, partner },
  conflict,
}: {
  readonly shared: Shared;
  readonly conflict: LocalNetwork | undefined;
}): React.JSX.Element {
  // There the network's routes are asked before the system's own; elsewhere the narrower one wins.
  const isTunnelFirst = useSnapshot(({ daemon }) => daemon.platform === 'linux');
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
        <Badge tone={TONES[state]}>{t(`routes.state.${state}`)}</Badge>
      </span>
      {partner === '' ? null : (
        <span className="routes-partner">{t('routes.partner', { name: partner })}</span>
      )}
      {conflict === undefined ? null : (
        <span className="routes-note">
          {t(isTunnelFirst ? 'routes.conflictTunnel' : 'routes.conflict', {
            network: conflict.prefix,
            interface: conflict.interface,
          })}
        </span>
      )}
    </li>
  );
}
