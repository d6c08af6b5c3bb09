/** What can be done to machines: the actions that are offered, and the dialog that each of them opens. */
import {
  AtSign,
  Ban,
  CalendarClock,
  CalendarOff,
  Check,
  CircleCheck,
  Clipboard,
  LogOut,
  Pencil,
  Route as RouteIcon,
  Tags as TagsIcon,
  Trash2,
  UserRoundPen,
} from 'lucide-react';
import { useState } from 'react';
import type { CallName } from '#shared/console/calls.ts';
import type { Node } from '#shared/console/shapes.ts';
import { copyText } from '../../../ui/copy.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import type { Action } from '../../../ui/menu.tsx';
import { plural, t } from '../../../ui/text.ts';
import { tellDone } from '../../../ui/toast.tsx';
import { call } from '../../api/client.ts';
import { act, actOnMany } from '../../app/act.ts';
import { ipv4Of, isTagged } from './facts.ts';
import { MoveDialog } from './move-dialog.tsx';
import { RoutesDialog } from './routes-dialog.tsx';
import { TagsDialog } from './tags-dialog.tsx';

export type Doing = {
  readonly what: 'rename' | 'tag' | 'move' | 'expire' | 'delete' | 'routes' | 'set-ip' | 'disable';
  readonly nodes: readonly Node[];
};

type May = (name: CallName) => boolean;

/** For one machine or a selection; what needs one machine is left out for several. */
export function actionsFor(
  nodes: readonly Node[],
  may: May,
  begin: (doing: Doing) => void,
): readonly (readonly Action[])[] {
  const [only] = nodes;
  const one = nodes.length === 1 ? only : undefined;
  const dialog = (what: Doing['what']) => () => begin({ what, nodes });
  const many = (work: (node: Node) => Promise<unknown>) => () => {
    void actOnMany(nodes, (node) => node.name, work);
  };
  const byId = (node: Node) => ({ node: String(node.id) });
  const some = (isSo: (node: Node) => boolean): boolean => nodes.some(isSo);
  const offer = (isOffered: boolean, action: Action): readonly Action[] => (isOffered ? [action] : []);
  return [
    [
      ...offer(may('nodes.authorize') && some((node) => !node.approved), {
        ...{ id: 'authorize', text: t('Approve'), icon: CircleCheck },
        run: many((node) => call('nodes.authorize', byId(node))),
      }),
      ...(one === undefined
        ? []
        : [
            {
              ...{ id: 'copy', text: t('Copy address {address}', { address: ipv4Of(one) }), icon: Clipboard },
              run: () => void copyText(ipv4Of(one)),
            },
          ]),
    ],
    [
      ...offer(one !== undefined && may('nodes.rename'), {
        ...{ id: 'rename', text: t('Rename…'), icon: Pencil, run: dialog('rename') },
      }),
      ...offer(may('nodes.tag'), {
        ...{ id: 'tag', text: t('Tags…'), icon: TagsIcon, run: dialog('tag') },
      }),
      ...offer(may('nodes.move'), {
        ...{ id: 'move', text: t('Change owner…'), icon: UserRoundPen, run: dialog('move') },
      }),
      ...offer(one !== undefined && may('routes.approve'), {
        ...{ id: 'routes', text: t('Routes…'), icon: RouteIcon, run: dialog('routes') },
      }),
      ...offer(one !== undefined && may('nodes.set-ip'), {
        ...{ id: 'set-ip', text: t('Change addresses…'), icon: AtSign, run: dialog('set-ip') },
      }),
      ...offer(may('nodes.key-expiry') && some((node) => !node.key_expiry_disabled), {
        ...{ id: 'no-expiry', text: t('Let the key never expire'), icon: CalendarOff },
        run: many((node) => call('nodes.key-expiry', { ...byId(node), disabled: true })),
      }),
      ...offer(may('nodes.key-expiry') && some((node) => node.key_expiry_disabled), {
        ...{ id: 'expiry', text: t('Let the key expire as usual'), icon: CalendarClock },
        run: many((node) => call('nodes.key-expiry', { ...byId(node), disabled: false })),
      }),
    ],
    [
      ...offer(may('nodes.enable') && some((node) => node.disabled), {
        ...{ id: 'enable', text: t('Enable'), icon: Check },
        run: many((node) => call('nodes.enable', byId(node))),
      }),
      ...offer(may('nodes.disable') && some((node) => !node.disabled), {
        ...{ id: 'disable', text: t('Disable…'), icon: Ban, run: dialog('disable') },
      }),
      ...offer(may('nodes.expire') && some((node) => !node.expired), {
        ...{ id: 'expire', text: t('Sign out…'), icon: LogOut, run: dialog('expire') },
      }),
      ...offer(may('nodes.delete'), {
        ...{ id: 'delete', text: t('Remove…'), icon: Trash2, isDanger: true, run: dialog('delete') },
      }),
    ],
  ];
}

export interface DoingProps {
  readonly doing: Doing;
  readonly onClose: () => void;
}

export function DoingDialog({ doing, onClose }: DoingProps): React.JSX.Element | null {
  const { what, nodes } = doing;
  const [node] = nodes;
  if (node === undefined) return null;
  switch (what) {
    case 'rename':
      return <RenameDialog node={node} onClose={onClose} />;
    case 'tag':
      return <TagsDialog nodes={nodes} onClose={onClose} />;
    case 'move':
      return <MoveDialog nodes={nodes} onClose={onClose} />;
    case 'routes':
      return <RoutesDialog node={node} onClose={onClose} />;
    case 'set-ip':
      return <AddressDialog node={node} onClose={onClose} />;
    case 'expire':
    case 'delete':
    case 'disable':
      return <ConfirmDialog what={what} nodes={nodes} onClose={onClose} />;
    default:
      return what satisfies never;
  }
}

function RenameDialog({
  node,
  onClose,
}: {
  readonly node: Node;
  readonly onClose: () => void;
}): React.JSX.Element {
  const [name, setName] = useState(node.name);
  const isName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(name);
  return (
    <FormDialog
      title={t('Rename {name}', { name: node.name })}
      submit={t('Rename')}
      size="small"
      canSubmit={isName && name !== node.name}
      onClose={onClose}
      onSubmit={async () => {
        await call('nodes.rename', { node: String(node.id), newName: name });
        tellDone(t('{before} is now {name}', { before: node.name, name }));
        onClose();
      }}
    >
      <TextField
        label={t('Name')}
        value={name}
        onChange={setName}
        autoFocus
        maxLength={63}
        help={t('Other machines find it under {fqdn}', {
          fqdn: node.fqdn.replace(/^[^.]*/, name.toLowerCase() || '…'),
        })}
        problem={isName || name === '' ? undefined : t('Letters, digits and hyphens; no hyphen at the ends')}
      />
    </FormDialog>
  );
}

function AddressDialog({
  node,
  onClose,
}: {
  readonly node: Node;
  readonly onClose: () => void;
}): React.JSX.Element {
  const before = { ipv4: ipv4Of(node), ipv6: node.ip_addresses.find((one) => one.includes(':')) ?? '' };
  const [ipv4, setIpv4] = useState(before.ipv4);
  const [ipv6, setIpv6] = useState(before.ipv6);
  return (
    <FormDialog
      title={t('Addresses of {name}', { name: node.name })}
      submit={t('Change')}
      size="small"
      canSubmit={ipv4 !== before.ipv4 || ipv6 !== before.ipv6}
      onClose={onClose}
      onSubmit={async () => {
        await call('nodes.set-ip', {
          node: String(node.id),
          ...(ipv4 === before.ipv4 ? {} : { ipv4 }),
          ...(ipv6 === before.ipv6 ? {} : { ipv6 }),
        });
        tellDone(t('{name} has other addresses now', { name: node.name }));
        onClose();
      }}
    >
      <TextField label="IPv4" value={ipv4} onChange={setIpv4} isMono autoFocus />
      <TextField label="IPv6" value={ipv6} onChange={setIpv6} isMono />
      <p className="soft">
        {t(
          'Connections to the old address break. Names keep working: other machines learn the new one at once.',
        )}
      </p>
    </FormDialog>
  );
}

const WORDS = {
  expire: {
    title: () => t('Sign out'),
    one: 'Sign {name} out?',
    other: 'Sign {count} machines out?',
    text: () => t('The key ends now. Nobody can reach the machine until somebody signs in on it again.'),
    submit: () => t('Sign out'),
    call: 'nodes.expire',
    done: '{name} is signed out',
  },
  disable: {
    title: () => t('Disable'),
    one: 'Disable {name}?',
    other: 'Disable {count} machines?',
    text: () =>
      t(
        'It leaves the network at once and keeps its addresses, name and routes for when you enable it again.',
      ),
    submit: () => t('Disable'),
    call: 'nodes.disable',
    done: '{name} is disabled',
  },
  delete: {
    title: () => t('Remove'),
    one: 'Remove {name}?',
    other: 'Remove {count} machines?',
    text: () =>
      t('It leaves the network at once, and its addresses become free. To come back it must join again.'),
    submit: () => t('Remove'),
    call: 'nodes.delete',
    done: '{name} is removed',
  },
} as const;

function ConfirmDialog({
  what,
  nodes,
  onClose,
}: {
  readonly what: keyof typeof WORDS;
  readonly nodes: readonly Node[];
  readonly onClose: () => void;
}): React.JSX.Element {
  const words = WORDS[what];
  const [first] = nodes;
  const name = first?.name ?? '';
  return (
    <FormDialog
      title={plural(nodes.length, words.one, words.other, { name })}
      submit={words.submit()}
      isDanger
      size="small"
      onClose={onClose}
      onSubmit={async () => {
        onClose();
        const run = (node: Node) => call(words.call, { node: String(node.id) });
        if (nodes.length === 1 && first !== undefined) await act(t(words.done, { name }), () => run(first));
        else await actOnMany(nodes, (node) => node.name, run);
      }}
    >
      <p>{words.text()}</p>
      {nodes.length > 1 ? (
        <p className="soft">
          {nodes
            .slice(0, 12)
            .map((node) => node.name)
            .join(', ')}
          {nodes.length > 12 ? ' …' : ''}
        </p>
      ) : null}
      {what === 'expire' && nodes.some(isTagged) ? (
        <p className="soft">
          {t('Machines with tags usually have nobody in front of them who could sign in.')}
        </p>
      ) : null}
    </FormDialog>
  );
}
