/** The accounts of this device: which one is in use, switching, adding, renaming, signing out. */
import { KeyRound, LogOut, Pencil, Plus, Trash2, UserRound } from 'lucide-react';
import { useState } from 'react';
import type { Account } from '#shared/ui-state/types.ts';
import { Badge } from '../../../ui/badge.tsx';
import { Button, IconButton } from '../../../ui/button.tsx';
import { Dialog, DialogBody, DialogFoot, FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { EmptyState } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { t } from '../../i18n/text.ts';
import { cut, Foreign } from '../../lib/foreign.tsx';
import { Avatar } from '../../shell/account-button.tsx';
import { go } from '../../shell/route.ts';
import { Screen } from '../../shell/screen.tsx';
import { addAccount, removeAccount, serverHost, signOut, switchAccount } from '../../store/accounts.ts';
import { ask, failureText } from '../../store/act.ts';
import { isOnIn } from '../../store/connection.ts';
import { signInAgain, useSignIn } from '../../store/sign-in.ts';
import { uiOf, useApp, useMayManage, useSnapshot, useUi } from '../../store/store.ts';
import './accounts.css';

type Over =
  | { readonly kind: 'rename'; readonly account: Account }
  | { readonly kind: 'leave'; readonly account: Account };

export function AccountsScreen(): React.JSX.Element {
  const accounts = useSnapshot(({ accounts }) => accounts);
  const mayManage = useMayManage();
  const [over, setOver] = useState<Over>();
  const close = (): void => setOver(undefined);
  return (
    <Screen
      title={t('accounts.title')}
      about={t('accounts.about')}
      actions={
        mayManage ? (
          <Button kind="strong" icon={Plus} onPress={() => void addAccount()}>
            {t('accounts.add')}
          </Button>
        ) : undefined
      }
    >
      {accounts.length === 0 ? (
        <Nobody mayManage={mayManage} />
      ) : (
        <ul className="accounts" aria-label={t('accounts.list')}>
          {accounts.map((account) => (
            <li key={account.id}>
              <Row account={account} onOver={setOver} />
            </li>
          ))}
        </ul>
      )}
      {over?.kind === 'rename' ? <Rename account={over.account} onClose={close} /> : null}
      {over?.kind === 'leave' ? <Leave account={over.account} onClose={close} /> : null}
    </Screen>
  );
}

function Row({
  account,
  onOver,
}: {
  readonly account: Account;
  readonly onOver: (over: Over) => void;
}): React.JSX.Element {
  const { id, name, loginName, network, server, isCurrent } = account;
  const mayManage = useMayManage();
  const device = useSnapshot(({ self }) => self?.name ?? '');
  const line = [name === loginName ? '' : loginName, serverHost(server)].filter(Boolean).join(' · ');
  return (
    <div className={`account-row${isCurrent ? ' account-current' : ''}`}>
      <Avatar name={name} />
      <div className="account-row-texts">
        <p className="account-row-name">
          <Foreign text={name} max={80} />
          {network === '' ? null : (
            <span className="soft">
              {' · '}
              <Foreign text={network} max={80} />
            </span>
          )}
        </p>
        {line === '' ? null : (
          <p className="soft">
            <Foreign text={line} max={120} />
          </p>
        )}
        {isCurrent && device !== '' ? (
          <p className="soft">{t('accounts.deviceName', { name: device })}</p>
        ) : null}
      </div>
      <div className="account-row-actions">
        {isCurrent ? (
          <CurrentState />
        ) : mayManage ? (
          <>
            <Badge>{t('accounts.signedIn')}</Badge>
            <Button onPress={() => void switchAccount(id)}>
              {t('accounts.switch')}{' '}
              <span className="visually-hidden">{cut([name, network].filter(Boolean).join(', '))}</span>
            </Button>
          </>
        ) : null}
        {!mayManage ? null : isCurrent ? (
          <>
            <Renew />
            <IconButton
              icon={Pencil}
              label={t('accounts.rename')}
              onPress={() => onOver({ kind: 'rename', account })}
            />
            <Button icon={LogOut} onPress={() => onOver({ kind: 'leave', account })}>
              {t('accounts.signOut')}
            </Button>
          </>
        ) : (
          <IconButton
            icon={Trash2}
            label={t('accounts.removeName', { name })}
            onPress={() => onOver({ kind: 'leave', account })}
          />
        )}
      </div>
    </div>
  );
}

/** A new key for the account in use, while the old one carries on. */
function Renew(): React.JSX.Element | null {
  const canRenew = useApp((state) => isOnIn(uiOf(state)));
  const isAsking = useSignIn(({ startedMs }) => startedMs !== undefined);
  if (!canRenew) return null;
  const renew = (): void => {
    if (isAsking) return;
    void signInAgain();
    go('/');
  };
  return (
    <Button icon={KeyRound} isPending={isAsking} onPress={renew}>
      {t('signin.expired.button')}
    </Button>
  );
}

function CurrentState(): React.JSX.Element {
  const ui = useUi();
  if (ui === 'expired') return <Badge tone="bad">{t('accounts.expired')}</Badge>;
  if (ui === 'signed-out' || ui === 'waiting-browser')
    return <Badge tone="warn">{t('accounts.signedOutState')}</Badge>;
  return <Badge tone="good">{t('accounts.current')}</Badge>;
}

function Nobody({ mayManage }: { readonly mayManage: boolean }): React.JSX.Element {
  return (
    <Card>
      <EmptyState
        icon={UserRound}
        title={mayManage ? t('accounts.empty.title') : t('accounts.readonly')}
        action={mayManage ? <Button onPress={() => go('/')}>{t('signin.button')}</Button> : undefined}
      >
        {mayManage ? <p>{t('accounts.empty.text')}</p> : undefined}
      </EmptyState>
    </Card>
  );
}

/** The daemon keeps it as a preference of the account in use. */
function Rename({
  account,
  onClose,
}: {
  readonly account: Account;
  readonly onClose: () => void;
}): React.JSX.Element {
  const nickname = useSnapshot(({ settings }) => settings?.nickname ?? '');
  const [name, setName] = useState(nickname);
  return (
    <FormDialog
      title={t('accounts.rename.title')}
      submit={t('accounts.rename.save')}
      size="small"
      onClose={onClose}
      onSubmit={async () => {
        try {
          await ask('prefs.edit', { nickname: name.trim() });
        } catch (error) {
          throw new Error(failureText(error), { cause: error });
        }
        onClose();
      }}
    >
      <TextField
        label={t('accounts.rename.label')}
        placeholder={account.loginName}
        help={t('accounts.rename.help')}
        value={name}
        onChange={setName}
        autoFocus
        maxLength={80}
      />
    </FormDialog>
  );
}

function Leave({
  account: { id, name, isCurrent },
  onClose,
}: {
  readonly account: Account;
  readonly onClose: () => void;
}): React.JSX.Element {
  const title = isCurrent ? t('accounts.out.title', { name }) : t('accounts.remove.title', { name });
  return (
    <Dialog title={title} size="small" onClose={onClose}>
      <DialogBody>
        <p>{t('accounts.out.text')}</p>
      </DialogBody>
      <DialogFoot>
        <Button autoFocus onPress={onClose}>
          {t('common.cancel')}
        </Button>
        <Button
          kind="danger"
          onPress={() => {
            onClose();
            void (isCurrent ? signOut() : removeAccount(id));
          }}
        >
          {isCurrent ? t('accounts.signOut') : t('accounts.remove')}
        </Button>
      </DialogFoot>
    </Dialog>
  );
}
