/** Which machine carries what: every prefix, who offers it, who serves it, who stands by. */
import { Route as RouteIcon } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { Node, Route } from '#shared/console/shapes.ts';
import { Badge, Status } from '../../../ui/badge.tsx';
import { SearchField } from '../../../ui/field.tsx';
import { type Column, Grid } from '../../../ui/grid.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { Page } from '../../../ui/page.tsx';
import { t } from '../../../ui/text.ts';
import { useQuery } from '../../api/query.ts';
import { Link } from '../../app/link.tsx';
import { Loaded } from '../../app/loaded.tsx';
import { useMay } from '../../app/session.ts';
import { RoutesDialog } from '../machines/routes-dialog.tsx';

export function RoutesScreen(): React.JSX.Element {
  const query = useQuery('routes.list', {});
  return (
    <Page
      title={t('Routes')}
      about={t(
        'Networks behind machines, and machines through which all Internet traffic may go. One router carries a prefix at a time; when it fails, the next one takes over.',
      )}
    >
      <Loaded query={query} what={t('the routes')}>
        {(routes) =>
          routes.length === 0 ? (
            <EmptyState icon={RouteIcon} title={t('No machine offers a route')}>
              {t('On a machine: rhumb set --advertise-routes=192.168.1.0/24, or --advertise-exit-node')}
            </EmptyState>
          ) : (
            <RouteList routes={routes} />
          )
        }
      </Loaded>
    </Page>
  );
}

function RouteList({ routes }: { readonly routes: readonly Route[] }): React.JSX.Element {
  const may = useMay();
  const [words, setWords] = useState('');
  const [asked, setAsked] = useState<Node>();
  const nodes = useQuery('nodes.list', may('nodes.list') ? {} : undefined);
  const shown = useMemo(
    () => routes.filter(({ prefix, name }) => `${prefix} ${name}`.includes(words.toLowerCase())),
    [routes, words],
  );
  return (
    <>
      <div className="row">
        <SearchField
          label={t('Search routes')}
          value={words}
          onChange={setWords}
          placeholder={t('Prefix or machine')}
        />
      </div>
      <Grid
        label={t('Routes')}
        rows={shown}
        columns={columns}
        idOf={({ prefix, node }) => `${prefix} ${node}`}
        nameOf={(route) => `${route.prefix}, ${route.name}, ${stateOf(route).text}`}
        rowRem={3}
        actionsOf={(route) => {
          const node = nodes.data?.find(({ id }) => id === route.node);
          if (node === undefined || !may('routes.approve')) return [];
          return [
            [{ id: 'change', text: t('Approve or refuse…'), icon: RouteIcon, run: () => setAsked(node) }],
          ];
        }}
      />
      {asked === undefined ? null : <RoutesDialog node={asked} onClose={() => setAsked(undefined)} />}
    </>
  );
}

function stateOf({ primary, approved, announced, online, healthy }: Route): {
  readonly tone: 'good' | 'warn' | 'bad' | 'quiet';
  readonly text: string;
} {
  if (!approved) return { tone: 'warn', text: t('Not approved') };
  if (primary) return { tone: 'good', text: t('Carries the traffic') };
  if (!announced) return { tone: 'quiet', text: t('Not offered now') };
  if (!online) return { tone: 'quiet', text: t('Offline') };
  if (healthy === false) return { tone: 'bad', text: t('Does not answer') };
  return { tone: 'quiet', text: t('Stands by') };
}

const columns: readonly Column<Route>[] = [
  {
    id: 'prefix',
    title: t('Prefix'),
    track: 'minmax(8rem, 1.4fr)',
    cell: (route, isNarrow) => <Prefix route={route} isNarrow={isNarrow} />,
  },
  {
    id: 'machine',
    title: t('Machine'),
    track: 'minmax(6.5rem, 1.4fr)',
    cell: ({ name, node }) => (
      <Link to={`/machines/${node}`} isInGrid>
        {name}
      </Link>
    ),
  },
  {
    id: 'state',
    title: t('State'),
    track: 'minmax(9rem, 1fr)',
    fromRem: 26,
    cell: (route) => <State route={route} />,
  },
];

function State({ route }: { readonly route: Route }): React.JSX.Element {
  const { tone, text } = stateOf(route);
  return <Status tone={tone}>{text}</Status>;
}

/** Where there is no room for a column of its own, the state stands below: it is what one comes for. */
function Prefix({
  route,
  isNarrow,
}: {
  readonly route: Route;
  readonly isNarrow: boolean;
}): React.JSX.Element {
  const { prefix } = route;
  if (isNarrow)
    return (
      <div className="grid-two">
        <span className="mono">{prefix}</span>
        <span className="grid-note">
          <State route={route} />
        </span>
      </div>
    );
  return (
    <span className="row">
      <span className="mono">{prefix}</span>
      {prefix === '0.0.0.0/0' || prefix === '::/0' ? <Badge>{t('exit node')}</Badge> : null}
    </span>
  );
}
