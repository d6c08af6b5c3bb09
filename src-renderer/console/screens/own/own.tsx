/** Self service: one's own machines and keys, without an administrator. */
import { Laptop, LogOut, Pencil, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { Node } from '#shared/console/shapes.ts';
import { Button, IconButton } from '../../../ui/button.tsx';
import { CopyField } from '../../../ui/copy.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Grid } from '../../../ui/grid.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { Card, Fact, Facts, Page } from '../../../ui/page.tsx';
import { t } from '../../../ui/text.ts';
import { When } from '../../../ui/time.tsx';
import { tellDone } from '../../../ui/toast.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { act } from '../../app/act.ts';
import { Loaded } from '../../app/loaded.tsx';
import { columns, stateText } from '../keys/auth-keys.tsx';
import { AddMachine } from '../machines/add-machine.tsx';
import { ipv4Of, osName, shortVersion } from '../machines/facts.ts';
import { MachineStatus } from '../machines/machine-status.tsx';

export function OwnDevicesScreen(): React.JSX.Element {
  const nodes = useQuery('my.nodes', {});
  const [isAdding, setAdding] = useState(false);
  return (
    <Page
      title={t('My machines')}
      about={t('Machines that belong to you. What they may reach is decided by your administrators.')}
      actions={
        <Button kind="strong" icon={Plus} onPress={() => setAdding(true)}>
          {t('Add machine')}
        </Button>
      }
    >
      <Loaded query={nodes} what={t('your machines')}>
        {(own) =>
          own.length === 0 ? (
            <EmptyState icon={Laptop} title={t('You have no machines yet')}>
              {t('Install the client, sign in with it, and the machine appears here.')}
            </EmptyState>
          ) : (
            <div className="columns">
              {own.map((node) => (
                <OwnMachine key={node.id} node={node} />
              ))}
            </div>
          )
        }
      </Loaded>
      <OwnKeys />
      {isAdding ? <AddMachine isOwn onClose={() => setAdding(false)} /> : null}
    </Page>
  );
}

function OwnMachine({ node }: { readonly node: Node }): React.JSX.Element {
  const [doing, setDoing] = useState<'rename' | 'delete' | 'expire'>();
  const close = (): void => setDoing(undefined);
  const { name } = node;
  return (
    <Card
      title={name}
      actions={
        <>
          <IconButton
            size="small"
            icon={Pencil}
            label={t('Rename {name}', { name })}
            onPress={() => setDoing('rename')}
          />
          <IconButton
            size="small"
            icon={LogOut}
            label={t('Sign {name} out', { name })}
            onPress={() => setDoing('expire')}
          />
          <IconButton
            size="small"
            icon={Trash2}
            label={t('Remove {name}', { name })}
            onPress={() => setDoing('delete')}
          />
        </>
      }
    >
      <Facts>
        <Fact name={t('Status')}>
          <MachineStatus node={node} />
        </Fact>
        <Fact name={t('Address')}>
          <CopyField text={ipv4Of(node)} label={t('Copy address {address}', { address: ipv4Of(node) })} />
        </Fact>
        <Fact name={t('System')}>
          {osName(node.os)} <span className="soft">{shortVersion(node.client_version)}</span>
        </Fact>
        <Fact name={t('Key ends')}>
          <When at={node.expiry} none={t('Never')} />
        </Fact>
      </Facts>
      {doing === 'rename' ? <Rename node={node} onClose={close} /> : null}
      {doing === 'delete' || doing === 'expire' ? <End what={doing} node={node} onClose={close} /> : null}
    </Card>
  );
}

interface DialogProps {
  readonly node: Node;
  readonly onClose: () => void;
}

function Rename({ node, onClose }: DialogProps): React.JSX.Element {
  const [name, setName] = useState(node.name);
  return (
    <FormDialog
      title={t('Rename {name}', { name: node.name })}
      submit={t('Rename')}
      size="small"
      canSubmit={name.trim() !== '' && name !== node.name}
      onClose={onClose}
      onSubmit={async () => {
        await call('my.node-rename', { node: String(node.id), newName: name });
        tellDone(t('{before} is now {name}', { before: node.name, name }));
        onClose();
      }}
    >
      <TextField label={t('Name')} value={name} onChange={setName} autoFocus maxLength={63} />
    </FormDialog>
  );
}

function End({
  what,
  node,
  onClose,
}: DialogProps & { readonly what: 'delete' | 'expire' }): React.JSX.Element {
  const { name } = node;
  const isDelete = what === 'delete';
  return (
    <FormDialog
      title={isDelete ? t('Remove {name}?', { name }) : t('Sign {name} out?', { name })}
      submit={isDelete ? t('Remove') : t('Sign out')}
      isDanger
      size="small"
      onClose={onClose}
      onSubmit={async () => {
        await call(isDelete ? 'my.node-delete' : 'my.node-expire', { node: String(node.id) });
        tellDone(isDelete ? t('{name} is removed', { name }) : t('{name} is signed out', { name }));
        onClose();
      }}
    >
      <p>
        {isDelete
          ? t('It leaves the network at once. To come back it must join again.')
          : t('Nobody can reach it until you sign in on it again.')}
      </p>
    </FormDialog>
  );
}

function OwnKeys(): React.JSX.Element {
  const keys = useQuery('my.keys', {});
  return (
    <Card
      title={t('My keys')}
      about={t('Auth keys that you made: each lets in machines that will be yours.')}
    >
      <Loaded query={keys} what={t('your keys')} rows={2}>
        {(own) => (
          <Grid
            label={t('My keys')}
            rows={own}
            columns={columns}
            idOf={({ id }) => String(id)}
            nameOf={(key) => `${key.description || key.key}, ${stateText(key)}`}
            rowRem={3.5}
            actionsOf={(key) => [
              key.valid
                ? [
                    {
                      ...{ id: 'end', text: t('End it'), icon: Trash2, isDanger: true },
                      run: () =>
                        void act(t('The key is ended'), () => call('my.key-expire', { key: String(key.id) })),
                    },
                  ]
                : [],
            ]}
          />
        )}
      </Loaded>
    </Card>
  );
}
