/** One device: who it is, how packets get there, what it offers; ping, SSH and more from its head. */
import { Copy, EllipsisVertical, LaptopMinimal, Radio, SquareTerminal } from 'lucide-react';
import { useState } from 'react';
import { Button as AriaButton } from 'react-aria-components';
import { findDevice } from '#shared/ui-state/find.ts';
import type { Device } from '#shared/ui-state/types.ts';
import { Status, Tags } from '../../../ui/badge.tsx';
import { Button } from '../../../ui/button.tsx';
import { CopyField, copyText } from '../../../ui/copy.tsx';
import { Menu } from '../../../ui/menu.tsx';
import { EmptyState, Notice, Skeleton } from '../../../ui/notice.tsx';
import { Card, Fact, Facts } from '../../../ui/page.tsx';
import { formatExact, Moment, useNow } from '../../../ui/time.tsx';
import { t } from '../../i18n/text.ts';
import { askSsh, deviceActions } from '../../lib/device-actions.tsx';
import { ownerText, presenceOf, systemName } from '../../lib/devices.ts';
import { cut, Foreign } from '../../lib/foreign.tsx';
import { go } from '../../shell/route.ts';
import { Screen } from '../../shell/screen.tsx';
import { useApp, useSnapshot, useUi } from '../../store/store.ts';
import { PathCard } from './path-card.tsx';
import { PingCard } from './ping-card.tsx';
import { SelfCard } from './self-card.tsx';
import './device.css';

export function DevicePage({ id }: { readonly id: string }): React.JSX.Element {
  const device = useSnapshot((snapshot) => findDevice(snapshot, id));
  const isLoading = useUi() === 'loading';
  // What was shown here before it was removed.
  const [known, setKnown] = useState<string>();
  if (device !== undefined && device.name !== known) setKnown(device.name);
  if (device !== undefined) return <Found device={device} />;
  return (
    <Screen title={known ?? t('device.unknownTitle')}>
      {isLoading ? (
        <Skeleton />
      ) : (
        <EmptyState
          icon={LaptopMinimal}
          title={known === undefined ? t('device.notThere') : t('device.removed')}
          action={<Button onPress={() => go('/devices')}>{t('device.back')}</Button>}
        >
          {t('device.removedText')}
        </EmptyState>
      )}
    </Screen>
  );
}

function Found({ device }: { readonly device: Device }): React.JSX.Element {
  const state = useUi();
  const nowMs = useNow();
  const isSelf = useSnapshot(({ self }) => self?.id === device.id);
  const isOn = state === 'on' || state === 'on-exit' || state === 'exit-broken' || state === 'degraded';
  const presence = presenceOf(device, nowMs, isOn);
  return (
    <Screen
      title={device.name}
      aside={<Status tone={presence.tone}>{presence.text}</Status>}
      about={<Summary device={device} isSelf={isSelf} />}
      actions={<Actions device={device} isSelf={isSelf} />}
    >
      <Absence device={device} isOn={isOn} isSelf={isSelf} />
      <Addresses device={device} isSelf={isSelf} />
      {isSelf ? <SelfCard /> : null}
      {isSelf ? null : <PathCard device={device} isOn={isOn} />}
      {isSelf || !isOn ? null : <PingCard device={device} />}
      <RoutesCard device={device} />
      <KeyCard device={device} />
      <Features device={device} />
      <Technical device={device} />
    </Screen>
  );
}

function Summary({
  device,
  isSelf,
}: {
  readonly device: Device;
  readonly isSelf: boolean;
}): React.JSX.Element {
  const users = useSnapshot((snapshot) => snapshot.users);
  const owner = device.tags.length > 0 ? '' : ownerText(device, users);
  const parts = [isSelf ? t('device.thisOne') : '', cut(owner, 80), cut(systemName(device.os), 40)];
  return (
    <span className="device-summary">
      <bdi>{parts.filter((part) => part !== '').join(' · ')}</bdi>
      {device.tags.length > 0 ? <Tags tags={device.tags.map((tag) => cut(tag, 60))} /> : null}
    </span>
  );
}

function Actions({
  device,
  isSelf,
}: {
  readonly device: Device;
  readonly isSelf: boolean;
}): React.JSX.Element {
  const state = useApp();
  const label = t('device.more', { name: device.name });
  const actions = deviceActions(device, state)
    .map((group) => group.filter(({ id }) => id !== 'ssh' && (!isSelf || (id !== 'ping' && id !== 'exit'))))
    .filter((group) => group.length > 0);
  return (
    <>
      {isSelf || device.addresses.length === 0 ? null : (
        <Button icon={Radio} onPress={() => document.getElementById('ping-start')?.click()}>
          {t('device.ping')}
        </Button>
      )}
      {device.hasSsh && !isSelf ? (
        <Button icon={SquareTerminal} onPress={() => askSsh(device)}>
          {t('device.ssh')}
        </Button>
      ) : null}
      <Menu label={label} actions={actions}>
        <AriaButton aria-label={label} className="button button-icon-only">
          <EllipsisVertical aria-hidden="true" className="button-icon" />
        </AriaButton>
      </Menu>
    </>
  );
}

/** Why it can't be reached now, and since when. */
function Absence({
  device: { isExpired, isOnline, lastSeenMs },
  isOn,
  isSelf,
}: {
  readonly device: Device;
  readonly isOn: boolean;
  readonly isSelf: boolean;
}): React.JSX.Element | null {
  if (isSelf) return null;
  if (!isOn) return <Notice>{t('device.weAreOff')}</Notice>;
  if (isExpired) return <Notice tone="warn">{t('device.expiredText')}</Notice>;
  if (isOnline) return null;
  return (
    <Notice>
      {lastSeenMs === undefined || lastSeenMs <= 0 ? null : (
        <>
          {t('device.lastSeen')} <Moment atMs={lastSeenMs} />.{' '}
        </>
      )}
      {t('device.offlineText')}
    </Notice>
  );
}

// What a shell takes for nothing else (desktop.md §5.5).
const PLAIN_NAME = /^[a-z0-9.-]+$/i;

/** `ssh ada@nas.net.example`: with the name used last, where there is one. */
function useSshCommand({ id, dnsName, addresses }: Device): string {
  const user = useApp(({ gui }) => (Object.hasOwn(gui.sshUsers, id) ? (gui.sshUsers[id] ?? '') : ''));
  const host = PLAIN_NAME.test(dnsName) ? dnsName : (addresses[0] ?? '');
  return host === '' ? '' : `ssh ${user === '' ? '' : `${user}@`}${host}`;
}

function Addresses({
  device,
  isSelf,
}: {
  readonly device: Device;
  readonly isSelf: boolean;
}): React.JSX.Element {
  const ssh = useSshCommand(device);
  return (
    <Card
      title={t('device.addresses')}
      actions={
        ssh === '' || isSelf ? undefined : (
          <Button size="small" icon={Copy} onPress={() => void copyText(ssh)}>
            {t('device.copySsh')}
          </Button>
        )
      }
    >
      <Facts>
        {device.dnsName === '' ? null : (
          <Fact name={t('device.dnsName')}>
            <CopyField text={device.dnsName} label={t('device.copyValue', { value: device.dnsName })} />
          </Fact>
        )}
        {device.addresses.map((address) => (
          <Fact key={address} name={address.includes(':') ? 'IPv6' : 'IPv4'}>
            <CopyField text={address} label={t('device.copyValue', { value: address })} />
          </Fact>
        ))}
        {device.hostName === '' || device.hostName === device.name ? null : (
          <Fact name={t('device.hostName')}>
            <Foreign text={device.hostName} />
          </Fact>
        )}
      </Facts>
    </Card>
  );
}

function RoutesCard({ device }: { readonly device: Device }): React.JSX.Element | null {
  const accepts = useSnapshot(({ settings }) => settings?.acceptRoutes === true);
  if (device.routes.length === 0) return null;
  return (
    <Card title={t('device.routes')} about={accepts ? t('device.routesUsed') : t('device.routesUnused')}>
      <ul className="plain-list">
        {device.routes.map((route) => (
          <li key={route} className="mono">
            {cut(route, 64)}
          </li>
        ))}
      </ul>
      {accepts ? null : (
        <div>
          <Button size="small" onPress={() => go('/settings/routes')}>
            {t('device.routesSettings')}
          </Button>
        </div>
      )}
    </Card>
  );
}

function KeyCard({ device }: { readonly device: Device }): React.JSX.Element {
  const { keyExpiryMs, keyCreatedMs, createdMs } = device;
  return (
    <Card title={t('device.key')}>
      <Facts>
        <Fact name={t('device.keyExpiry')}>
          {device.isExpired ? (
            <Status tone="warn">{t('device.expired')}</Status>
          ) : keyExpiryMs === undefined || keyExpiryMs <= 0 ? (
            t('device.keyNever')
          ) : (
            <>
              <Moment atMs={keyExpiryMs} /> <span className="soft">({formatExact(keyExpiryMs)})</span>
            </>
          )}
        </Fact>
        {keyCreatedMs === undefined || keyCreatedMs <= 0 ? null : (
          <Fact name={t('device.keyCreated')}>
            <Moment atMs={keyCreatedMs} />
          </Fact>
        )}
        {createdMs === undefined || createdMs <= 0 ? null : (
          <Fact name={t('device.created')}>
            <Moment atMs={createdMs} />
          </Fact>
        )}
      </Facts>
    </Card>
  );
}

function Features({ device }: { readonly device: Device }): React.JSX.Element | null {
  const features = [
    ...(device.isExitOption ? [t('device.feature.exit')] : []),
    ...(device.routes.length > 0 ? [t('device.feature.router')] : []),
    ...(device.hasSsh ? [t('device.feature.ssh')] : []),
    ...(device.canReceiveFiles ? [t('device.feature.files')] : []),
  ];
  if (features.length === 0) return null;
  return (
    <Card title={t('device.features')}>
      <ul className="plain-list">
        {features.map((feature) => (
          <li key={feature}>{feature}</li>
        ))}
      </ul>
    </Card>
  );
}

function Technical({ device }: { readonly device: Device }): React.JSX.Element {
  const rows: readonly (readonly [string, string])[] = [
    [t('device.id'), device.id],
    [t('device.nodeKey'), device.nodeKey],
    [t('device.homeRelay'), device.homeRelay],
    [t('device.capabilities'), device.capabilities.map((one) => cut(one, 120)).join('\n')],
  ];
  return (
    <details className="card device-technical">
      <summary>
        <h2>{t('device.technical')}</h2>
      </summary>
      <Facts>
        {rows
          .filter(([, value]) => value !== '')
          .map(([name, value]) => (
            <Fact key={name} name={name}>
              <CopyField
                text={value}
                label={t('device.copyValue', { value: name })}
                isBlock={value.includes('\n')}
              />
            </Fact>
          ))}
      </Facts>
    </details>
  );
}
