/** Keys of programs that speak to the admin API. */
import { Ban, Plus, Terminal, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { ApiKey } from '#shared/console/shapes.ts';
import { Status } from '../../../ui/badge.tsx';
import { Button } from '../../../ui/button.tsx';
import { Select } from '../../../ui/choice.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { type Column, Grid } from '../../../ui/grid.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { plural, t } from '../../../ui/text.ts';
import { When } from '../../../ui/time.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { act } from '../../app/act.ts';
import { Loaded } from '../../app/loaded.tsx';
import { useMay } from '../../app/session.ts';
import { ScopeChoice } from './scope-choice.tsx';
import { SecretOnce } from './secret-once.tsx';

export function ApiKeys(): React.JSX.Element {
  const may = useMay();
  const query = useQuery('apikeys.list', {});
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<ApiKey>();
  return (
    <>
      <div className="row">
        <p className="soft grow">
          {t('A program with an API key does what its scopes say, and never more than you may.')}
        </p>
        {may('apikeys.create') ? (
          <Button kind="strong" icon={Plus} onPress={() => setMaking(true)}>
            {t('Make an API key')}
          </Button>
        ) : null}
      </div>
      <Loaded query={query} what={t('the API keys')}>
        {(keys) => (
          <Grid
            label={t('API keys')}
            rows={keys.toSorted((a, b) => Number(b.valid) - Number(a.valid) || b.id - a.id)}
            columns={columns}
            idOf={({ id }) => String(id)}
            nameOf={(key) => key.description || key.key}
            rowRem={3.5}
            actionsOf={(key) => [
              key.valid && may('apikeys.expire')
                ? [
                    {
                      ...{ id: 'expire', text: t('Revoke'), icon: Ban, isDanger: true },
                      run: () =>
                        void act(t('The key is revoked'), () =>
                          call('apikeys.expire', { key: String(key.id) }),
                        ),
                    },
                  ]
                : [],
              may('apikeys.delete')
                ? [
                    {
                      ...{ id: 'delete', text: t('Delete'), icon: Trash2, isDanger: true },
                      run: () =>
                        void act(t('The key is deleted'), () =>
                          call('apikeys.delete', { key: String(key.id) }),
                        ),
                    },
                  ]
                : [],
            ]}
            empty={<EmptyState icon={Terminal} title={t('No API keys')} />}
          />
        )}
      </Loaded>
      {isMaking ? (
        <NewKey
          onClose={() => setMaking(false)}
          onMade={(key) => {
            setMaking(false);
            setMade(key);
          }}
        />
      ) : null}
      {made === undefined ? null : (
        <SecretOnce
          title={t('The new API key')}
          secrets={[{ name: t('Key'), text: made.key }]}
          onClose={() => setMade(undefined)}
        />
      )}
    </>
  );
}

const DAY = 86_400_000;
const LIVES = [
  { id: '30', text: t('30 days') },
  { id: '90', text: t('90 days') },
  { id: '365', text: t('1 year') },
  { id: '0', text: t('For ever') },
] as const;

function NewKey({
  onClose,
  onMade,
}: {
  readonly onClose: () => void;
  readonly onMade: (key: ApiKey) => void;
}): React.JSX.Element {
  const [description, setDescription] = useState('');
  const [scopes, setScopes] = useState<string[]>([]);
  const [days, setDays] = useState<'0' | '30' | '90' | '365'>('90');
  return (
    <FormDialog
      title={t('An API key')}
      submit={t('Make the key')}
      canSubmit={scopes.length > 0}
      onClose={onClose}
      onSubmit={async () =>
        onMade(
          await call('apikeys.create', {
            scopes,
            expirationMs: Number(days) * DAY,
            ...(description === '' ? {} : { description }),
          }),
        )
      }
    >
      <TextField
        label={t('Description')}
        value={description}
        onChange={setDescription}
        autoFocus
        maxLength={256}
        placeholder={t('Which program it is for')}
      />
      <Select label={t('The key works for')} value={days} onChange={setDays} options={LIVES} />
      <ScopeChoice value={scopes} onChange={setScopes} />
    </FormDialog>
  );
}

const columns: readonly Column<ApiKey>[] = [
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
    track: 'minmax(6rem, 0.7fr)',
    cell: ({ valid }) => <Status tone={valid ? 'good' : 'quiet'}>{valid ? t('Usable') : t('Ended')}</Status>,
  },
  {
    id: 'scopes',
    title: t('May'),
    track: 'minmax(8rem, 1.2fr)',
    fromRem: 36,
    cell: ({ scopes }) =>
      scopes.length > 2 ? plural(scopes.length, '{count} scope', '{count} scopes') : scopes.join(', '),
  },
  {
    id: 'used',
    title: t('Last used'),
    track: 'minmax(7rem, 0.8fr)',
    fromRem: 46,
    cell: (key) => <When at={key.last_used_at} none={t('Never')} />,
  },
  {
    id: 'ends',
    title: t('Ends'),
    track: 'minmax(7rem, 0.8fr)',
    fromRem: 54,
    cell: (key) => <When at={key.expiration} none={t('Never')} />,
  },
];
