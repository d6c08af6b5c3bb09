/** Machines that ask to be let in, live: who they say they are, from where, and yes or no. */
import { Check, X } from 'lucide-react';
import { useState } from 'react';
import type { Pending } from '#shared/console/shapes.ts';
import { Badge } from '../../../ui/badge.tsx';
import { Button } from '../../../ui/button.tsx';
import { ComboBox } from '../../../ui/choice.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { Card, Fact, Facts } from '../../../ui/page.tsx';
import { t } from '../../../ui/text.ts';
import { When } from '../../../ui/time.tsx';
import { tellDone } from '../../../ui/toast.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { act } from '../../app/act.ts';
import { useMay, useSession } from '../../app/session.ts';
import { osName } from './facts.ts';

export function PendingRequests(): React.JSX.Element | null {
  const may = useMay();
  const { data } = useQuery('nodes.pending', may('nodes.pending') ? {} : undefined);
  const [asked, setAsked] = useState<Pending>();
  if (data === undefined || (data.length === 0 && asked === undefined)) return null;
  return (
    <>
      {data.length === 0 ? null : (
        <Card
          title={t('Waiting to join')}
          about={t('Approve a machine only if you or somebody you know has just started it.')}
        >
          <ul className="plain-list" aria-live="polite">
            {data.map((machine) => (
              <li key={machine.id}>
                <div className="pending-who">
                  <strong>{machine.name || t('unnamed')}</strong> <Badge>{osName(machine.os)}</Badge>
                  <div className="grid-note">
                    {t('from {address}, key {key}', { address: machine.address, key: machine.key })} ·{' '}
                    <When at={machine.created_at} />
                  </div>
                </div>
                <div className="row">
                  {may('nodes.reject') ? (
                    <Button
                      icon={X}
                      onPress={() =>
                        void act(t('{name} is turned away', { name: machine.name }), () =>
                          call('nodes.reject', { request: machine.id }),
                        )
                      }
                    >
                      {t('Reject')}
                    </Button>
                  ) : null}
                  {may('nodes.approve') ? (
                    <Button kind="strong" icon={Check} onPress={() => setAsked(machine)}>
                      {t('Approve…')}
                    </Button>
                  ) : null}
                </div>
              </li>
            ))}
          </ul>
        </Card>
      )}
      {asked === undefined ? null : <ApproveDialog machine={asked} onClose={() => setAsked(undefined)} />}
    </>
  );
}

function ApproveDialog({
  machine,
  onClose,
}: {
  readonly machine: Pending;
  readonly onClose: () => void;
}): React.JSX.Element {
  const session = useSession();
  const users = useQuery('users.list', {});
  const [user, setUser] = useState<string | undefined>(session.user.name);
  return (
    <FormDialog
      title={t('Let {name} join', { name: machine.name })}
      submit={t('Approve')}
      canSubmit={user !== undefined}
      onClose={onClose}
      onSubmit={async () => {
        if (user === undefined) return;
        const node = await call('nodes.approve', { request: machine.id, user });
        tellDone(t('{name} has joined', { name: node.name }));
        onClose();
      }}
    >
      <Facts>
        <Fact name={t('System')}>{osName(machine.os)}</Fact>
        <Fact name={t('Asks from')}>{machine.address}</Fact>
        <Fact name={t('Key')}>
          <code>{machine.key}</code>
        </Fact>
        <Fact name={t('Since')}>
          <When at={machine.created_at} />
        </Fact>
      </Facts>
      <ComboBox
        label={t('Whose machine it will be')}
        options={(users.data ?? []).map(({ name, display_name }) => ({
          id: name,
          text: name,
          note: display_name || undefined,
        }))}
        value={user}
        onChange={setUser}
      />
    </FormDialog>
  );
}
