/** The list of devices: searched, filtered, sorted and grouped at once, five or five thousand of them. */
import { Info, Laptop, SearchX } from 'lucide-react';
import { memo, useCallback, useDeferredValue, useEffect, useMemo, useRef } from 'react';
import type { Device, Snapshot } from '#shared/ui-state/types.ts';
import { announce } from '../../../ui/announce.tsx';
import { Button } from '../../../ui/button.tsx';
import { Chips } from '../../../ui/chips.tsx';
import { Select } from '../../../ui/choice.tsx';
import { copyText } from '../../../ui/copy.tsx';
import { SearchField } from '../../../ui/field.tsx';
import { Grid } from '../../../ui/grid.tsx';
import type { Action } from '../../../ui/menu.tsx';
import { EmptyState, Notice, Skeleton } from '../../../ui/notice.tsx';
import { formatExact, useNow } from '../../../ui/time.tsx';
import { t } from '../../i18n/text.ts';
import { deviceActions } from '../../lib/device-actions.tsx';
import { addressOf, isLocationServer, latencyOf } from '../../lib/devices.ts';
import { cut } from '../../lib/foreign.tsx';
import { keepView, keptView } from '../../lib/kept-view.ts';
import { useMeasured } from '../../lib/ping.ts';
import { go, routeNow, setQuery, useRoute } from '../../shell/route.ts';
import { Screen } from '../../shell/screen.tsx';
import { useApp, useMayManage, useSnapshot, useUi } from '../../store/store.ts';
import {
  type Entry,
  GROUPS,
  type GroupBy,
  grouped,
  inOrderOf,
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
      {all.length === 0 ? null : <Outdated isOn={isOn} />}
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
  const sort = useMemo(() => ({ column: by, isDescending }), [by, isDescending]);
  const actionsOf = useActions();
  const chips = [...new Set([...offered, ...filters])];
  const isSearched = words !== '' || filters.length > 0;

  return (
    <>
      <div className="devices-tools">
        <Sought words={words} />
        {open !== '' ? null : (
          <>
            <SortChoice value={by} />
            <GroupChoice value={group} />
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
          <FilterChips offered={chips.join()} value={filters.join()} />
          {filters.includes('tagged') ? <TagChoice all={all} value={tag} /> : null}
        </div>
      )}
      <Grid
        label={t('devices.title')}
        rows={entries}
        columns={columns}
        idOf={idOf}
        nameOf={(entry) =>
          entry.kind === 'heading' ? entry.title : rowName(entry.device, users, nowMs, isOn)
        }
        describe={(entry) => (entry.kind === 'heading' ? '' : rowDescription(entry.device, nowMs))}
        headingOf={headingOf}
        rowRem={isCompact ? 2.5 : 3.5}
        isFilled
        sort={sort}
        onSort={setSort}
        openId={open}
        onOpen={(entry) => {
          if (entry.kind === 'device') openDevice(entry.device.id);
        }}
        onCopy={(entry) => {
          if (entry.kind === 'device') void copyText(addressOf(entry.device));
        }}
        actionsOf={actionsOf}
        empty={
          <EmptyState
            icon={SearchX}
            title={sought === '' ? t('devices.nothing') : t('devices.nothingFor', { words: cut(sought, 60) })}
            action={
              hidden > 0 ? (
                <Button onPress={() => setQuery({ show: [...filters, 'location'].join(',') })}>
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
    </>
  );
}

const idOf = ({ id }: Entry): string => id;
const headingOf = (entry: Entry): React.ReactNode | undefined =>
  entry.kind === 'heading' ? <Heading entry={entry} /> : undefined;
const setSort = ({ column, isDescending }: { column: string; isDescending: boolean }): void =>
  setQuery({ sort: column === 'name' ? undefined : column, order: isDescending ? 'down' : undefined });

/** The same function while nothing that they depend on changed: rows that did not change are left alone. */
function useActions(): (entry: Entry) => readonly (readonly Action[])[] {
  const gui = useApp((state) => state.gui);
  const settings = useSnapshot((snapshot) => snapshot.settings);
  const isManaging = useMayManage();
  // biome-ignore lint/correctness/useExhaustiveDependencies: what device actions take from the state
  return useCallback(
    (entry) => {
      if (entry.kind === 'heading') return [];
      const { id } = entry.device;
      const details = { id: 'details', text: t('device.details'), icon: Info, run: () => openDevice(id) };
      return [...deviceActions(entry.device, useApp.getState()), [details]];
    },
    [gui, settings, isManaging],
  );
}

// What changes with devices is not what one searches and chooses with.
const Sought = memo(({ words }: { readonly words: string }) => (
  <SearchField
    label={t('devices.search')}
    placeholder={t('devices.searchHint')}
    value={words}
    onChange={(value) => setQuery({ q: value })}
  />
));

const SortChoice = memo(({ value }: { readonly value: SortBy }) => (
  <Select
    label={t('devices.sort')}
    isBare
    value={value}
    onChange={(by) => setQuery({ sort: by === 'name' ? undefined : by, order: undefined })}
    options={SORTS.map((id) => ({ id, text: t(`devices.sort.${id}`) }))}
  />
));

const GroupChoice = memo(({ value }: { readonly value: GroupBy }) => (
  <Select
    label={t('devices.group')}
    isBare
    value={value}
    onChange={(by) => setQuery({ group: by === 'none' ? undefined : by })}
    options={GROUPS.map((id) => ({ id, text: t(`devices.group.${id}`) }))}
  />
));

/** Both as in the address, so that equal ones are the same. */
const FilterChips = memo(({ offered, value }: { readonly offered: string; readonly value: string }) => (
  <Chips
    label={t('devices.filters')}
    chips={parseFilters(offered).map((id) => ({ id, text: t(`devices.filter.${id}`) }))}
    value={parseFilters(value)}
    onChange={(filters) => setQuery({ show: filters.join(',') })}
  />
));

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
  const last = useRef<readonly Device[]>([]);
  const index = useMemo(() => {
    const msOf = (device: Device): number | undefined => latencyOf(device, measured[device.id], nowMs)?.ms;
    // What is almost sorted is sorted at once; a patch changes little of the order.
    last.current = sorted(inOrderOf(last.current, all), by, isDescending, msOf);
    return indexOf(last.current, users);
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

function openDevice(id: string): void {
  const tail = routeNow().query.toString();
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
