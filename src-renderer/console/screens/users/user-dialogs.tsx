/** What is asked before a user is made or changed. */
import { useState } from 'react';
import { ROLES, type Role, type User } from '#shared/console/shapes.ts';
import { FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { t } from '../../../ui/text.ts';
import { tellDone } from '../../../ui/toast.tsx';
import { RadioGroup } from '../../../ui/toggle.tsx';
import { call } from '../../api/client.ts';

export type UserDoing =
  | { readonly what: 'create' }
  | { readonly what: 'role' | 'rename' | 'suspend' | 'delete'; readonly user: User };

interface RoleChoice {
  readonly id: Role;
  readonly text: string;
  readonly note: string;
}

const roles = (): readonly RoleChoice[] => [
  { id: 'owner', text: t('Owner'), note: t('Everything, and the one whom nobody can take it from') },
  { id: 'admin', text: t('Admin'), note: t('Everything but naming an owner') },
  { id: 'it-admin', text: t('IT admin'), note: t('Machines, users and keys; reads the rest') },
  { id: 'network-admin', text: t('Network admin'), note: t('Policy, routes, DNS; reads the rest') },
  { id: 'auditor', text: t('Auditor'), note: t('Reads everything, changes nothing') },
  { id: 'member', text: t('Member'), note: t('Their own machines only') },
];

export const roleText = (role: string): string => roles().find(({ id }) => id === role)?.text ?? role;

interface Props {
  readonly onClose: () => void;
}

export function UserDialog({ doing, onClose }: Props & { readonly doing: UserDoing }): React.JSX.Element {
  switch (doing.what) {
    case 'create':
      return <CreateDialog onClose={onClose} />;
    case 'role':
      return <RoleDialog user={doing.user} onClose={onClose} />;
    case 'rename':
      return <RenameDialog user={doing.user} onClose={onClose} />;
    case 'suspend':
    case 'delete':
      return <EndDialog what={doing.what} user={doing.user} onClose={onClose} />;
    default:
      return doing satisfies never;
  }
}

function CreateDialog({ onClose }: Props): React.JSX.Element {
  const [name, setName] = useState('');
  const [displayName, setDisplayName] = useState('');
  return (
    <FormDialog
      title={t('Add a user')}
      submit={t('Add')}
      size="small"
      canSubmit={name.trim() !== ''}
      onClose={onClose}
      onSubmit={async () => {
        const rest = displayName === '' ? {} : { displayName };
        await call('users.create', { name: name.trim(), ...rest });
        tellDone(t('{name} is added', { name }));
        onClose();
      }}
    >
      <TextField
        label={t('User name')}
        value={name}
        onChange={setName}
        autoFocus
        maxLength={128}
        help={t('As rules of the policy name them, such as ann@example.com')}
      />
      <TextField label={t('Full name')} value={displayName} onChange={setDisplayName} maxLength={256} />
    </FormDialog>
  );
}

function RoleDialog({ user, onClose }: Props & { readonly user: User }): React.JSX.Element {
  const [role, setRole] = useState<Role | undefined>(ROLES.find((one) => one === user.role));
  return (
    <FormDialog
      title={t('Role of {name}', { name: user.name })}
      submit={t('Save')}
      canSubmit={role !== undefined && role !== user.role}
      onClose={onClose}
      onSubmit={async () => {
        if (role === undefined) return;
        await call('users.role', { user: user.name, role });
        tellDone(t('{name} is {role} now', { name: user.name, role: roleText(role) }));
        onClose();
      }}
    >
      <RadioGroup
        label={t('What the user may do here')}
        value={role ?? ''}
        onChange={(id) => setRole(ROLES.find((one) => one === id))}
        choices={roles()}
      />
    </FormDialog>
  );
}

function RenameDialog({ user, onClose }: Props & { readonly user: User }): React.JSX.Element {
  const [name, setName] = useState(user.name);
  return (
    <FormDialog
      title={t('Rename {name}', { name: user.name })}
      submit={t('Rename')}
      size="small"
      canSubmit={name.trim() !== '' && name !== user.name}
      onClose={onClose}
      onSubmit={async () => {
        await call('users.rename', { user: user.name, newName: name.trim() });
        tellDone(t('{before} is now {name}', { before: user.name, name }));
        onClose();
      }}
    >
      <TextField
        label={t('User name')}
        value={name}
        onChange={setName}
        autoFocus
        maxLength={128}
        help={t('Rules of the policy with the old name don’t follow: change them as well.')}
      />
    </FormDialog>
  );
}

function EndDialog({
  what,
  user,
  onClose,
}: Props & { readonly what: 'suspend' | 'delete'; readonly user: User }): React.JSX.Element {
  const { name } = user;
  const isSuspend = what === 'suspend';
  return (
    <FormDialog
      title={isSuspend ? t('Suspend {name}?', { name }) : t('Delete {name}?', { name })}
      submit={isSuspend ? t('Suspend') : t('Delete')}
      isDanger
      size="small"
      onClose={onClose}
      onSubmit={async () => {
        await call(isSuspend ? 'users.suspend' : 'users.delete', { user: name });
        tellDone(isSuspend ? t('{name} is suspended', { name }) : t('{name} is deleted', { name }));
        onClose();
      }}
    >
      <p>
        {isSuspend
          ? t(
              'The user’s machines leave the network and nobody can sign in as this user, until you restore them.',
            )
          : t('The user and everything that is theirs goes for good.')}
      </p>
    </FormDialog>
  );
}
