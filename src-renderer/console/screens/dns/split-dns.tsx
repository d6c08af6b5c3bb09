/** Domains whose names other servers answer than the usual ones. */
import { Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { Nameserver } from '#shared/console/shapes.ts';
import { Button, IconButton } from '../../../ui/button.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Card } from '../../../ui/page.tsx';
import { TagInput } from '../../../ui/tag-input.tsx';
import { t } from '../../../ui/text.ts';
import { tellDone } from '../../../ui/toast.tsx';
import { call } from '../../api/client.ts';
import { domainProblem } from './domain.ts';

export function SplitDns({
  split,
  canChange,
  onChange,
}: {
  readonly split: Readonly<Record<string, readonly Nameserver[]>>;
  readonly canChange: boolean;
  readonly onChange: (change: { splitDnsPatch: Record<string, null> }) => void;
}): React.JSX.Element {
  const [isAdding, setAdding] = useState(false);
  const domains = Object.entries(split);
  return (
    <Card
      title={t('Split DNS')}
      about={t('Names below a domain are asked at servers of its own, such as those of an office.')}
      actions={
        canChange ? (
          <Button size="small" icon={Plus} onPress={() => setAdding(true)}>
            {t('Add')}
          </Button>
        ) : undefined
      }
    >
      {domains.length === 0 ? (
        <p className="soft">{t('None')}</p>
      ) : (
        <ul className="plain-list">
          {domains.map(([domain, servers]) => (
            <li key={domain}>
              <span>
                <strong className="mono">{domain}</strong>
                <div className="grid-note mono">{servers.map(({ address }) => address).join(', ')}</div>
              </span>
              {canChange ? (
                <IconButton
                  size="small"
                  icon={Trash2}
                  label={t('Remove {what}', { what: domain })}
                  onPress={() => onChange({ splitDnsPatch: { [domain]: null } })}
                />
              ) : null}
            </li>
          ))}
        </ul>
      )}
      {isAdding ? <SplitDialog onClose={() => setAdding(false)} /> : null}
    </Card>
  );
}

function SplitDialog({ onClose }: { readonly onClose: () => void }): React.JSX.Element {
  const [domain, setDomain] = useState('');
  const [servers, setServers] = useState<readonly string[]>([]);
  const problem = domain === '' ? undefined : domainProblem(domain);
  return (
    <FormDialog
      title={t('Servers for a domain')}
      submit={t('Add')}
      size="small"
      canSubmit={domain !== '' && problem === undefined && servers.length > 0}
      onClose={onClose}
      onSubmit={async () => {
        const list = servers.map((address) => ({ address, useWithExitNode: false }));
        await call('dns.set', { splitDnsPatch: { [domain]: list } });
        tellDone(t('{domain} has servers of its own now', { domain }));
        onClose();
      }}
    >
      <TextField
        label={t('Domain')}
        value={domain}
        onChange={setDomain}
        problem={problem}
        isMono
        autoFocus
        placeholder="corp.example.com"
      />
      <TagInput label={t('Servers')} value={servers} onChange={setServers} placeholder="10.0.0.53" />
    </FormDialog>
  );
}
