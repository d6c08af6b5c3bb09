/** All settings in groups, found by their words, each with an address of its own. */
import { SearchX } from 'lucide-react';
import { useEffect, useMemo, useRef } from 'react';
import { Button } from '../../../ui/button.tsx';
import { SearchField } from '../../../ui/field.tsx';
import { EmptyState, Notice } from '../../../ui/notice.tsx';
import { t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import { Fixed } from '../../shell/fixed.tsx';
import { Link } from '../../shell/link.tsx';
import { setQuery, useRoute } from '../../shell/route.ts';
import { Screen } from '../../shell/screen.tsx';
import { useApp, useSnapshot } from '../../store/store.ts';
import { ControlOf } from './control.tsx';
import { labelOf, noteOf } from './label.ts';
import { GROUPS, type Group, type Row, rowsFor, searchRows } from './rows.ts';
import './settings.css';

const textOf = (row: Row): string => `${labelOf(row)} ${noteOf(row)} ${t(`settings.group.${row.group}`)}`;

function useRows(): readonly Row[] {
  const can = useApp(({ host }) => host.can);
  const features = useSnapshot(({ daemon }) => daemon.features);
  const platform = useSnapshot(({ daemon }) => daemon.platform);
  const hasDaemon = useSnapshot(({ settings }) => settings !== undefined);
  return useMemo(() => rowsFor({ can, features, platform, hasDaemon }), [can, features, platform, hasDaemon]);
}

/** `open`: the group, and after a slash the row, that an address leads to. */
export function SettingsScreen({ open }: { readonly open: string }): React.JSX.Element {
  const rows = useRows();
  const { query } = useRoute();
  const words = query.get('q') ?? '';
  const found = useMemo(() => searchRows(rows, words, textOf), [rows, words]);
  const hasDaemon = useSnapshot(({ settings }) => settings !== undefined);
  const groups = GROUPS.filter((group) => found.some((row) => row.group === group));
  useShown(open);
  return (
    <Screen title={t('settings.title')}>
      <div className="settings">
        <SearchField
          label={t('settings.search')}
          value={words}
          onChange={(value) => setQuery({ q: value })}
        />
        {hasDaemon ? null : <Notice>{t('settings.noDaemon')}</Notice>}
        {groups.length === 0 ? (
          <EmptyState
            icon={SearchX}
            title={t('settings.nothingFor', { words: cut(words, 60) })}
            action={<Button onPress={() => setQuery({ q: undefined })}>{t('settings.clear')}</Button>}
          />
        ) : (
          <div className="settings-body">
            <nav aria-label={t('settings.groups')} className="settings-jump">
              {groups.map((group) => (
                <Link key={group} to={`/settings/${group}`} isCurrent={open.split('/')[0] === group}>
                  {t(`settings.group.${group}`)}
                </Link>
              ))}
            </nav>
            <div className="settings-groups">
              {groups.map((group) => (
                <GroupCard key={group} group={group} rows={found.filter((row) => row.group === group)} />
              ))}
            </div>
          </div>
        )}
      </div>
    </Screen>
  );
}

/** Brings what the address names into view and puts the focus there. */
function useShown(open: string): void {
  const last = useRef('');
  useEffect(() => {
    if (open === '' || open === last.current) return;
    last.current = open;
    const [group = '', row = ''] = open.split('/', 2);
    const place = document.getElementById(row === '' ? `settings-${group}` : `setting-${row}`);
    if (place !== null) scrollTo(place);
    place?.querySelector<HTMLElement>('h2, input, button, a')?.focus({ preventScroll: true });
  }, [open]);
}

/** Only what is meant to scroll: the frame around it must stay where it is. */
function scrollTo(place: HTMLElement): void {
  let scroller = place.parentElement;
  while (scroller !== null && !/auto|scroll/.test(getComputedStyle(scroller).overflowY))
    scroller = scroller.parentElement;
  if (scroller === null) return;
  const away = place.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
  scroller.scrollTop += away - GAP_PX;
}

const GAP_PX = 16;

function GroupCard({
  group,
  rows,
}: {
  readonly group: Group;
  readonly rows: readonly Row[];
}): React.JSX.Element {
  return (
    <section
      id={`settings-${group}`}
      className="card settings-group"
      aria-labelledby={`settings-title-${group}`}
    >
      <h2 id={`settings-title-${group}`} tabIndex={-1}>
        {t(`settings.group.${group}`)}
      </h2>
      {rows.map((row) => (
        <Setting key={row.id} row={row} />
      ))}
    </section>
  );
}

function Setting({ row }: { readonly row: Row }): React.JSX.Element {
  const isFixed = useSnapshot(({ policy }) => row.of !== undefined && policy.fixed.includes(row.of));
  return (
    <div id={`setting-${row.id}`} className="setting">
      <ControlOf row={row} label={labelOf(row)} note={noteOf(row)} isFixed={isFixed} />
      {isFixed ? <Fixed /> : null}
    </div>
  );
}
