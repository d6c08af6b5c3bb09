/** The state card: how things are in one sentence, the switch, and this device's name and addresses. */
import { type ReactNode, useEffect, useRef } from 'react';
import { Switch as AriaSwitch } from 'react-aria-components';
import type { UiState } from '#shared/ui-state/derive.ts';
import type { Device } from '#shared/ui-state/types.ts';
import { Button } from '../../../ui/button.tsx';
import { CopyButton } from '../../../ui/copy.tsx';
import { formatExact } from '../../../ui/time.tsx';
import { formatSince } from '../../i18n/format.ts';
import { type Key, t } from '../../i18n/text.ts';
import { cut, Foreign } from '../../lib/foreign.tsx';
import { Fixed, useIsFixed } from '../../shell/fixed.tsx';
import { headingOf, wordOf } from '../../shell/heading.ts';
import { WHY_READONLY } from '../../shell/read-only.tsx';
import { go } from '../../shell/route.ts';
import { canSwitch, isOnIn, switchTo } from '../../store/connection.ts';
import { chooseExitNode } from '../../store/exit-node.ts';
import { uiOf, useApp, useMayManage, useSnapshot, useUi } from '../../store/store.ts';
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
  const word = useApp(wordOf);
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus({ preventScroll: true }), []);
  useEffect(() => {
    document.title = `${t('home.title')} – ${word} – Rhumb`;
  }, [word]);
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
  const isFixed = useIsFixed('wantRunning');
  const why = isFixed ? WHY_FIXED : mayManage ? undefined : WHY_READONLY;
  return (
    <AriaSwitch
      className="power"
      aria-label={t('home.switch')}
      {...(why === undefined ? {} : { 'aria-describedby': why })}
      isSelected={isOn}
      isDisabled={why !== undefined}
      onChange={switchTo}
    >
      <span className="power-word" aria-hidden="true">
        {isOn ? t('home.switch.on') : t('home.switch.off')}
      </span>
      <span className="power-track" aria-hidden="true">
        <span className="power-knob" />
      </span>
      {isFixed ? <Fixed id={WHY_FIXED} /> : null}
    </AriaSwitch>
  );
}

const WHY_FIXED = 'why-switch-fixed';

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
      <Since />
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

function Since(): React.JSX.Element | null {
  const sinceMs = useSnapshot(({ connectedSinceMs }) => connectedSinceMs);
  const isOn = useApp((state) => isOnIn(uiOf(state)));
  const nowMs = useApp((state) => state.nowMs);
  if (sinceMs === undefined || !isOn) return null;
  return (
    <div className="hero-fact">
      <dt>{t('home.since')}</dt>
      <dd>
        <time className="numbers" dateTime={new Date(sinceMs).toISOString()} title={formatExact(sinceMs)}>
          {formatSince(sinceMs, nowMs)}
        </time>
      </dd>
    </div>
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
