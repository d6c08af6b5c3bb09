/** The servers that machines ask for everything that is not this network's own. */
import { Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { Nameserver } from '#shared/console/shapes.ts';
import { Badge } from '../../../ui/badge.tsx';
import { Button, IconButton } from '../../../ui/button.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Card } from '../../../ui/page.tsx';
import { t } from '../../../ui/text.ts';
import { tellDone } from '../../../ui/toast.tsx';
import { Checkbox } from '../../../ui/toggle.tsx';
import { call } from '../../api/client.ts';

interface Server {
  readonly address: string;
  readonly useWithExitNode: boolean;
}

export const asSent = ({ address, use_with_exit_node }: Nameserver): Server => ({
  address,
  useWithExitNode: use_with_exit_node,
});

export function Nameservers({
  servers,
  canChange,
  onChange,
}: {
  readonly servers: readonly Nameserver[];
  readonly canChange: boolean;
  readonly onChange: (change: { nameservers: Server[] }) => void;
}): React.JSX.Element {
  const [isAdding, setAdding] = useState(false);
  const sent = servers.map(asSent);
  return (
    <Card
      title={t('Nameservers')}
      about={t('Asked for everything that no rule below names.')}
      actions={
        canChange ? (
          <Button size="small" icon={Plus} onPress={() => setAdding(true)}>
            {t('Add')}
          </Button>
        ) : undefined
      }
    >
      {servers.length === 0 ? (
        <p className="soft">{t('None: each machine asks the servers of the place where it is.')}</p>
      ) : (
        <ServerList
          servers={servers}
          onRemove={
            canChange
              ? (gone) => onChange({ nameservers: sent.filter(({ address }) => address !== gone) })
              : undefined
          }
        />
      )}
      {isAdding ? (
        <ServerDialog
          title={t('Add a nameserver')}
          onClose={() => setAdding(false)}
          onAdd={async (server) => {
            await call('dns.set', { nameservers: [...sent, server] });
            tellDone(t('{address} is added', { address: server.address }));
          }}
        />
      ) : null}
    </Card>
  );
}

export function ServerList({
  servers,
  onRemove,
}: {
  readonly servers: readonly Nameserver[];
  readonly onRemove: ((address: string) => void) | undefined;
}): React.JSX.Element {
  return (
    <ul className="plain-list">
      {servers.map(({ address, use_with_exit_node }) => (
        <li key={address}>
          <span className="mono">{address}</span>
          <span className="row">
            {use_with_exit_node ? <Badge>{t('also with exit nodes')}</Badge> : null}
            {onRemove === undefined ? null : (
              <IconButton
                size="small"
                icon={Trash2}
                label={t('Remove {what}', { what: address })}
                onPress={() => onRemove(address)}
              />
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

export function ServerDialog({
  title,
  onAdd,
  onClose,
}: {
  readonly title: string;
  readonly onAdd: (server: Server) => Promise<void>;
  readonly onClose: () => void;
}): React.JSX.Element {
  const [address, setAddress] = useState('');
  const [useWithExitNode, setUse] = useState(false);
  return (
    <FormDialog
      title={title}
      submit={t('Add')}
      size="small"
      canSubmit={address.trim() !== ''}
      onClose={onClose}
      onSubmit={async () => {
        await onAdd({ address: address.trim(), useWithExitNode });
        onClose();
      }}
    >
      <TextField
        label={t('Address')}
        value={address}
        onChange={setAddress}
        isMono
        autoFocus
        placeholder="1.1.1.1"
        help={t('An IP address, or the https:// address of a DNS-over-HTTPS service')}
      />
      <Checkbox isSelected={useWithExitNode} onChange={setUse}>
        {t('Use it also while an exit node is in use')}
      </Checkbox>
    </FormDialog>
  );
}
