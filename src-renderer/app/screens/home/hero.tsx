/** The state card: how things are in one sentence, the switch, and this device's name and addresses. */
import { type ReactNode, useEffect, useRef } from 'react';
import { Switch as AriaSwitch } from 'react-aria-components';
import type { UiState } from '#shared/ui-state/derive.ts';
import type { Device } from '#shared/ui-state/types.ts';
import { Button } from '../../../ui/button.tsx';
import { CopyButton } from '../../../ui/copy.tsx';
import { type Key, t } from '../../i18n/text.ts';
import { cut, Foreign } from '../../lib/foreign.tsx';
import { headingOf } from '../../shell/heading.ts';
import { WHY_READONLY } from '../../shell/read-only.tsx';
import { go } from '../../shell/route.ts';
import { canSwitch, isOnIn, switchTo } from '../../store/connection.ts';
import { chooseExitNode } from '../../store/exit-node.ts';
import { useApp, useMayManage, useSnapshot, useUi } from '../../store/store.ts';
import { StateBadge } from './state-badge.tsx';

const SUBS: Partial<Readonly<Record<UiState, Key>>> = {
  on: 'home.sub.on',
  'on-exit': 'home.sub.on-exit',
  off: 'home.sub.off',
  connecting: 'home.sub.connecting',
  degraded: 'home.sub.degraded',
  'exit-broken': 'home.sub.exit-broken',
  loading: 'home.sub.loading',
  reconnecting: 'home.sub.reconnecting',
};

/** Its heading is the screen's only h1; it takes the focus when the screen is entered, not when the state changes. */
export function Hero({ children }: { readonly children?: ReactNode }): React.JSX.Element {
  const ui = useUi();
  const heading = useApp(headingOf);
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus({ preventScroll: true }), []);
  useEffect(() => {
    document.title = `${t('home.title')} – ${t(`state.${ui}`)} – Rhumb`;
  }, [ui]);
  const sub = SUBS[ui];
  return (
    <section className={`hero hero-${ui}`} aria-label={t('home.title')}>
      <div className="hero-top">
        <StateBadge ui={ui} />
        <div className="hero-texts">
          <h1 ref={title} tabIndex={-1}>
            {heading}
          </h1>
          {sub === undefined ? null : <p className="soft">{t(sub)}</p>}
        </div>
        {canSwitch(ui) ? <PowerSwitch isOn={isOnIn(ui)} /> : null}
      </div>
      {ui === 'exit-broken' ? <WaysOut /> : null}
      {children}
    </section>
  );
}

function PowerSwitch({ isOn }: { readonly isOn: boolean }): React.JSX.Element {
  const mayManage = useMayManage();
  return (
    <AriaSwitch
      className="power"
      aria-label={t('home.switch')}
      {...(mayManage ? {} : { 'aria-describedby': WHY_READONLY })}
      isSelected={isOn}
      isDisabled={!mayManage}
      onChange={switchTo}
    >
      <span className="power-word" aria-hidden="true">
        {isOn ? t('home.switch.on') : t('home.switch.off')}
      </span>
      <span className="power-track" aria-hidden="true">
        <span className="power-knob" />
      </span>
    </AriaSwitch>
  );
}

function WaysOut(): React.JSX.Element | null {
  const mayManage = useMayManage();
  if (!mayManage) return null;
  return (
    <div className="row hero-actions">
      <Button kind="strong" onPress={() => chooseExitNode('')}>
        {t('home.exitBroken.stop')}
      </Button>
      <Button onPress={() => go('/exit-node')}>{t('home.exitBroken.other')}</Button>
    </div>
  );
}

/** Under the state: what this device is called, and where others find it. */
export function SelfFacts(): React.JSX.Element | null {
  const self = useSnapshot(({ self }) => self);
  const network = useSnapshot(({ network }) => network?.name ?? '');
  if (self === undefined) return null;
  return (
    <dl className="hero-facts">
      {self.name === '' ? null : <SelfName self={self} />}
      {self.addresses.slice(0, 2).map((address) => (
        <div key={address} className="hero-fact">
          <dt>{address.includes(':') ? 'IPv6' : 'IPv4'}</dt>
          <dd>
            <span className="numbers hero-address">{address}</span>
            <CopyButton text={address} label={t('home.copyAddress', { address })} />
          </dd>
        </div>
      ))}
      {network === '' ? null : (
        <div className="hero-fact">
          <dt>{t('home.network')}</dt>
          <dd>
            <Foreign text={network} max={60} />
          </dd>
        </div>
      )}
    </dl>
  );
}

function SelfName({ self: { name, dnsName } }: { readonly self: Device }): React.JSX.Element {
  return (
    <div className="hero-fact">
      <dt>{t('home.thisDevice')}</dt>
      <dd>
        <span className="hero-name">
          <Foreign text={name} max={63} />
        </span>
        {dnsName === '' ? null : (
          <CopyButton text={dnsName} label={t('home.copyName', { name: cut(dnsName) })} />
        )}
      </dd>
    </div>
  );
}
