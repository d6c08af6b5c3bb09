/** People: who they are, what they may, how many machines they have; approved, suspended and given roles here. */
import { Pencil, Plus, RotateCcw, ShieldCheck, Trash2, UserCheck, UserRound, UserX } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { User } from '#shared/console/shapes.ts';
import { Status } from '../../../ui/badge.tsx';
import { Button } from '../../../ui/button.tsx';
import { SearchField } from '../../../ui/field.tsx';
import { type Column, countText, Grid, type Sort } from '../../../ui/grid.tsx';
import type { Action } from '../../../ui/menu.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { Page } from '../../../ui/page.tsx';
import { t } from '../../../ui/text.ts';
import { When } from '../../../ui/time.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { act } from '../../app/act.ts';
import { Link } from '../../app/link.tsx';
import { Loaded } from '../../app/loaded.tsx';
import { setQuery, useRoute } from '../../app/route.ts';
import { useMay } from '../../app/session.ts';
import { roleText, UserDialog, type UserDoing } from './user-dialogs.tsx';

interface Row {
  readonly user: User;
  readonly machines: number;
}

export function UsersScreen(): React.JSX.Element {
  const may = useMay();
  const query = useQuery('users.list', {});
  const [doing, setDoing] = useState<UserDoing>();
  return (
    <Page
      title={t('Users')}
      isFilled
      actions={
        may('users.create') ? (
          <Button kind="strong" icon={Plus} onPress={() => setDoing({ what: 'create' })}>
            {t('Add user')}
          </Button>
        ) : null
      }
    >
      <Loaded query={query} what={t('the users')}>
        {(users) =>
          users.length === 0 ? (
            <EmptyState icon={UserRound} title={t('No users yet')}>
              {t('People appear here when they sign in at the identity provider, or when you add them.')}
            </EmptyState>
          ) : (
            <UserList users={users} onDo={setDoing} />
          )
        }
      </Loaded>
      {doing === undefined ? null : <UserDialog doing={doing} onClose={() => setDoing(undefined)} />}
    </Page>
  );
}

function UserList({
  users,
  onDo,
}: {
  readonly users: readonly User[];
  readonly onDo: (doing: UserDoing) => void;
}): React.JSX.Element {
  const may = useMay();
  const { query } = useRoute();
  const words = query.get('q') ?? '';
  const [sort, setSort] = useState<Sort>({ column: 'name', isDescending: false });
  const nodes = useQuery('nodes.list', may('nodes.list') ? {} : undefined);
  const rows = useMemo(() => {
    const counts = new Map<number, number>();
    for (const { user, tags } of nodes.data ?? [])
      if (user !== null && tags.length === 0) counts.set(user.id, (counts.get(user.id) ?? 0) + 1);
    const wanted = words.toLowerCase();
    const found = users.filter(({ name, display_name, email }) =>
      `${name}\n${display_name}\n${email ?? ''}`.toLowerCase().includes(wanted),
    );
    return sorted(
      found.map((user) => ({ user, machines: counts.get(user.id) ?? 0 })),
      sort,
    );
  }, [users, nodes.data, words, sort]);
  const which = ({ user }: Row) => ({ user: user.name });
  const actionsOf = (row: Row): readonly (readonly Action[])[] => {
    const { user } = row;
    const { name } = user;
    const offer = (isOffered: boolean, action: Action): readonly Action[] => (isOffered ? [action] : []);
    return [
      [
        ...offer(!user.approved && may('users.approve'), {
          ...{ id: 'approve', text: t('Approve'), icon: UserCheck },
          run: () => void act(t('{name} is approved', { name }), () => call('users.approve', which(row))),
        }),
        ...offer(may('users.role'), {
          ...{ id: 'role', text: t('Role…'), icon: ShieldCheck, run: () => onDo({ what: 'role', user }) },
        }),
        ...offer(may('users.rename') && user.provider === '', {
          ...{ id: 'rename', text: t('Rename…'), icon: Pencil, run: () => onDo({ what: 'rename', user }) },
        }),
      ],
      [
        ...offer(user.suspended && may('users.restore'), {
          ...{ id: 'restore', text: t('Restore'), icon: RotateCcw },
          run: () => void act(t('{name} is restored', { name }), () => call('users.restore', which(row))),
        }),
        ...offer(!user.suspended && may('users.suspend'), {
          ...{ id: 'suspend', text: t('Suspend…'), icon: UserX, run: () => onDo({ what: 'suspend', user }) },
        }),
        ...offer(may('users.delete'), {
          ...{ id: 'delete', text: t('Delete…'), icon: Trash2, isDanger: true },
          run: () => onDo({ what: 'delete', user }),
        }),
      ],
    ];
  };
  return (
    <>
      <div className="row">
        <SearchField
          label={t('Search users')}
          value={words}
          onChange={(value) => setQuery({ q: value })}
          placeholder={t('Name or e-mail')}
        />
        <span className="soft numbers">
          {countText(rows.length, users.length, '{count} user', '{count} users')}
        </span>
      </div>
      <Grid
        label={t('Users')}
        rows={rows}
        columns={columns}
        idOf={({ user }) => String(user.id)}
        nameOf={({ user }) => `${user.name}, ${roleText(user.role)}`}
        rowRem={3.5}
        isFilled
        sort={sort}
        onSort={setSort}
        actionsOf={actionsOf}
        empty={<EmptyState icon={UserRound} title={t('Nobody matches “{words}”', { words })} />}
      />
    </>
  );
}

const byText = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

function sorted(rows: readonly Row[], { column, isDescending }: Sort): readonly Row[] {
  const sign = isDescending ? -1 : 1;
  const compare = (a: Row, b: Row): number => {
    if (column === 'machines') return b.machines - a.machines;
    if (column === 'role') return byText.compare(a.user.role, b.user.role);
    return byText.compare(a.user.name, b.user.name);
  };
  return rows.toSorted((a, b) => sign * compare(a, b));
}

const columns: readonly Column<Row>[] = [
  {
    id: 'name',
    title: t('User'),
    track: 'minmax(9rem, 2fr)',
    isSortable: true,
    cell: ({ user }) => (
      <div className="grid-two">
        <span className="grid-name">{user.display_name || user.name}</span>
        <span className="grid-note">{user.email ?? user.name}</span>
      </div>
    ),
  },
  {
    id: 'role',
    title: t('Role'),
    track: 'minmax(7rem, 1fr)',
    isSortable: true,
    cell: ({ user }) => roleText(user.role),
  },
  {
    id: 'status',
    title: t('Status'),
    track: 'minmax(8rem, 1fr)',
    fromRem: 34,
    cell: ({ user }) => <UserStatus user={user} />,
  },
  {
    id: 'machines',
    title: t('Machines'),
    track: 'minmax(6rem, 0.6fr)',
    fromRem: 40,
    isSortable: true,
    cell: ({ user, machines }) => (
      <Link to={`/machines?q=${encodeURIComponent(user.name)}`} isInGrid>
        {machines}
      </Link>
    ),
  },
  {
    id: 'login',
    title: t('Last sign-in'),
    track: 'minmax(8rem, 0.8fr)',
    fromRem: 52,
    cell: ({ user }) => <When at={user.last_login_at} />,
  },
];

function UserStatus({ user }: { readonly user: User }): React.JSX.Element {
  if (user.suspended) return <Status tone="bad">{t('Suspended')}</Status>;
  if (!user.approved) return <Status tone="warn">{t('Needs approval')}</Status>;
  return <Status tone="good">{t('Active')}</Status>;
}
