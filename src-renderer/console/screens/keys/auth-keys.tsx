/** Keys that let machines join without anybody's approval on a page. */
import { Ban, KeyRound, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { AuthKey } from '#shared/console/shapes.ts';
import { Badge, Status, Tags } from '../../../ui/badge.tsx';
import { Button } from '../../../ui/button.tsx';
import { type Column, Grid } from '../../../ui/grid.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { t } from '../../../ui/text.ts';
import { When } from '../../../ui/time.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { act } from '../../app/act.ts';
import { Loaded } from '../../app/loaded.tsx';
import { useMay } from '../../app/session.ts';
import { AddMachine } from '../machines/add-machine.tsx';

export function AuthKeys(): React.JSX.Element {
  const may = useMay();
  const query = useQuery('preauthkeys.list', {});
  const [isMaking, setMaking] = useState(false);
  const make = may('preauthkeys.create') ? (
    <Button kind="strong" icon={Plus} onPress={() => setMaking(true)}>
      {t('Make an auth key')}
    </Button>
  ) : null;
  return (
    <>
      <div className="row">
        <p className="soft grow">
          {t('With an auth key a machine joins by itself: for servers, containers, installers.')}
        </p>
        {make}
      </div>
      <Loaded query={query} what={t('the auth keys')}>
        {(keys) => (
          <Grid
            label={t('Auth keys')}
            rows={keys.toSorted((a, b) => Number(b.valid) - Number(a.valid) || b.id - a.id)}
            columns={columns}
            idOf={({ id }) => String(id)}
            nameOf={nameOf}
            rowRem={3.5}
            actionsOf={(key) => [
              key.valid && may('preauthkeys.revoke')
                ? [
                    {
                      ...{ id: 'revoke', text: t('Revoke'), icon: Ban, isDanger: true },
                      run: () =>
                        void act(t('The key is revoked'), () =>
                          call('preauthkeys.revoke', { key: String(key.id) }),
                        ),
                    },
                  ]
                : [],
              !key.valid && may('preauthkeys.delete')
                ? [
                    {
                      ...{ id: 'delete', text: t('Remove from the list'), icon: Trash2, isDanger: true },
                      run: () =>
                        void act(t('The key is removed'), () =>
                          call('preauthkeys.delete', { key: String(key.id) }),
                        ),
                    },
                  ]
                : [],
            ]}
            empty={<EmptyState icon={KeyRound} title={t('No auth keys')} />}
          />
        )}
      </Loaded>
      {isMaking ? <AddMachine onClose={() => setMaking(false)} /> : null}
    </>
  );
}

const nameOf = (key: AuthKey): string => `${key.description || key.key}, ${stateText(key)}`;

export function stateText(key: AuthKey): string {
  if (key.revoked) return t('Revoked');
  if (key.expired) return t('Expired');
  return key.valid ? t('Usable') : t('Used up');
}

export const columns: readonly Column<AuthKey>[] = [
  {
    id: 'key',
    title: t('Key'),
    track: 'minmax(10rem, 2fr)',
    cell: (key) => (
      <div className="grid-two">
        <span className="grid-name">{key.description || t('Without description')}</span>
        <span className="grid-note mono">{key.key.replace('-***', '…')}</span>
      </div>
    ),
  },
  {
    id: 'state',
    title: t('State'),
    track: 'minmax(6.5rem, 0.8fr)',
    cell: (key) => <Status tone={key.valid ? 'good' : 'quiet'}>{stateText(key)}</Status>,
  },
  {
    id: 'owner',
    title: t('Machines of'),
    track: 'minmax(8rem, 1.2fr)',
    fromRem: 36,
    cell: (key) => (key.tags.length > 0 ? <Tags tags={key.tags} /> : key.user.name),
  },
  {
    id: 'kind',
    title: t('Kind'),
    track: 'minmax(11.5rem, 1fr)',
    fromRem: 48,
    cell: (key) => (
      <span className="row">
        {key.reusable ? <Badge>{t('reusable')}</Badge> : null}
        {key.ephemeral ? <Badge>{t('ephemeral')}</Badge> : null}
        {key.reusable || key.ephemeral ? null : <span className="soft">{t('one machine')}</span>}
      </span>
    ),
  },
  {
    id: 'uses',
    title: t('Used'),
    track: 'minmax(4rem, 0.4fr)',
    fromRem: 56,
    cell: (key) => (
      <span className="numbers">{key.max_uses === null ? key.uses : `${key.uses} / ${key.max_uses}`}</span>
    ),
  },
  {
    id: 'ends',
    title: t('Ends'),
    track: 'minmax(7rem, 0.8fr)',
    fromRem: 40,
    cell: (key) => <When at={key.expiration} none={t('Never')} />,
  },
];
