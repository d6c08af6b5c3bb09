/** The list of devices: searched, filtered, sorted and grouped at once, five or five thousand of them. */
import { Info, Laptop, SearchX } from 'lucide-react';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import type { Device, Snapshot } from '#shared/ui-state/types.ts';
import { announce } from '../../../ui/announce.tsx';
import { Button } from '../../../ui/button.tsx';
import { Chips } from '../../../ui/chips.tsx';
import { Select } from '../../../ui/choice.tsx';
import { copyText } from '../../../ui/copy.tsx';
import { SearchField } from '../../../ui/field.tsx';
import { Grid } from '../../../ui/grid.tsx';
import { EmptyState, Notice, Skeleton } from '../../../ui/notice.tsx';
import { formatExact, useNow } from '../../../ui/time.tsx';
import { t } from '../../i18n/text.ts';
import { deviceActions, SshDialog } from '../../lib/device-actions.tsx';
import { addressOf, isLocationServer, latencyOf } from '../../lib/devices.ts';
import { cut } from '../../lib/foreign.tsx';
import { keepView, keptView } from '../../lib/kept-view.ts';
import { useMeasured } from '../../lib/ping.ts';
import { go, setQuery, useRoute } from '../../shell/route.ts';
import { Screen } from '../../shell/screen.tsx';
import { useApp, useSnapshot, useUi } from '../../store/store.ts';
import {
  type Entry,
  type Filter,
  GROUPS,
  grouped,
  parseFilters,
  parseGroup,
  parseSort,
  passes,
  SORTS,
  type SortBy,
  sorted,
  tagsOf,
  usefulFilters,
  VIEW_KEYS,
} from './filters.ts';
import { Measure } from './measure.tsx';
import { columnsOf, rowDescription, rowName } from './row.tsx';
import { indexOf, search, wordsOf } from './search.ts';
import './devices.css';

/** States in which what is listed may not be so any more. */
const ON = ['on', 'on-exit', 'exit-broken', 'degraded'];

export function DeviceList({
  open,
  isCompact,
}: {
  /** The device whose page is what one looks at; '' = none. */
  readonly open: string;
  readonly isCompact: boolean;
}): React.JSX.Element {
  const devices = useSnapshot((snapshot) => snapshot.devices);
  const ui = useUi();
  const all = useMemo(() => Object.values(devices), [devices]);
  const isOn = ON.includes(ui);
  return (
    <Screen
      title={t('devices.title')}
      isFilled
      hasFocus={open === ''}
      actions={isOn && all.length > 0 ? <Measure devices={all} /> : null}
    >
      <Outdated isOn={isOn} />
      {all.length === 0 ? (
        ui === 'loading' || ui === 'connecting' ? (
          <Skeleton rows={8} />
        ) : (
          <EmptyState icon={Laptop} title={t('devices.none')}>
            {isOn ? t('devices.noneText') : t('devices.noneOff')}
          </EmptyState>
        )
      ) : (
        <Filtered {...{ all, isOn, isCompact, open }} />
      )}
    </Screen>
  );
}

/** Why the list may not be true. */
function Outdated({ isOn }: { readonly isOn: boolean }): React.JSX.Element | null {
  const link = useSnapshot((snapshot) => snapshot.link);
  const silent = useSnapshot(({ warnings }) => warnings.find(({ code }) => SILENT.includes(code)));
  const hasDevices = useSnapshot((snapshot) => Object.keys(snapshot.devices).length > 0);
  if (!hasDevices) return null;
  if (link.kind === 'lost')
    return <Notice tone="warn">{t('devices.asOf', { time: formatExact(link.sinceMs) })}</Notice>;
  if (!isOn) return <Notice>{t('devices.off')}</Notice>;
  if (silent === undefined) return null;
  const { brokenSinceMs } = silent;
  return (
    <Notice tone="warn">
      {brokenSinceMs === undefined
        ? t('devices.outdated')
        : t('devices.outdatedSince', { time: formatExact(brokenSinceMs) })}
    </Notice>
  );
}

const SILENT = ['not-in-map-poll', 'mapresponse-timeout'];

function Filtered({
  all,
  isOn,
  isCompact,
  open,
}: {
  readonly all: readonly Device[];
  readonly isOn: boolean;
  readonly isCompact: boolean;
  readonly open: string;
}): React.JSX.Element {
  const { query } = useRoute();
  const users = useSnapshot((snapshot) => snapshot.users);
  const pinned = useApp(({ gui }) => gui.pinnedDevices);
  const nowMs = useNow();
  const [sshTo, setSshTo] = useState<Device>();
  const words = query.get('q') ?? '';
  const sought = useDeferredValue(words);
  const filters = parseFilters(query.get('show'));
  const by = parseSort(query.get('sort'));
  const isDescending = query.get('order') === 'down';
  const group = parseGroup(query.get('group'));
  const tag = filters.includes('tagged') ? (query.get('tag') ?? '') : '';
  useKeptView(query);
  const { shown, hidden } = useShown(all, {
    sought,
    filters: query.get('show'),
    tag,
    by,
    isDescending,
    nowMs,
    users,
  });
  const entries = useMemo(
    () => grouped(shown, group, users, t(`devices.rest.${group}`)),
    [shown, group, users],
  );
  const marked = useMemo(() => wordsOf(sought), [sought]);
  const columns = useMemo(
    () => columnsOf({ marked, users, isOn, nowMs, pinned: new Set(pinned) }),
    [marked, users, isOn, nowMs, pinned],
  );
  useCountAnnounced(sought, shown.length);
  const offered = useMemo(() => usefulFilters(all, nowMs), [all, nowMs]);
  const chips = [...new Set([...offered, ...filters])];
  const isSearched = words !== '' || filters.length > 0;
  const setFilters = (value: readonly Filter[]): void => setQuery({ show: value.join(',') });

  return (
    <>
      <div className="devices-tools">
        <SearchField
          label={t('devices.search')}
          placeholder={t('devices.searchHint')}
          value={words}
          onChange={(value) => setQuery({ q: value })}
        />
        {open !== '' ? null : (
          <>
            <Select
              label={t('devices.sort')}
              isBare
              value={by}
              onChange={(value) => setQuery({ sort: value === 'name' ? undefined : value, order: undefined })}
              options={SORTS.map((id) => ({ id, text: t(`devices.sort.${id}`) }))}
            />
            <Select
              label={t('devices.group')}
              isBare
              value={group}
              onChange={(value) => setQuery({ group: value === 'none' ? undefined : value })}
              options={GROUPS.map((id) => ({ id, text: t(`devices.group.${id}`) }))}
            />
          </>
        )}
        <span className="soft numbers devices-count">
          {isSearched
            ? t('devices.countOf', { shown: shown.length, count: all.length })
            : t('devices.count', { count: shown.length })}
        </span>
      </div>
      {chips.length === 0 ? null : (
        <div className="devices-tools">
          <Chips
            label={t('devices.filters')}
            chips={chips.map((id) => ({ id, text: t(`devices.filter.${id}`) }))}
            value={filters}
            onChange={setFilters}
          />
          {filters.includes('tagged') ? <TagChoice all={all} value={tag} /> : null}
        </div>
      )}
      <Grid
        label={t('devices.title')}
        rows={entries}
        columns={columns}
        idOf={({ id }) => id}
        nameOf={(entry) =>
          entry.kind === 'heading' ? entry.title : rowName(entry.device, users, nowMs, isOn)
        }
        describe={(entry) => (entry.kind === 'heading' ? '' : rowDescription(entry.device, nowMs))}
        headingOf={(entry) => (entry.kind === 'heading' ? <Heading entry={entry} /> : undefined)}
        rowRem={isCompact ? 2.5 : 3.5}
        isFilled
        sort={{ column: by, isDescending }}
        onSort={({ column, isDescending: down }) =>
          setQuery({ sort: column === 'name' ? undefined : column, order: down ? 'down' : undefined })
        }
        openId={open}
        onOpen={(entry) => {
          if (entry.kind === 'device') openDevice(entry.device.id, query);
        }}
        onCopy={(entry) => {
          if (entry.kind === 'device') void copyText(addressOf(entry.device));
        }}
        actionsOf={(entry) =>
          entry.kind === 'device'
            ? [
                ...deviceActions(entry.device, useApp.getState(), setSshTo),
                [
                  {
                    id: 'details',
                    text: t('device.details'),
                    icon: Info,
                    run: () => openDevice(entry.device.id, query),
                  },
                ],
              ]
            : []
        }
        empty={
          <EmptyState
            icon={SearchX}
            title={sought === '' ? t('devices.nothing') : t('devices.nothingFor', { words: cut(sought, 60) })}
            action={
              hidden > 0 ? (
                <Button onPress={() => setFilters([...filters, 'location'])}>
                  {t('devices.showLocations', { count: hidden })}
                </Button>
              ) : (
                <Button onPress={() => setQuery({ q: undefined, show: undefined, tag: undefined })}>
                  {t('devices.clear')}
                </Button>
              )
            }
          >
            {hidden > 0 ? t('devices.hiddenMatches', { count: hidden }) : undefined}
          </EmptyState>
        }
      />
      {sshTo === undefined ? null : <SshDialog device={sshTo} onClose={() => setSshTo(undefined)} />}
    </>
  );
}

interface Asked {
  readonly sought: string;
  readonly filters: string | null;
  readonly tag: string;
  readonly by: SortBy;
  readonly isDescending: boolean;
  readonly nowMs: number;
  readonly users: Snapshot['users'];
}

/** `hidden`: how many of the servers that stand for places would be found too. */
function useShown(
  all: readonly Device[],
  { sought, filters, tag, by, isDescending, nowMs, users }: Asked,
): { readonly shown: readonly Device[]; readonly hidden: number } {
  // Only a list in that order is made anew when a measurement comes in.
  const measured = useMeasured((state) => (by === 'latency' ? state : NOTHING));
  const index = useMemo(() => {
    const msOf = (device: Device): number | undefined => latencyOf(device, measured[device.id], nowMs)?.ms;
    return indexOf(sorted(all, by, isDescending, msOf), users);
  }, [all, by, isDescending, measured, users, nowMs]);
  return useMemo(() => {
    const found = search(index, sought);
    const wanted = parseFilters(filters);
    const shown = found.filter((device) => passes(device, wanted, nowMs, tag));
    const hidden =
      shown.length > 0 || wanted.includes('location') ? 0 : found.filter(isLocationServer).length;
    return { shown, hidden };
  }, [index, sought, filters, tag, nowMs]);
}

/** With another account the list is as that account left it; what a link says wins at first. */
function useKeptView(query: URLSearchParams): void {
  const account = useSnapshot(({ accounts }) => accounts.find(({ isCurrent }) => isCurrent)?.id ?? '');
  const last = useRef<string>(undefined);
  const view = viewOf(query).toString();
  useEffect(() => {
    const isFirst = last.current === undefined;
    const isOther = last.current !== account;
    last.current = account;
    const kept = isOther && (!isFirst || view === '') ? keptView('devices', account) : view;
    if (kept === view) keepView('devices', account, view);
    else setQuery(asValues(new URLSearchParams(kept)));
  }, [account, view]);
}

const viewOf = (query: URLSearchParams): URLSearchParams =>
  new URLSearchParams(VIEW_KEYS.flatMap((key) => (query.get(key) ? [[key, query.get(key) ?? '']] : [])));

const asValues = (query: URLSearchParams): Record<string, string | undefined> =>
  Object.fromEntries(VIEW_KEYS.map((key) => [key, query.get(key) ?? undefined]));

const ANY = 'any';

function TagChoice({
  all,
  value,
}: {
  readonly all: readonly Device[];
  readonly value: string;
}): React.JSX.Element {
  const tags = useMemo(() => tagsOf(all), [all]);
  return (
    <Select
      label={t('devices.tag')}
      isBare
      value={value === '' ? ANY : value}
      onChange={(tag) => setQuery({ tag: tag === ANY ? undefined : tag })}
      options={[
        { id: ANY, text: t('devices.anyTag') },
        ...tags.map((tag) => ({ id: tag, text: cut(tag, 60) })),
      ]}
    />
  );
}

const NOTHING: ReturnType<typeof useMeasured.getState> = {};

function openDevice(id: string, query: URLSearchParams): void {
  const tail = query.toString();
  go(`/devices/${encodeURIComponent(id)}${tail === '' ? '' : `?${tail}`}`);
}

const SETTLED_MS = 500;

/** Once typing has stopped. */
function useCountAnnounced(sought: string, count: number): void {
  useEffect(() => {
    if (sought === '') return;
    const timer = setTimeout(() => announce(t('devices.count', { count })), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [sought, count]);
}

const Heading = ({ entry }: { readonly entry: Extract<Entry, { kind: 'heading' }> }): React.JSX.Element => (
  <>
    <bdi>{cut(entry.title, 60)}</bdi> <span className="numbers">({entry.count})</span>
  </>
);
