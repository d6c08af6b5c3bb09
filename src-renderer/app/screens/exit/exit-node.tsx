/** Choosing the way to the internet: none, one of the own devices, a place; and what goes with it. */
import { Gauge, Router } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { announce } from '../../../ui/announce.tsx';
import { Button } from '../../../ui/button.tsx';
import { SearchField } from '../../../ui/field.tsx';
import { EmptyState, Notice } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { Switch } from '../../../ui/toggle.tsx';
import { compareNames } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { go } from '../../shell/route.ts';
import { Screen } from '../../shell/screen.tsx';
import { act } from '../../store/act.ts';
import { isOffering } from '../../store/exit-node.ts';
import { freshOf, measure, useMeasured } from '../../store/measure.ts';
import { useApp, useMayManage, useSnapshot } from '../../store/store.ts';
import { Found } from './found.tsx';
import { exitOptions, groupsOf, type Measured, search } from './model.ts';
import { ExitTree } from './tree.tsx';
import './exit.css';

/** So many at most at one press: it is meant for what one looks at. */
const MEASURED_AT_ONCE = 24;

export function ExitNodeScreen(): React.JSX.Element {
  const snapshot = useSnapshot((whole) => whole);
  const options = useMemo(() => exitOptions(snapshot), [snapshot]);
  const isOffered = isOffering(snapshot);
  return (
    <Screen title={t('exit.title')} about={t('exit.about')}>
      {isOffered ? <Offering /> : null}
      {options.length === 0 ? <NoneYet canOffer={!isOffered} /> : <Picker isLocked={isOffered} />}
      {options.length === 0 ? null : <Options />}
    </Screen>
  );
}

function Picker({ isLocked }: { readonly isLocked: boolean }): React.JSX.Element {
  const [words, setWords] = useState('');
  const place = useRef<HTMLDivElement>(null);
  const snapshot = useSnapshot((whole) => whole);
  const { pinnedDevices, recentExitNodes } = useApp(({ gui }) => gui);
  const measured = useFresh();
  const mayManage = useMayManage();
  const groups = useMemo(
    () =>
      groupsOf({
        snapshot,
        pinned: pinnedDevices,
        recent: recentExitNodes,
        measured,
        compare: compareNames,
      }),
    [snapshot, pinnedDevices, recentExitNodes, measured],
  );
  const isSearching = words.trim() !== '';
  const found = useMemo(
    () => (isSearching ? search(words, snapshot, measured) : []),
    [isSearching, words, snapshot, measured],
  );
  useAnnouncedCount(isSearching ? found.length : undefined);
  // After the heading had it: who comes here wants to type or to choose.
  useEffect(
    () => place.current?.querySelector<HTMLInputElement>('input')?.focus({ preventScroll: true }),
    [],
  );
  const isDisabled = isLocked || !mayManage;
  return (
    <section className="exit" aria-label={t('exit.list')} ref={place}>
      {isSearching ? (
        <Found words={words} onWords={setWords} found={found} isDisabled={isDisabled} />
      ) : (
        <>
          <SearchField label={t('exit.search')} value={words} onChange={setWords} />
          <ExitTree groups={groups} isDisabled={isDisabled} />
        </>
      )}
      <Measure ids={isSearching ? found.map(({ id }) => id) : undefined} />
    </section>
  );
}

function useFresh(): Measured {
  const samples = useMeasured(({ samples }) => samples);
  const nowMs = useApp(({ nowMs }) => nowMs);
  return useMemo(() => freshOf(samples, nowMs), [samples, nowMs]);
}

/** Half a second after the typing stopped. */
function useAnnouncedCount(count: number | undefined): void {
  useEffect(() => {
    if (count === undefined) return;
    const timer = setTimeout(() => announce(t('exit.found', { count })), 500);
    return () => clearTimeout(timer);
  }, [count]);
}

/** What was found, or the own devices and what else is ready; never a whole country's servers. */
function Measure({ ids }: { readonly ids: readonly string[] | undefined }): React.JSX.Element | null {
  const devices = useSnapshot(({ devices }) => devices);
  const isRunning = useMeasured(({ isRunning }) => isRunning);
  const wanted =
    ids ??
    exitOptions({ devices })
      .filter(({ location, isOnline }) => location === undefined && isOnline)
      .map(({ id }) => id);
  if (wanted.length === 0) return null;
  return (
    <div>
      <Button
        size="small"
        icon={Gauge}
        isPending={isRunning}
        onPress={() => void measure(wanted.slice(0, MEASURED_AT_ONCE))}
      >
        {isRunning ? t('exit.measuring') : t('exit.measure')}
      </Button>
    </div>
  );
}

function Options(): React.JSX.Element {
  const allowLan = useSnapshot(({ settings }) => settings?.allowLan === true);
  const isAuto = useSnapshot(({ settings }) => (settings?.autoExitNode ?? '') !== '');
  const hasKillSwitch = useSnapshot(({ daemon }) => daemon.features.includes('kill-switch'));
  const mayManage = useMayManage();
  return (
    <Card title={t('exit.options')}>
      <div className="stack">
        <Switch
          isSelected={allowLan}
          isDisabled={!mayManage}
          note={t('exit.lan.note')}
          onChange={(on) => void act('exitNode.set', { allowLan: on })}
        >
          {t('exit.lan')}
        </Switch>
        <Switch
          isSelected={isAuto}
          isDisabled={!mayManage}
          note={t('exit.auto.note')}
          onChange={(on) => void act('exitNode.set', { auto: on })}
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
      <strong>{t('exit.offering.title')}.</strong> {t('exit.offering.text')}
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
