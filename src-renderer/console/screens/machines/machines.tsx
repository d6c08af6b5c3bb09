/** All machines: found, filtered and sorted at once, changed one by one or many together; those that wait come first. */
import { Laptop, MonitorSmartphone, Plus, SearchX } from 'lucide-react';
import { useDeferredValue, useEffect, useMemo, useState } from 'react';
import type { Node } from '#shared/console/shapes.ts';
import { announce } from '../../../ui/announce.tsx';
import { Tags } from '../../../ui/badge.tsx';
import { Button } from '../../../ui/button.tsx';
import { Select } from '../../../ui/choice.tsx';
import { SearchField } from '../../../ui/field.tsx';
import { type Column, countText, Grid, type Sort } from '../../../ui/grid.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { Page } from '../../../ui/page.tsx';
import { plural, t } from '../../../ui/text.ts';
import { useNow } from '../../../ui/time.tsx';
import { useQuery } from '../../api/query.ts';
import { Link } from '../../app/link.tsx';
import { Loaded } from '../../app/loaded.tsx';
import { go, setQuery, useRoute } from '../../app/route.ts';
import { useMay } from '../../app/session.ts';
import { AddMachine } from './add-machine.tsx';
import { BulkBar } from './bulk-bar.tsx';
import { actionsFor, type Doing, DoingDialog } from './doing.tsx';
import {
  expiresSoon,
  ipv4Of,
  isExit,
  isTagged,
  offersSubnets,
  osName,
  ownerText,
  routesWaiting,
  shortVersion,
  stateOf,
} from './facts.ts';
import { FILTERS, type Filter, needsAttention, parseFilter, passes, search, sortMachines } from './filter.ts';
import { MachinePage } from './machine.tsx';
import { MachineStatus } from './machine-status.tsx';
import { PendingRequests } from './pending.tsx';
import './machines.css';

/** `open`: the id of the machine whose page is shown beside or instead of the list. */
export function MachinesScreen({ open }: { readonly open: string }): React.JSX.Element {
  const query = useQuery('nodes.list', {});
  return (
    <div className={`machines${open === '' ? '' : ' machines-open'}`}>
      <div className="machines-list">
        <MachineList query={query} open={open} />
      </div>
      {open === '' ? null : (
        <aside className="machines-page" aria-label={t('Machine')}>
          <MachinePage key={open} id={open} />
        </aside>
      )}
    </div>
  );
}

function MachineList({
  query,
  open,
}: {
  readonly query: ReturnType<typeof useQuery<'nodes.list'>>;
  readonly open: string;
}): React.JSX.Element {
  const may = useMay();
  const [isAdding, setAdding] = useState(false);
  return (
    <Page
      title={t('Machines')}
      isFilled
      hasFocus={open === ''}
      actions={
        may('preauthkeys.create') ? (
          <Button kind="strong" icon={Plus} onPress={() => setAdding(true)}>
            {t('Add machine')}
          </Button>
        ) : null
      }
    >
      <PendingRequests />
      <Loaded query={query} what={t('the machines')} rows={10}>
        {(nodes) =>
          nodes.length === 0 ? (
            <EmptyState
              icon={Laptop}
              title={t('No machines yet')}
              action={
                may('preauthkeys.create') ? (
                  <Button kind="strong" icon={Plus} onPress={() => setAdding(true)}>
                    {t('Add the first machine')}
                  </Button>
                ) : null
              }
            >
              {t('Install the client on a computer or phone, let it join, and it appears here by itself.')}
            </EmptyState>
          ) : (
            <Filtered nodes={nodes} />
          )
        }
      </Loaded>
      {isAdding ? <AddMachine onClose={() => setAdding(false)} /> : null}
    </Page>
  );
}

const filterTexts = (): Readonly<Record<Filter, string>> => ({
  all: t('All'),
  online: t('Online'),
  offline: t('Offline'),
  attention: t('Needs attention'),
  tagged: t('With tags'),
  exit: t('Exit nodes'),
  routers: t('Subnet routers'),
  expiring: t('Key ends soon'),
  ephemeral: t('Ephemeral'),
  disabled: t('Disabled'),
});

function Filtered({ nodes }: { readonly nodes: readonly Node[] }): React.JSX.Element {
  const { query } = useRoute();
  const may = useMay();
  const nowMs = useNow();
  const words = query.get('q') ?? '';
  const filter = parseFilter(query.get('show'));
  const [sort, setSort] = useState<Sort>({ column: 'name', isDescending: false });
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [doing, setDoing] = useState<Doing>();
  const sought = useDeferredValue(words);
  const shown = useMemo(() => {
    const passing = nodes.filter((node) => passes(node, filter, nowMs));
    const sorted = sortMachines(passing, sort);
    return search(sorted, sought);
  }, [nodes, filter, sort, sought, nowMs]);
  const chosen = useMemo(() => shown.filter((node) => selected.has(String(node.id))), [shown, selected]);
  const attention = useMemo(() => nodes.filter((node) => needsAttention(node, nowMs)).length, [nodes, nowMs]);
  useEffect(() => {
    if (sought !== '') announce(plural(shown.length, '{count} machine', '{count} machines'));
  }, [sought, shown.length]);
  const texts = filterTexts();

  return (
    <>
      <div className="row">
        <SearchField
          label={t('Search machines')}
          placeholder={t('Name, address, owner, tag, system')}
          value={words}
          onChange={(value) => setQuery({ q: value })}
        />
        <Select
          label={t('Show')}
          isBare
          value={filter}
          onChange={(value) => setQuery({ show: value === 'all' ? undefined : value })}
          options={FILTERS.map((id) => ({
            id,
            text: id === 'attention' && attention > 0 ? `${texts[id]} (${attention})` : texts[id],
          }))}
        />
        <span className="soft numbers">
          {countText(shown.length, nodes.length, '{count} machine', '{count} machines')}
        </span>
      </div>
      {chosen.length === 0 ? null : (
        <BulkBar
          count={chosen.length}
          actions={actionsFor(chosen, may, setDoing)}
          onClear={() => setSelected(new Set())}
        />
      )}
      <Grid
        label={t('Machines')}
        rows={shown}
        columns={columns}
        idOf={(node) => String(node.id)}
        nameOf={(node) => `${node.name}, ${stateOf(node, nowMs).text}, ${ownerText(node)}`}
        rowRem={3.5}
        isFilled
        sort={sort}
        onSort={setSort}
        selection={{ ids: selected, onChange: setSelected }}
        onOpen={(node) => go(`/machines/${node.id}${location.search}`)}
        actionsOf={(node) => actionsFor([node], may, setDoing)}
        empty={
          <EmptyState
            icon={words === '' ? MonitorSmartphone : SearchX}
            title={words === '' ? t('No machine is like this') : t('Nothing matches “{words}”', { words })}
            action={
              <Button onPress={() => setQuery({ q: undefined, show: undefined })}>{t('Show all')}</Button>
            }
          />
        }
      />
      {doing === undefined ? null : (
        <DoingDialog
          doing={doing}
          onClose={() => {
            setDoing(undefined);
          }}
        />
      )}
    </>
  );
}

const columns: readonly Column<Node>[] = [
  {
    id: 'name',
    title: t('Machine'),
    track: 'minmax(9rem, 2.2fr)',
    isSortable: true,
    cell: (node, isNarrow) => (
      <div className="grid-two">
        <span>
          <Link to={`/machines/${node.id}`} className="grid-name" isInGrid>
            {node.name}
          </Link>
        </span>
        <span className="grid-note">{isNarrow ? <MachineStatus node={node} /> : <Marks node={node} />}</span>
      </div>
    ),
  },
  {
    id: 'status',
    title: t('Status'),
    track: 'minmax(10.75rem, 1.1fr)',
    fromRem: 28,
    isSortable: true,
    cell: (node) => <MachineStatus node={node} />,
  },
  {
    id: 'owner',
    title: t('Owner'),
    track: 'minmax(7rem, 1.3fr)',
    fromRem: 38,
    isSortable: true,
    cell: (node) => (isTagged(node) ? <Tags tags={node.tags} /> : ownerText(node)),
  },
  {
    id: 'address',
    title: t('Address'),
    track: 'minmax(8rem, 1fr)',
    fromRem: 30,
    isSortable: true,
    cell: (node) => <span className="mono numbers">{ipv4Of(node)}</span>,
  },
  {
    id: 'os',
    title: t('System'),
    track: 'minmax(6rem, 0.8fr)',
    fromRem: 52,
    isSortable: true,
    cell: (node) => (
      <div className="grid-two">
        <span>{osName(node.os)}</span>
        <span className="grid-note">{shortVersion(node.client_version)}</span>
      </div>
    ),
  },
];

/** What sets a machine apart, few words each. */
function Marks({ node }: { readonly node: Node }): React.JSX.Element {
  const nowMs = useNow();
  const waiting = routesWaiting(node);
  const marks: readonly (string | false)[] = [
    waiting > 0 && plural(waiting, '{count} route to approve', '{count} routes to approve'),
    isExit(node) && t('exit node'),
    offersSubnets(node) && t('subnet router'),
    node.ephemeral && t('ephemeral'),
    expiresSoon(node, nowMs) && t('key ends soon'),
  ];
  const said = marks.filter((mark) => mark !== false);
  return <>{said.length > 0 ? said.join(' · ') : node.hostname}</>;
}
