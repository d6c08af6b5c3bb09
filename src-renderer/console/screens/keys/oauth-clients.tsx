/** OAuth clients: programs that ask for a token of an hour instead of holding a key. */
import { Bot, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { OauthClient } from '#shared/console/shapes.ts';
import { Tags } from '../../../ui/badge.tsx';
import { Button } from '../../../ui/button.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { type Column, Grid } from '../../../ui/grid.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { TagInput } from '../../../ui/tag-input.tsx';
import { plural, t } from '../../../ui/text.ts';
import { When } from '../../../ui/time.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { act } from '../../app/act.ts';
import { Loaded } from '../../app/loaded.tsx';
import { useMay } from '../../app/session.ts';
import { completeTag, tagProblem, useKnownTags } from '../machines/tags-dialog.tsx';
import { ScopeChoice } from './scope-choice.tsx';
import { SecretOnce } from './secret-once.tsx';

export function OauthClients(): React.JSX.Element {
  const may = useMay();
  const query = useQuery('oauth-clients.list', {});
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<OauthClient>();
  return (
    <>
      <div className="row">
        <p className="soft grow">
          {t(
            'A client asks for a token that works for an hour. The machines that it adds belong to its tags.',
          )}
        </p>
        {may('oauth-clients.create') ? (
          <Button kind="strong" icon={Plus} onPress={() => setMaking(true)}>
            {t('Make a client')}
          </Button>
        ) : null}
      </div>
      <Loaded query={query} what={t('the clients')}>
        {(clients) => (
          <Grid
            label={t('OAuth clients')}
            rows={clients}
            columns={columns}
            idOf={({ id }) => String(id)}
            nameOf={(client) => client.description || client.client_id}
            rowRem={3.5}
            actionsOf={(client) => [
              may('oauth-clients.delete')
                ? [
                    {
                      ...{ id: 'delete', text: t('Delete'), icon: Trash2, isDanger: true },
                      run: () =>
                        void act(t('The client is deleted'), () =>
                          call('oauth-clients.delete', { client: String(client.id) }),
                        ),
                    },
                  ]
                : [],
            ]}
            empty={<EmptyState icon={Bot} title={t('No OAuth clients')} />}
          />
        )}
      </Loaded>
      {isMaking ? (
        <NewClient
          onClose={() => setMaking(false)}
          onMade={(client) => {
            setMaking(false);
            setMade(client);
          }}
        />
      ) : null}
      {made === undefined ? null : (
        <SecretOnce
          title={t('The new client')}
          secrets={[
            { name: t('Client id'), text: made.client_id },
            { name: t('Secret'), text: made.secret },
          ]}
          onClose={() => setMade(undefined)}
        />
      )}
    </>
  );
}

/** Clients with these make machines, which must belong to tags. */
const NEEDS_TAGS = ['devices:core', 'auth_keys', 'all'];

function NewClient({
  onClose,
  onMade,
}: {
  readonly onClose: () => void;
  readonly onMade: (client: OauthClient) => void;
}): React.JSX.Element {
  const [description, setDescription] = useState('');
  const [scopes, setScopes] = useState<string[]>([]);
  const [tags, setTags] = useState<readonly string[]>([]);
  const needsTags = scopes.some((scope) => NEEDS_TAGS.includes(scope));
  const known = useKnownTags();
  return (
    <FormDialog
      title={t('An OAuth client')}
      submit={t('Make the client')}
      canSubmit={scopes.length > 0 && (!needsTags || tags.length > 0)}
      onClose={onClose}
      onSubmit={async () =>
        onMade(
          await call('oauth-clients.create', {
            scopes,
            tags: [...tags],
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
      <ScopeChoice value={scopes} onChange={setScopes} />
      {needsTags ? (
        <TagInput
          label={t('Tags of its machines')}
          value={tags}
          onChange={setTags}
          known={known}
          complete={completeTag}
          problemOf={tagProblem}
          placeholder="tag:server"
        />
      ) : null}
    </FormDialog>
  );
}

const columns: readonly Column<OauthClient>[] = [
  {
    id: 'client',
    title: t('Client'),
    track: 'minmax(10rem, 2fr)',
    cell: (client) => (
      <div className="grid-two">
        <span className="grid-name">{client.description || t('Without description')}</span>
        <span className="grid-note mono">{client.client_id}</span>
      </div>
    ),
  },
  {
    id: 'scopes',
    title: t('May'),
    track: 'minmax(8rem, 1.2fr)',
    fromRem: 30,
    cell: ({ scopes }) =>
      scopes.length > 2 ? plural(scopes.length, '{count} scope', '{count} scopes') : scopes.join(', '),
  },
  {
    id: 'tags',
    title: t('Tags'),
    track: 'minmax(8rem, 1fr)',
    fromRem: 42,
    cell: ({ tags }) => <Tags tags={tags} />,
  },
  {
    id: 'used',
    title: t('Last used'),
    track: 'minmax(7rem, 0.8fr)',
    fromRem: 50,
    cell: (client) => <When at={client.last_used_at} none={t('Never')} />,
  },
];
