/** Whose network it is, and the way to others: name, network, and the server where it is not the usual one. */
import { Check, ChevronsUpDown, Plus, UserRound, UsersRound } from 'lucide-react';
import { Button as AriaButton } from 'react-aria-components';
import { Menu } from '../../ui/menu.tsx';
import { t } from '../i18n/text.ts';
import { cut, Foreign } from '../lib/foreign.tsx';
import { addAccount, serverHost, switchAccount } from '../store/accounts.ts';
import { useMayManage, useSnapshot } from '../store/store.ts';
import { go } from './route.ts';

export function AccountButton(): React.JSX.Element {
  const accounts = useSnapshot(({ accounts }) => accounts);
  const network = useSnapshot(({ network }) => network?.name ?? '');
  const self = useSnapshot(({ self, users }) => users[self?.userId ?? '']?.displayName ?? '');
  const mayManage = useMayManage();
  const current = accounts.find(({ isCurrent }) => isCurrent);
  const name = current?.name || self || t('account.none');
  // A network of one's own is often called as its server is.
  const lines = [...new Set([current?.network || network, serverHost(current?.server ?? '')])].filter(
    Boolean,
  );
  return (
    <Menu
      label={t('account.menu')}
      actions={[
        mayManage
          ? accounts.map((account) => ({
              id: `a-${account.id}`,
              text: [cut(account.name, 40), cut(account.network, 40)].filter(Boolean).join(' · '),
              icon: account.isCurrent ? Check : UserRound,
              run: () => {
                if (!account.isCurrent) void switchAccount(account.id);
              },
            }))
          : [],
        [
          ...(mayManage
            ? [{ id: 'add', text: t('account.add'), icon: Plus, run: () => void addAccount() }]
            : []),
          { id: 'all', text: t('account.manage'), icon: UsersRound, run: () => go('/accounts') },
        ],
      ]}
    >
      <AriaButton className="account">
        <Avatar name={current?.name || self} />
        <span className="visually-hidden">{t('account.menu')} </span>
        <span className="account-texts">
          <span className="account-name">
            <Foreign text={name} max={60} />
          </span>
          {lines.map((line) => (
            <span key={line} className="account-role">
              <Foreign text={line} max={60} />
            </span>
          ))}
        </span>
        <ChevronsUpDown aria-hidden="true" className="account-arrow" />
      </AriaButton>
    </Menu>
  );
}

/** The first letter of an account's name; a figure where there is none. */
export function Avatar({ name }: { readonly name: string }): React.JSX.Element {
  const [letter] = cut(name);
  return (
    <span className="avatar" aria-hidden="true">
      {letter === undefined ? <UserRound /> : <span data-letter={letter.toUpperCase()} />}
    </span>
  );
}
