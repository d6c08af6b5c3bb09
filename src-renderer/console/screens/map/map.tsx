/** The access map: who may begin to talk to whom, as a picture and as a table. */
import { Network, Table2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { PolicyReach } from '#shared/console/shapes.ts';
import { Button } from '../../../ui/button.tsx';
import { Select } from '../../../ui/choice.tsx';
import { SearchField } from '../../../ui/field.tsx';
import { type Column, Grid } from '../../../ui/grid.tsx';
import { EmptyState, Notice } from '../../../ui/notice.tsx';
import { Page } from '../../../ui/page.tsx';
import { plural, t } from '../../../ui/text.ts';
import { useQuery } from '../../api/query.ts';
import { Loaded } from '../../app/loaded.tsx';
import { useMay } from '../../app/session.ts';
import { type Graph, type Grouping, graphOf, MOST_MACHINES } from './graph.ts';
import { Picture } from './picture.tsx';
import './map.css';

export function MapScreen(): React.JSX.Element {
  const query = useQuery('policy.reach', {});
  return (
    <Page
      title={t('Access map')}
      about={t(
        'Who may begin to talk to whom under the policy in force. Choose a dot to see its connections.',
      )}
    >
      <Loaded query={query} what={t('the access map')}>
        {(reach) =>
          reach.nodes.length === 0 ? (
            <EmptyState icon={Network} title={t('Nobody to show yet')}>
              {t('Machines appear here as soon as they are in the network.')}
            </EmptyState>
          ) : (
            <Shown reach={reach} />
          )
        }
      </Loaded>
    </Page>
  );
}

function Shown({ reach }: { readonly reach: PolicyReach }): React.JSX.Element {
  const may = useMay();
  const users = useQuery('users.list', may('users.list') ? {} : undefined);
  const canBeMachines = reach.nodes.length <= MOST_MACHINES;
  const [grouping, setGrouping] = useState<Grouping>(canBeMachines ? 'machines' : 'owners');
  const [isTable, setTable] = useState(false);
  const [words, setWords] = useState('');
  const graph = useMemo(() => {
    const names = new Map((users.data ?? []).map(({ id, name }) => [id, name]));
    return graphOf(reach, grouping, (id) => names.get(id) ?? t('user {id}', { id }));
  }, [reach, grouping, users.data]);
  return (
    <>
      {reach.truncated ? (
        <Notice tone="warn">{t('There are more connections than can be shown; some are left out.')}</Notice>
      ) : null}
      <div className="row">
        <Select
          label={t('Show')}
          isBare
          value={grouping}
          onChange={setGrouping}
          options={[
            ...(canBeMachines || isTable ? [{ id: 'machines' as const, text: t('machines') }] : []),
            { id: 'owners' as const, text: t('owners and tags') },
          ]}
        />
        <SearchField
          label={t('Find')}
          value={words}
          onChange={setWords}
          placeholder={t('Name, owner, tag')}
        />
        <Button
          icon={isTable ? Network : Table2}
          onPress={() => {
            if (isTable && !canBeMachines) setGrouping('owners');
            setTable(!isTable);
          }}
        >
          {isTable ? t('Show as picture') : t('Show as table')}
        </Button>
        <span className="soft">
          {plural(reach.nodes.length, '{count} machine', '{count} machines')},{' '}
          {plural(graph.lines.length, '{count} connection', '{count} connections')}
        </span>
      </div>
      {isTable ? <AsTable graph={graph} words={words} /> : <Picture graph={graph} words={words} />}
    </>
  );
}

interface Row {
  readonly from: string;
  readonly to: string;
  readonly pairs: number;
}

/** The same in words, for who cannot or does not want to look at a picture. */
function AsTable({ graph, words }: { readonly graph: Graph; readonly words: string }): React.JSX.Element {
  const rows = useMemo(() => {
    const names = new Map(graph.dots.map(({ id, name }) => [id, name]));
    const nameOf = (id: string): string => names.get(id) ?? '';
    const wanted = words.toLowerCase();
    const all = graph.lines.flatMap(({ from, to, isMutual, pairs }): Row[] => {
      const row = { from: nameOf(from), to: nameOf(to), pairs };
      return isMutual ? [row, { from: row.to, to: row.from, pairs }] : [row];
    });
    const inner = graph.dots
      .filter(({ isInner }) => isInner)
      .map(({ name }): Row => ({ from: name, to: name, pairs: 0 }));
    return [...all, ...inner]
      .filter(({ from, to }) => `${from} ${to}`.toLowerCase().includes(wanted))
      .sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : a.to < b.to ? -1 : 1));
  }, [graph, words]);
  return (
    <div className="map-table">
      <Grid
        label={t('Who reaches whom')}
        rows={rows}
        columns={columns}
        idOf={({ from, to }) => `${from}\n${to}`}
        nameOf={({ from, to }) => t('{from} reaches {to}', { from, to })}
        isFilled
      />
    </div>
  );
}

const columns: readonly Column<Row>[] = [
  { id: 'from', title: t('From'), track: 'minmax(8rem, 1fr)', cell: ({ from }) => from },
  {
    id: 'to',
    title: t('May reach'),
    track: 'minmax(8rem, 1fr)',
    cell: ({ from, to }) => (from === to ? t('one another') : to),
  },
];
