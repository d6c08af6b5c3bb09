/** Choosing the way to the internet: none, one of the own devices, a place; and what goes with it. */
import { Gauge, Router, Search, X } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { Button as AriaButton, Autocomplete, Input, SearchField } from 'react-aria-components';
import { exitNodeOf } from '#shared/ui-state/derive.ts';
import { announce } from '../../../ui/announce.tsx';
import { Button } from '../../../ui/button.tsx';
import { EmptyState, Notice } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { Switch } from '../../../ui/toggle.tsx';
import { compareNames } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { pingAll, useMeasured } from '../../lib/ping.ts';
import { Fixed, useIsFixed } from '../../shell/fixed.tsx';
import { headingOf } from '../../shell/heading.ts';
import { WHY_READONLY } from '../../shell/read-only.tsx';
import { go } from '../../shell/route.ts';
import { Screen } from '../../shell/screen.tsx';
import { act } from '../../store/act.ts';
import { chooseExitNode, isOffering, pickAutomatically } from '../../store/exit-node.ts';
import { useApp, useMayManage, useSnapshot } from '../../store/store.ts';
import { Found } from './found.tsx';
import { exitOptions, groupsOf, keysAround, type LatencyOf, latencyBy, search, seenIds } from './model.ts';
import { ExitTree } from './tree.tsx';
import './exit.css';

/** So many at most at one press: it is meant for what one looks at. */
const MEASURED_AT_ONCE = 48;
const MEASURE_MS = 20_000;
const WHY_OFFERING = 'why-offering';
const WHY_FIXED = 'why-fixed';

export function ExitNodeScreen(): React.JSX.Element {
  const snapshot = useSnapshot((whole) => whole);
  const options = useMemo(() => exitOptions(snapshot), [snapshot]);
  const isOffered = isOffering(snapshot);
  const isFixed = useIsFixed('exitNodeId');
  const mayManage = useMayManage();
  const whyDisabled = whyDisabledBy(isFixed, isOffered, mayManage);
  return (
    <Screen title={t('exit.title')} about={t('exit.about')}>
      <Broken isLocked={whyDisabled !== undefined} />
      {isFixed ? <Fixed id={WHY_FIXED} /> : null}
      {isOffered ? <Offering /> : null}
      {options.length === 0 ? <NoneYet canOffer={!isOffered} /> : <Picker whyDisabled={whyDisabled} />}
      {options.length === 0 ? null : <Options />}
    </Screen>
  );
}

/** The id of the text that says so. */
function whyDisabledBy(isFixed: boolean, isOffered: boolean, mayManage: boolean): string | undefined {
  if (isFixed) return WHY_FIXED;
  if (isOffered) return WHY_OFFERING;
  return mayManage ? undefined : WHY_READONLY;
}

/** Nothing leaves this machine: said where the way out is chosen, too. */
function Broken({ isLocked }: { readonly isLocked: boolean }): React.JSX.Element | null {
  const isBroken = useSnapshot((snapshot) => exitNodeOf(snapshot).kind === 'broken');
  const isOn = useSnapshot(({ state }) => state === 'Running');
  const heading = useApp(headingOf);
  if (!isBroken || !isOn) return null;
  return (
    <Notice
      tone="bad"
      action={
        isLocked ? undefined : (
          <Button size="small" onPress={() => chooseExitNode('')}>
            {t('home.exitBroken.stop')}
          </Button>
        )
      }
    >
      {heading}
    </Notice>
  );
}

function Picker({ whyDisabled }: { readonly whyDisabled: string | undefined }): React.JSX.Element {
  const [words, setWords] = useState('');
  const place = useRef<HTMLDivElement>(null);
  const snapshot = useSnapshot((whole) => whole);
  const { pinnedDevices, recentExitNodes } = useApp(({ gui }) => gui);
  const latencyOf = useLatencies();
  const groups = useMemo(
    () =>
      groupsOf({
        snapshot,
        pinned: pinnedDevices,
        recent: recentExitNodes,
        latencyOf,
        compare: compareNames,
      }),
    [snapshot, pinnedDevices, recentExitNodes, latencyOf],
  );
  const [open, setOpen] = useState<ReadonlySet<string>>(
    () => new Set(keysAround(groups, snapshot.settings?.exitNodeId ?? '')),
  );
  const isSearching = words.trim() !== '';
  const found = useMemo(
    () => (isSearching ? search(words, snapshot, latencyOf) : []),
    [isSearching, words, snapshot, latencyOf],
  );
  useAnnouncedCount(isSearching ? found.length : undefined);
  // After the heading had it, whose turn is last among effects: who comes here wants to type or to choose.
  useEffect(
    () => queueMicrotask(() => place.current?.querySelector('input')?.focus({ preventScroll: true })),
    [],
  );
  return (
    <section className="exit" aria-label={t('exit.list')} ref={place}>
      <Autocomplete inputValue={words} onInputChange={setWords}>
        <SearchField aria-label={t('exit.search')} className="search">
          <Search aria-hidden="true" className="search-icon" />
          <Input className="field-input search-input" placeholder={t('exit.search')} data-search="" />
          <AriaButton className="search-clear">
            <X aria-hidden="true" />
          </AriaButton>
        </SearchField>
        {isSearching ? <Found found={found} isDisabled={whyDisabled !== undefined} /> : null}
      </Autocomplete>
      {isSearching ? null : (
        <ExitTree groups={groups} open={open} onOpen={setOpen} whyDisabled={whyDisabled} />
      )}
      <Measure ids={isSearching ? found.map(({ id }) => id) : seenIds(groups, open)} />
    </section>
  );
}

function useLatencies(): LatencyOf {
  const answers = useMeasured();
  const relays = useSnapshot((snapshot) => snapshot.relays);
  const nowMs = useApp((state) => state.nowMs);
  return useMemo(() => latencyBy({ answers, relays, nowMs }), [answers, relays, nowMs]);
}

/** Half a second after the typing stopped. */
function useAnnouncedCount(count: number | undefined): void {
  useEffect(() => {
    if (count === undefined) return;
    const timer = setTimeout(() => announce(t('exit.found', { count })), 500);
    return () => clearTimeout(timer);
  }, [count]);
}

/** What one sees, and nothing else. */
function Measure({ ids }: { readonly ids: readonly string[] }): React.JSX.Element | null {
  const bridge = useApp((state) => state.bridge);
  const [stop, setStop] = useState<AbortController>();
  useEffect(() => () => stop?.abort(), [stop]);
  if (ids.length === 0 || bridge === undefined) return null;
  const measure = async (): Promise<void> => {
    if (stop !== undefined) return;
    const leave = new AbortController();
    setStop(leave);
    const until = AbortSignal.any([leave.signal, AbortSignal.timeout(MEASURE_MS)]);
    await pingAll(bridge, ids.slice(0, MEASURED_AT_ONCE), () => undefined, until);
    setStop(undefined);
  };
  return (
    <div>
      <Button size="small" icon={Gauge} isPending={stop !== undefined} onPress={() => void measure()}>
        {stop === undefined ? t('exit.measure') : t('exit.measuring')}
      </Button>
    </div>
  );
}

function Options(): React.JSX.Element {
  const allowLan = useSnapshot(({ settings }) => settings?.allowLan === true);
  const isAuto = useSnapshot(({ settings }) => (settings?.autoExitNode ?? '') !== '');
  const isOffered = useSnapshot(isOffering);
  const hasKillSwitch = useSnapshot(({ daemon }) => daemon.features.includes('kill-switch'));
  const mayManage = useMayManage();
  const isLanFixed = useIsFixed('allowLan');
  const isChoiceFixed = useIsFixed('exitNodeId');
  const whyNoChoice = whyDisabledBy(isChoiceFixed, isOffered, mayManage);
  return (
    <Card title={t('exit.options')}>
      <div className="stack">
        <Switch
          isSelected={allowLan}
          isDisabled={!mayManage || isLanFixed}
          note={t('exit.lan.note')}
          describedBy={mayManage ? undefined : WHY_READONLY}
          onChange={(on) => void act('exitNode.set', { allowLan: on })}
        >
          {t('exit.lan')}
        </Switch>
        {isLanFixed ? <Fixed /> : null}
        <Switch
          isSelected={isAuto}
          isDisabled={whyNoChoice !== undefined}
          note={t('exit.auto.note')}
          describedBy={whyNoChoice}
          onChange={pickAutomatically}
        >
          {t('exit.auto')}
        </Switch>
        {hasKillSwitch ? (
          <Switch isSelected isDisabled note={t('exit.block.note')} onChange={() => undefined}>
            {t('exit.block')}
          </Switch>
        ) : null}
      </div>
    </Card>
  );
}

function Offering(): React.JSX.Element {
  const mayManage = useMayManage();
  const isApproved = useSnapshot(({ self }) => self?.isExitOption === true);
  return (
    <Notice
      action={
        mayManage ? (
          <Button size="small" onPress={() => void act('exitNode.offer', { on: false }, t('offer.off'))}>
            {t('exit.offering.stop')}
          </Button>
        ) : undefined
      }
    >
      <span id={WHY_OFFERING}>
        <strong>{t('exit.offering.title')}.</strong> {t('exit.offering.text')}
        {isApproved ? null : ` ${t('exit.offering.waiting')}`}
      </span>
    </Notice>
  );
}

const NoneYet = ({ canOffer }: { readonly canOffer: boolean }): React.JSX.Element => (
  <Card>
    <EmptyState
      icon={Router}
      title={t('exit.empty.title')}
      action={
        canOffer ? <Button onPress={() => go('/offer-exit-node')}>{t('exit.empty.offer')}</Button> : undefined
      }
    >
      <p>{t('exit.empty.text')}</p>
    </EmptyState>
  </Card>
);
